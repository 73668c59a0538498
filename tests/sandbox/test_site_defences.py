"""The site keeps visitors in bounds by its own clock, and says so in every form there is."""

from email.utils import parsedate_to_datetime

import httpx
import pytest
from support.sites import ask, header

from rf_sandbox.pages import Site
from rf_sandbox.pages.limits import Bounds
from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def site(clock):
    return Site(now=clock, bounds=Bounds(requests=3, seconds=10, patience=2, ban_seconds=60))


def statuses(site, count, target="/guarded/1", client="127.0.0.1"):
    return [ask(site, target, client=client).status for _ in range(count)]


def test_whoever_goes_on_after_a_429_is_banned_for_a_while(site, clock):
    assert statuses(site, 7) == [200, 200, 200, 429, 429, 403, 403]
    clock.now += 59.9
    assert statuses(site, 1) == [403]
    clock.now += 0.1
    assert statuses(site, 4) == [200, 200, 200, 429]
    assert site.document()["events"] == {"limited": 3, "banned": 3}


def test_a_429_says_how_long_to_wait_and_then_all_is_well(site, clock):
    statuses(site, 3)
    clock.now += 3.5
    reply = ask(site, "/guarded/1")
    assert (reply.status, header(reply, "Retry-After")) == (429, "7")
    clock.now += 7
    assert statuses(site, 3) == [200, 200, 200]


def test_patience_is_whole_again_for_who_kept_away(site, clock):
    statuses(site, 5)
    clock.now += 10
    assert statuses(site, 6) == [200, 200, 200, 429, 429, 403]


def test_addresses_and_scopes_are_judged_by_themselves(site):
    assert statuses(site, 6)[-1] == 403
    assert statuses(site, 1, client="127.0.0.2") == [200]
    assert statuses(site, 1, target="/guarded/1?scope=mine") == [200]


def test_a_test_brings_its_own_bounds(site):
    mine = "/guarded/shelf?scope=a&requests=1&seconds=0.5&patience=0&ban=5"
    assert statuses(site, 2, mine) == [200, 403]
    nothing = "/guarded/shelf?scope=b&requests=0&patience=1"
    assert statuses(site, 2, nothing) == [429, 403]


@pytest.mark.parametrize(
    ("over", "status"), [("429", 429), ("503", 503), ("403", 403), ("captcha", 200)]
)
def test_too_much_has_several_faces(site, over, status):
    target = f"/guarded/1?requests=1&over={over}"
    replies = [ask(site, target) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, status]
    assert (b"Are you a robot?" in replies[1].body) == (over == "captcha")
    assert b"Are you a robot?" not in replies[0].body


@pytest.mark.parametrize(
    "query",
    [
        "requests=x",
        "seconds=-1",
        "seconds=1e3",
        "patience=-1",
        "ban=nan",
        "over=teapot",
        "seconds=.5",
    ],
)
def test_bounds_that_cannot_be_read_are_404(site, query):
    assert ask(site, f"/guarded/1?{query}").status == 404


def test_guarded_pages_lead_on(site):
    assert b'rel="next" href="/guarded/8"' in ask(site, "/guarded/7").body
    assert b'rel="next" href="/guarded/1"' in ask(site, "/guarded/x/y").body


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("seconds", "30"),
        ("fraction", "30.5"),
        ("zero", "0"),
        ("negative", "-30"),
        ("words", "soon"),
        ("huge", "9" * 30),
        ("missing", None),
    ],
)
def test_retry_after_in_every_form(site, form, told):
    reply = ask(site, f"/busy?form={form}&seconds=30&status=429")
    assert (reply.status, header(reply, "Retry-After")) == (429, told)


@pytest.mark.parametrize(("form", "away"), [("date", 30), ("past", -30)])
def test_retry_after_as_a_date_goes_by_the_sites_clock(site, clock, form, away):
    told = header(ask(site, f"/busy?form={form}&seconds=30"), "Retry-After")
    assert parsedate_to_datetime(told).timestamp() == clock.now + away


def test_a_site_can_be_busy_for_so_many_visits(site):
    target = "/busy?times=2&scope=mine"
    assert statuses(site, 3, target) == [503, 503, 200]
    assert statuses(site, 1, "/busy?times=2&scope=other") == [503]
    site.forget()
    assert statuses(site, 1, target) == [503]


def test_maintenance_never_ends(site):
    reply = ask(site, "/maintenance")
    assert (reply.status, header(reply, "Retry-After")) == (503, "120")


def test_robots_txt_is_for_robots_to_obey_and_for_us_to_see(site):
    text = ask(site, "/robots.txt").body.decode()
    assert text.splitlines() == [
        "User-agent: *",
        "Disallow: /private",
        "Crawl-delay: 1",
        "Sitemap: http://shop.localhost:8080/catalogue/sitemap.xml",
    ]
    assert b"/private/8" in ask(site, "/private/7").body
    assert ask(site, "/private/").status == 200
    assert site.document()["events"] == {"private": 2}


def test_only_so_many_visitors_are_remembered(clock, monkeypatch):
    monkeypatch.setattr("rf_sandbox.pages.limits._MOST_KNOWN", 10)
    site = Site(now=clock)
    for n in range(30):
        ask(site, "/guarded/1", client=f"127.0.0.{n}")
    assert len(site.guard.known) == 10


def test_a_site_in_a_sandbox_goes_by_the_sandboxs_clock():
    """A ban of an hour is over when the clock has been turned by one."""
    bounds = Bounds(requests=1, seconds=10, patience=0, ban_seconds=3_600)
    with (
        Sandbox(site=Site(bounds=bounds), clock="virtual") as sandbox,
        httpx.Client(timeout=60, base_url=sandbox.site_http, trust_env=False) as client,
    ):
        assert [client.get("/guarded/1").status_code for _ in range(3)] == [200, 403, 403]
        sandbox.advance(3_600)
        assert client.get("/guarded/1").status_code == 200
