"""The site's catalogue: everything is reached, nothing twice, and all of it can be checked."""

import hashlib
import json
import re

import httpx
import pytest
from support.sites import ask, header

from rf_sandbox.pages import Site
from rf_sandbox.pages.goods import item_of, item_sha256, listing, picture_bytes
from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def site():
    return Site(now=lambda: 1_800_000_000.0, items=1_234)


def links(reply, relation=None):
    text = reply.body.decode()
    if relation:
        return re.findall(rf'rel="{relation}" href="([^"]+)"', text)
    return [link.replace("&amp;", "&") for link in re.findall(r'<a [^>]*href="([^"]+)"', text)]


def numbers(reply):
    return [int(number) for number in re.findall(r'data-id="(\d+)"', reply.body.decode())]


def following(site, path):
    """Go from page to page; return the items in their order."""
    found = []
    while path:
        reply = ask(site, path)
        assert reply.status == 200
        found += numbers(reply)
        path = next(iter(link.replace("&amp;", "&") for link in links(reply, "next")), None)
    return found


@pytest.mark.parametrize(
    "start", ["/catalogue/", "/catalogue/?per_page=7", "/catalogue/?per_page=500"]
)
def test_the_next_links_lead_through_every_item_once(site, start):
    assert following(site, start) == list(range(1, 1_235))


def test_pages_link_back_and_say_how_much_there_is(site):
    second = ask(site, "/catalogue/?page=2")
    assert links(second, "prev") == ["/catalogue/?page=1"]
    assert b'<p id="total">1234</p><p id="page">2 of 62</p>' in second.body
    assert links(ask(site, "/catalogue/?page=62"), "next") == []


def test_categories_part_the_catalogue(site):
    names = sorted(
        {link.rsplit("/", 1)[1] for link in links(ask(site, "/catalogue/")) if "category" in link}
    )
    assert len(names) == 8
    parts = [following(site, f"/catalogue/category/{name}?per_page=500") for name in names]
    assert sorted(n for part in parts for n in part) == list(range(1, 1_235))
    assert all(item_of(n).category == names[0] for n in parts[0])
    assert ask(site, "/catalogue/category/nothing").status == 404


def test_a_search_finds_what_a_reader_of_all_titles_would(site):
    for words in ("amber", "lantern", "amber lantern", "Books", "plain books kettle", "nothing"):
        wanted = [
            n
            for n in range(1, 1_235)
            if set(words.lower().split()) <= {*item_of(n).title.split(), item_of(n).category}
        ]
        found = following(site, f"/catalogue/search?per_page=500&q={words.replace(' ', '+')}")
        assert found == wanted, words
    assert header(ask(site, "/catalogue/search?q=77"), "Location") == "/items/77"
    assert numbers(ask(site, "/catalogue/search?q=99999")) == []
    assert b"&lt;script&gt;" in ask(site, "/catalogue/search?q=<script>").body


def test_the_form_that_posts_is_answered(site):
    cents = item_of(12).cents * 3
    reply = ask(site, "/catalogue/quote", "POST", body=b"item=12&quantity=3")
    assert f'<p id="total">{cents // 100}.{cents % 100:02}</p>'.encode() in reply.body
    for body in (b"", b"item=0", b"item=x", b"item=1&quantity=0", b"\xff\xfe=1"):
        assert ask(site, "/catalogue/quote", "POST", body=body).status == 404
    assert ask(site, "/catalogue/quote").status == 405


@pytest.mark.parametrize(
    "query", ["page=0", "page=63", "page=x", "page=-1", "per_page=0", "per_page=501"]
)
def test_pages_that_are_not_there_are_404(site, query):
    assert ask(site, f"/catalogue/?{query}").status == 404


def test_the_manifest_has_every_item_with_the_hash_of_its_text(site):
    lines = b"".join(ask(site, "/catalogue/manifest.jsonl").pieces()).splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["id"] for entry in entries] == list(range(1, 1_235))
    for entry in entries[::100]:
        text = re.search(rb'<pre id="text">([^<]*)</pre>', ask(site, f"/items/{entry['id']}").body)
        assert hashlib.sha256(text[1]).hexdigest() == entry["sha256"]
    part = b"".join(ask(site, "/catalogue/manifest.jsonl?from=1100&to=1101").pieces())
    assert part.splitlines() == lines[1_099:1_101]
    assert ask(site, "/catalogue/manifest.jsonl?from=9&to=8").status == 404


