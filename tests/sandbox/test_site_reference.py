"""Every address of the reference is a page, and every page is in the reference."""

import re
from pathlib import Path

import pytest
from support.sites import ask

from rf_sandbox.pages import Site
from rf_sandbox.pages.routing import ANY, Page, Routes
from rf_sandbox.pages.site import PAGES
from rf_sandbox.pages.visits import EVENTS, Visits

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "site.md"
EXAMPLES = {
    "/catalogue/category/{name}": "/catalogue/category/books",
    "/charset/{name}": "/charset/wrong",
    "/encoded/{coding}/{bytes}": "/encoded/gzip/5",
    "/status/{status}": "/status/200",
    "/slow/{milliseconds}": "/slow/0",
}


def example(address):
    path = EXAMPLES.get(address, address.partition("?")[0])
    return re.sub(r"\{[a-z.]+\}", "1", path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.methods[0]} {page.address[:40]}")
def test_every_address_is_answered_by_each_of_its_methods(page):
    site = Site(now=lambda: 0.0)
    for method in page.methods:
        reply = ask(site, example(page.address), method, body=b"item=1")
        assert reply.status not in {404, 405, 500}
        assert site.document()["pages"][page.kind] >= 1


def test_the_reference_has_every_page_once_and_none_besides():
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Za-z, ]+) \|", REFERENCE.read_text(), re.MULTILINE)
    pages = [(one.address, "any" if one.methods == ANY else one.methods[0]) for one in PAGES]
    assert rows == pages
    assert len(set(rows)) == len(rows)


def test_no_page_hides_another():
    routes = Routes(PAGES)
    for page in PAGES:
        for method in page.methods:
            assert routes.find(example(page.address), method).page is page


def test_an_address_with_a_rest_takes_all_of_it():
    def answer(_site, _asked, *given):
        return given

    page = Page("/a/{one}/{rest...}", "", answer)
    routes = Routes([page])
    assert routes.find("/a/b/c/d", "GET").given == ("b", "c/d")
    assert routes.find("/a/b/", "GET").given == ("b", "")
    assert routes.find("/a/b", "GET") is None
    assert routes.find("/a/b/c", "POST").allowed == ("GET", "HEAD")


def test_only_events_that_the_reference_explains_are_counted():
    visits = Visits()
    for name in EVENTS:
        visits.happened(name)
    assert dict(visits.events) == dict.fromkeys(EVENTS, 1)
    with pytest.raises(KeyError):
        visits.happened("something else")
