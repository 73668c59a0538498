"""Redirects of every kind are followed to where they lead, with their cookies."""

import ssl

import httpx
import pytest
from support.sites import ask, header

from rf_sandbox.pages import Site


@pytest.fixture
def site():
    return Site(now=lambda: 0.0, plain="http://127.0.0.1:1", secure="https://localhost:2")


@pytest.fixture
def client(sandbox):
    trust = ssl.create_default_context(cafile=sandbox.ca)
    with httpx.Client(
        base_url=sandbox.site_http,
        trust_env=False,
        verify=trust,
        follow_redirects=True,
        timeout=60,
    ) as client:
        yield client


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("form", ["path", "relative", "absolute", "across"])
def test_a_chain_ends_where_it_should(client, status, form):
    answer = client.get(f"/redirect/3?status={status}&form={form}&cookie=1")
    assert [one.status_code for one in answer.history] == [status] * 3
    told = answer.json()
    assert told["arrived"]
    assert told["scheme"] == ("https" if form == "across" else "http")
    if form != "across":
        assert told["cookies"] == {"hop-3": "1", "hop-2": "1", "hop-1": "1"}


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_a_post_keeps_or_loses_its_body_on_the_way(client, status, method):
    told = client.post(f"/redirect?to=/echo&status={status}", content=b"hello").json()
    assert (told["method"], told["length"]) == (method, 5 if method == "POST" else 0)


def test_a_loop_has_no_end(client):
    with pytest.raises(httpx.TooManyRedirects):
        client.get("/redirect/loop")


def test_the_forms_of_a_location(site):
    wanted = {
        "path": "/redirect/4?form=path",
        "relative": "4?form=relative",
        "absolute": "http://shop.localhost:8080/redirect/4?form=absolute",
        "across": "https://localhost:2/redirect/4?form=across",
    }
    for form, there in wanted.items():
        assert header(ask(site, f"/redirect/5?form={form}"), "Location") == there


@pytest.mark.parametrize(
    "target",
    [
        "/redirect?status=200",
        "/redirect/5?status=abc",
        "/redirect/1001",
        "/redirect/5?form=circle",
        "/redirect/-1",
    ],
)
def test_redirects_that_make_no_sense_are_404(site, target):
    assert ask(site, target).status == 404


def test_cookies_are_set_told_and_taken_back(client):
    assert client.get("/cookies/set?one=1&two=a%20b").json() == {"one": "1", "two": "a%20b"}
    assert client.get("/cookies/told").json() == {"one": "1", "two": "a%20b"}
    assert client.get("/cookies/clear").json() == {}
    assert len(client.get("/cookies/many/50").json()) == 50


def test_no_query_smuggles_a_line_into_a_head(site):
    for target in ("/cookies/set?a%0d%0ab=c%0d%0ad", "/redirect/2?x=%0d%0ay", "/to-https/%0d%0a"):
        for name, value in ask(site, target).headers:
            assert not {"\r", "\n"} & {*name, *value}
    assert (
        header(ask(site, "/redirect/2?form=absolute", Host="a b"), "Location")
        == "/redirect/1?form=absolute"
    )
