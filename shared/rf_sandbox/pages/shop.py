"""The small shop: a front page that leads everywhere, pages of items, the items, their pictures."""

from __future__ import annotations

import hashlib
from typing import Final

from rf_sandbox.pages.asked import Asked, whole
from rf_sandbox.pages.goods import item_bytes, item_of, picture_bytes
from rf_sandbox.pages.reply import Reply, page
from rf_sandbox.pages.routing import Page
from rf_sandbox.pages.state import SiteState

ITEMS_PER_PAGE: Final = 5
LAST_MODIFIED: Final = ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
_LINKED: Final = (
    ("/catalogue/", "catalogue"),
    ("/api/items", "items as JSON"),
    ("/login", "log in"),
    ("/guarded/1", "guarded"),
    ("/private/1", "private"),
    ("/redirect/3", "three redirects"),
)


def _front(site: SiteState, _asked: Asked) -> Reply:
    links = "".join(f'<a href="/pages/{n}">page {n}</a> ' for n in range(1, 11))
    others = "".join(f'<a href="{path}">{words}</a> ' for path, words in _LINKED)
    across = f'<a href="{site.plain}/pages/1">plain</a> <a href="{site.secure}/pages/1">TLS</a>'
    return page("Sandbox", f"<h1>A small site</h1>{links}{others}{across}")


def _page(site: SiteState, asked: Asked, number_text: str) -> Reply:
    last = -(-site.items // ITEMS_PER_PAGE)
    number = whole(number_text, 1, last)
    first = (number - 1) * ITEMS_PER_PAGE + 1
    items = "".join(
        f'<li><a href="/items/{n}">item {n}</a><img src="/image/{n}.png"></li>'
        for n in range(first, min(first + ITEMS_PER_PAGE, site.items + 1))
    )
    following = f'<a rel="next" href="/pages/{number + 1}">next</a>' if number < last else ""
    filler = "<p>" + "catalogue " * (60 + number % 5 * 40) + "</p>"
    title = f"Page {number} on {asked.scheme}"
    return page(title, f"<ul>{items}</ul>{following}{filler}", is_still=True)


def _item(site: SiteState, _asked: Asked, number_text: str) -> Reply:
    number = whole(number_text, 1, site.items)
    item, body = item_of(number), item_bytes(number)
    digest = hashlib.sha256(body).hexdigest()
    content = (
        f'<h1>{item.title}</h1><p id="price">{item.price}</p>'
        f'<a href="/catalogue/category/{item.category}">{item.category}</a>'
        f'<img src="/image/{number}.png"><p id="sha256">{digest}</p>'
        f'<pre id="text">{body.decode()}</pre>'
    )
    headers = (("ETag", f'"{digest[:16]}"'), LAST_MODIFIED)
    return page(f"Item {number}", content, headers=headers, is_still=True)


def _image(site: SiteState, _asked: Asked, name: str) -> Reply:
    number = whole(name.removesuffix(".png"), 1, site.items)
    if not name.endswith(".png"):
        raise ValueError(name)
    picture = picture_bytes(number)
    tag = hashlib.sha256(picture).hexdigest()[:16]
    headers = (("ETag", f'"{tag}"'), LAST_MODIFIED, ("Accept-Ranges", "bytes"))
    return Reply(200, picture, "image/png", headers, is_still=True)


PAGES: Final = (
    Page("/", "links to everything a crawl can reach, on both schemes", _front),
    Page("/pages/{number}", "five items and the next page; the last is `items` / 5", _page),
    Page(
        "/items/{number}",
        "an item: title, price, picture, a text of 1 to 9 kB and its SHA-256; has an ETag",
        _item,
    ),
    Page("/image/{number}.png", "its picture, a PNG of 0.7 to 8 kB; ranges, ETag", _image),
)