def test_no_two_items_have_the_same_text():
    assert len({item_sha256(n) for n in range(1, 5_001)}) == 5_000


def test_the_json_face_has_the_same_items(site):
    path, found = "/api/items?per_page=300", []
    while path:
        told = json.loads(ask(site, path).body)
        assert told["total"] == 1_234
        found += told["items"]
        path = told["next"]
    assert [entry["id"] for entry in found] == list(range(1, 1_235))
    one = json.loads(ask(site, "/api/items/55").body)
    assert {name: one[name] for name in found[54]} == found[54]
    picture = ask(site, one["image"]).body
    assert hashlib.sha256(picture).hexdigest() == one["image_sha256"]
    assert one["sha256"] == item_sha256(55)
    assert ask(site, "/api/items/1235").status == 404


def test_the_sitemaps_name_every_item_under_the_name_that_was_asked():
    site = Site(now=lambda: 0.0, items=10_001)
    maps = re.findall(r"<loc>([^<]+)</loc>", ask(site, "/catalogue/sitemap.xml").body.decode())
    origin = "http://shop.localhost:8080"
    assert maps == [f"{origin}/catalogue/sitemap/{n}.xml" for n in (1, 2)]
    found = [
        url
        for one in maps
        for url in re.findall("<loc>([^<]+)<", ask(site, one.removeprefix(origin)).body.decode())
    ]
    assert found == [f"{origin}/items/{n}" for n in range(1, 10_002)]
    assert ask(site, "/catalogue/sitemap/3.xml").status == 404
    evil = ask(site, "/catalogue/sitemap.xml", Host="x/><evil>")
    assert b"evil" not in evil.body


def test_pictures_differ_in_size_and_colour(site):
    pictures = [ask(site, f"/image/{n}.png").body for n in range(1, 101)]
    assert len(set(pictures)) == 100
    assert len({len(picture) for picture in pictures}) == 64
    assert pictures[4] == picture_bytes(5)
    assert ask(site, "/image/0.png").status == ask(site, "/image/1.jpg").status == 404
    assert ask(site, "/image/1").status == 404


def test_a_listing_counts_without_looking():
    odd = listing(1_000, lambda item: item.category == "tools")
    assert len(odd) == sum(item_of(n).category == "tools" for n in range(1, 1_001))
    assert odd.part(len(odd) - 1, 10) == [
        max(n for n in range(1, 1_001) if item_of(n).category == "tools")
    ]
    assert odd.part(len(odd), 10) == []


def test_a_crawl_from_the_front_page_reaches_the_whole_catalogue_by_links():
    """Links lead everywhere; robots keep out; what was fetched is what the manifest says."""
    with (
        Sandbox(site=Site(items=60)) as sandbox,
        httpx.Client(base_url=sandbox.site_http, trust_env=False, timeout=60) as client,
    ):
        waiting, seen, hashes = ["/"], {"/"}, {}
        while waiting:
            path = waiting.pop()
            answer = client.get(path)
            if number := re.fullmatch(r"/items/(\d+)", path):
                text = re.search(r'<pre id="text">([^<]*)</pre>', answer.text)[1]
                hashes[int(number[1])] = hashlib.sha256(text.encode()).hexdigest()
            for link in re.findall(r'href="(/[^"]*)"', answer.text.replace("&amp;", "&")):
                if link not in seen and not link.startswith(("/private", "/guarded")):
                    seen.add(link)
                    waiting.append(link)
        manifest = client.get("/catalogue/manifest.jsonl").text.splitlines()
        assert hashes == {one["id"]: one["sha256"] for one in map(json.loads, manifest)}
        counted = sandbox.state()["site"]["pages"]
        assert counted["items"] == 60
        assert "private" not in counted
