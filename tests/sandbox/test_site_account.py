"""A login holds as long as its exit does."""

import re

import pytest
from support.sites import Visitor, ask, header
from support.wire import absolute

from rf_sandbox.pages import Site


@pytest.fixture
def site(clock):
    return Site(now=clock)


def log_in(visitor, password="paper"):
    token = re.search(rb'name="token" value="(\w+)"', visitor.ask("/login").body)[1].decode()
    return visitor.ask("/login", username="reader", password=password, token=token)


def test_who_logs_in_sees_the_account_until_logging_out(site):
    visitor = Visitor(site)
    entered = log_in(visitor)
    assert (entered.status, header(entered, "Location")) == (303, "/account")
    assert b"Hello, reader" in visitor.ask("/account").body
    assert header(visitor.ask("/logout"), "Location") == "/"
    assert header(visitor.ask("/account"), "Location") == "/login?reason=none"
    assert site.document()["events"] == {"logins": 1}


def test_from_another_address_the_session_is_dropped_for_good(site):
    visitor = Visitor(site, "127.4.4.4")
    log_in(visitor)
    cookies = dict(visitor.cookies)
    visitor.client = "127.4.4.5"
    assert header(visitor.ask("/account"), "Location") == "/login?reason=address"
    visitor.client, visitor.cookies = "127.4.4.4", cookies
    assert header(visitor.ask("/account"), "Location") == "/login?reason=none"
    assert site.document()["events"]["sessions_dropped_address"] == 1
    assert site.document()["sessions"] == 0


def test_a_session_that_nobody_uses_expires(site, clock):
    visitor = Visitor(site)
    log_in(visitor)
    for _ in range(3):
        clock.now += 1_799
        assert visitor.ask("/account").status == 200
    clock.now += 1_800
    assert header(visitor.ask("/account"), "Location") == "/login?reason=expired"
    assert site.document()["events"]["sessions_dropped_expired"] == 1


def test_a_wrong_password_and_a_form_of_somebody_else_are_refused(site):
    visitor, other = Visitor(site), Visitor(site)
    refused = log_in(visitor, "wrong")
    assert refused.status == 403
    assert b'<p id="reason">password</p>' in refused.body
    token = re.search(rb'name="token" value="(\w+)"', other.ask("/login").body)[1].decode()
    form = {"username": "reader", "password": "paper", "token": token}
    assert b'<p id="reason">form</p>' in visitor.ask("/login", **form).body
    assert other.ask("/login", **form).status == 303
    assert other.ask("/login", **form).status == 403, "a form is good once"
    assert ask(site, "/login", "POST").status == 403


def test_what_is_put_into_the_cart_is_ordered(site):
    visitor = Visitor(site)
    log_in(visitor)
    for number in ("3", "4"):
        assert header(visitor.ask("/cart", item=number), "Location") == "/cart"
    assert re.findall(rb'data-id="(\d+)"', visitor.ask("/cart").body) == [b"3", b"4"]
    there = header(visitor.ask("/checkout", now="1"), "Location")
    assert there == "/orders/1"
    assert b'<p id="order">1</p>' in visitor.ask(there).body
    assert header(visitor.ask("/checkout", now="1"), "Location") == "/cart", "it is empty now"
    assert visitor.ask("/cart", item="0").status == visitor.ask("/orders/2").status == 404
    assert site.document()["events"]["orders"] == 1


@pytest.mark.parametrize("target", ["/account", "/cart", "/orders/1"])
def test_without_a_login_everything_leads_to_it(site, target):
    assert header(ask(site, target), "Location") == "/login?reason=none"
    assert (
        header(ask(site, target, Cookie="session=made-up; x"), "Location") == "/login?reason=none"
    )
    assert ask(site, "/cart", "POST", body=b"item=1").status == 302
    assert ask(site, "/checkout", "POST").status == 302


def test_a_reset_logs_everybody_out(site):
    visitor = Visitor(site)
    log_in(visitor)
    site.forget()
    assert header(visitor.ask("/account"), "Location") == "/login?reason=none"


def test_sticky_exits_keep_a_login_and_rotating_ones_lose_it(sandbox, proxies, wire):
    """C-160, C-162: the session of the site says whether the exit held."""

    def asked(user, target, form="", cookies=""):
        extra = f"Cookie: {cookies}\r\n" if cookies else ""
        extra += f"Content-Length: {len(form)}\r\n" if form else ""
        method = "POST" if form else "GET"
        line = wire()
        head = absolute(f"{sandbox.site_http}{target}", user, method=method, extra=extra)
        line.send(head + form.encode())
        return line.read_answer()

    def flow(user):
        page = asked(user, "/login")
        visitor = page.headers["set-cookie"].partition(";")[0]
        token = re.search(rb'name="token" value="(\w+)"', page.body)[1].decode()
        form = f"username=reader&password=paper&token={token}"
        entered = asked(user, "/login", form, visitor)
        assert entered.status == 303
        session = entered.headers["set-cookie"].partition(";")[0]
        return [asked(user, "/account", "", session).headers.get("location") for _ in range(2)]

    [sticky] = proxies(proxyType="sticky")
    [rotating] = proxies()
    assert flow(sticky) == [None, None]
    assert flow(rotating) == ["/login?reason=address", "/login?reason=none"]
    assert sandbox.state()["site"]["events"]["sessions_dropped_address"] == 1
