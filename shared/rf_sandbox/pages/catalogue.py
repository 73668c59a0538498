"""The whole catalogue: listed, searched, mapped, as JSON, and with what proves it complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from rf_sandbox.pages.asked import Asked, whole
from rf_sandbox.pages.goods import (
    CATEGORIES,
    Item,
    Listing,
    item_of,
    item_sha256,
    listing,
    picture_bytes,
)
from rf_sandbox.pages.reply import Delivery, Reply, document, page, redirect
from rf_sandbox.pages.routing import SEND, Page
from rf_sandbox.pages.state import SiteState

ITEMS_PER_MAP: Final = 10_000
_PER_PAGE: Final = 20
_MOST_PER_PAGE: Final = 500
_MOST_DIGITS: Final = 9
_LINES_PER_PIECE: Final = 100
_MOST_WORDS: Final = 8
_FORMS: Final = (
    '<form action="/catalogue/search"><input name="q"><button>search</button></form>'
    '<form action="/catalogue/quote" method="post"><input name="item" value="1">'
    '<input name="quantity" value="1"><button>quote</button></form>'
)


@lru_cache(maxsize=256)
def _found(items: int, words: tuple[str, ...], category: str) -> Listing:
    def fits(item: Item) -> bool:
        known = {*item.title.split()[:2], item.category}
        return known.issuperset(words) and category in {"", item.category}

    return listing(items, fits)


def _numbers(asked: Asked, count: int) -> tuple[int, int, int]:
    """Page, items per page and last page, as asked for."""
    per_page = whole(asked.query("per_page", str(_PER_PAGE)), 1, _MOST_PER_PAGE)
    last = max(1, -(-count // per_page))
    return whole(asked.query("page", "1"), 1, last), per_page, last


def _listed(asked: Asked, found: Listing, title: str, **kept: str) -> Reply:
    number, per_page, last = _numbers(asked, len(found))
    rows = "".join(
        f'<li data-id="{n}"><a href="/items/{n}">{item.title}</a> '
        f'<span class="price">{item.price}</span><img src="/image/{n}.png"></li>'
        for n in found.part((number - 1) * per_page, per_page)
        for item in (item_of(n),)
    )
    query = kept | ({"per_page": str(per_page)} if per_page != _PER_PAGE else {})

    def link(relation: str, there: int) -> str:
        there_query = escape(urlencode({**query, "page": there}))
        return f'<a rel="{relation}" href="{asked.path}?{there_query}">{relation}</a> '

    before = link("prev", number - 1) if number > 1 else ""
    after = link("next", number + 1) if number < last else ""
    others = "".join(f'<a href="/catalogue/category/{one}">{one}</a> ' for one in CATEGORIES)
    told = f'<p id="total">{len(found)}</p><p id="page">{number} of {last}</p>'
    content = f"<h1>{escape(title)}</h1>{others}{_FORMS}{told}<ol>{rows}</ol>{before}{after}"
    return page(title, content, is_still=True)


def _catalogue(site: SiteState, asked: Asked) -> Reply:
    return _listed(asked, _found(site.items, (), ""), "Catalogue")


def _category(site: SiteState, asked: Asked, name: str) -> Reply:
    if name not in CATEGORIES:
        raise ValueError(name)
    return _listed(asked, _found(site.items, (), name), f"Category {name}")


def _search(site: SiteState, asked: Asked) -> Reply:
    words = asked.query("q")
    known = tuple(sorted(set(words.lower().split())))[:_MOST_WORDS]
    if len(known) == 1 and known[0].isdigit() and known[0].isascii():
        if len(known[0]) <= _MOST_DIGITS and 1 <= int(known[0]) <= site.items:
            return redirect(f"/items/{int(known[0])}")
        known = ("nothing of that number",)
    return _listed(asked, _found(site.items, known, ""), f"Search: {words}", q=words)


def _quote(site: SiteState, asked: Asked) -> Reply:
    item = item_of(whole(asked.form("item"), 1, site.items))
    quantity = whole(asked.form("quantity", "1"), 1, 1_000)
    total = item.cents * quantity
    told = f'<p id="total">{total // 100}.{total % 100:02}</p>'
    return page("Quote", f"<h1>{quantity} x {item.title}</h1>{told}")


def _manifest(site: SiteState, asked: Asked) -> Reply:
    first = whole(asked.query("from", "1"), 1, site.items)
    last = whole(asked.query("to", str(site.items)), first, site.items)

    def pieces() -> Iterator[bytes]:
        for start in range(first, last + 1, _LINES_PER_PIECE):
            end = min(start + _LINES_PER_PIECE, last + 1)
            yield b"".join(
                b'{"id": %d, "sha256": "%b"}\n' % (n, item_sha256(n).encode())
                for n in range(start, end)
            )

    return Reply(
        200,
        content_type="application/x-ndjson",
        pieces=pieces,
        delivery=Delivery(framing="chunked"),
    )


def _maps(site: SiteState, asked: Asked) -> Reply:
    count = -(-site.items // ITEMS_PER_MAP)
    addresses = [f"/catalogue/sitemap/{n}.xml" for n in range(1, count + 1)]
    return _map(asked, "sitemapindex", "sitemap", addresses)


def _one_map(site: SiteState, asked: Asked, name: str) -> Reply:
    if not name.endswith(".xml"):
        raise ValueError(name)
    number = whole(name.removesuffix(".xml"), 1, -(-site.items // ITEMS_PER_MAP))
    first = (number - 1) * ITEMS_PER_MAP + 1
    numbers = range(first, min(first + ITEMS_PER_MAP, site.items + 1))
    return _map(asked, "urlset", "url", [f"/items/{n}" for n in numbers])


def _map(asked: Asked, root: str, entry: str, paths: list[str]) -> Reply:
    start = f"<{entry}><loc>{asked.origin}"
    entries = "".join(f"{start}{path}</loc></{entry}>\n" for path in paths)
    space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    words = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {space}>\n{entries}</{root}>\n'
    return Reply(200, words.encode(), "application/xml")


def _api_items(site: SiteState, asked: Asked) -> Reply:
    number, per_page, last = _numbers(asked, site.items)
    found = _found(site.items, (), "")
    return document(
        {
            "items": [_entry(n) for n in found.part((number - 1) * per_page, per_page)],
            "page": number,
            "pages": last,
            "total": site.items,
            "next": f"/api/items?page={number + 1}&per_page={per_page}" if number < last else None,
        },
        is_still=True,
    )


def _api_item(site: SiteState, _asked: Asked, number_text: str) -> Reply:
    number = whole(number_text, 1, site.items)
    picture = hashlib.sha256(picture_bytes(number)).hexdigest()
    return document(_entry(number) | {"image_sha256": picture}, is_still=True)


def _entry(number: int) -> dict[str, Any]:
    item = item_of(number)
    return {
        "id": number,
        "title": item.title,
        "category": item.category,
        "price": item.price,
        "url": f"/items/{number}",
        "image": f"/image/{number}.png",
        "sha256": item_sha256(number),
    }


PAGES: Final = (
    Page(
        "/catalogue", "leads to `/catalogue/`", lambda _site, _asked: redirect("/catalogue/", 301)
    ),
    Page(
        "/catalogue/?page=1&per_page=20",
        "the catalogue page by page, up to 500 items each, with links to the next and the one "
        "before, categories, a search form and one that posts",
        _catalogue,
    ),
    Page("/catalogue/category/{name}", "one category of eight, page by page", _category),
    Page("/catalogue/search?q=", "items by words of title and category, or by number", _search),
    Page("/catalogue/quote", "takes a form: `item`, `quantity`; tells the total", _quote, SEND),
    Page(
        "/catalogue/manifest.jsonl?from=1&to=",
        'a line for each item, `{"id": …, "sha256": …}` of its text: nothing lost, nothing twice',
        _manifest,
    ),
    Page("/catalogue/sitemap.xml", "a sitemap of sitemaps", _maps),
    Page("/catalogue/sitemap/{number}.xml", "10,000 items each", _one_map),
    Page("/api/items?page=1&per_page=20", "the catalogue as JSON, with hashes", _api_items),
    Page("/api/items/{number}", "an item as JSON, with the hash of its picture", _api_item),
)
