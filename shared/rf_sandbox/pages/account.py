"""Logging in, a cart, an order: a flow that breaks when its session comes from another exit.

The session's cookie is good only from the address that logged in. Shown from another one it is
dropped for good, and the visitor is told to log in again: proof that a sticky session held.
"""

from __future__ import annotations

from html import escape
from typing import Final

from rf_sandbox.pages.asked import Asked, whole
from rf_sandbox.pages.goods import item_of
from rf_sandbox.pages.members import PASSWORD, USER_NAME, Session
from rf_sandbox.pages.reply import Header, Reply, page, redirect
from rf_sandbox.pages.routing import SEND, Page
from rf_sandbox.pages.state import SiteState

_SESSION: Final = "session"
_VISITOR: Final = "visitor"
_MOST_IN_CART: Final = 100


def _form(site: SiteState, asked: Asked) -> Reply:
    return _login(site, asked.query("reason"), 200)


def _login(site: SiteState, reason: str, status: int) -> Reply:
    cookie, token = site.members.new_form()
    told = f'<p id="reason">{escape(reason)}</p>' if reason else ""
    content = (
        f'{told}<form action="/login" method="post">'
        f'<input type="hidden" name="token" value="{token}">'
        '<input name="username"><input name="password" type="password"><button>log in</button>'
        "</form>"
    )
    return page("Log in", content, status, (_set(_VISITOR, cookie),))


def _enter(site: SiteState, asked: Asked) -> Reply:
    if not site.members.is_form_sent_back(asked.cookie(_VISITOR), asked.form("token")):
        site.visits.happened("forms_refused")
        return _login(site, "form", 403)
    if (asked.form("username"), asked.form("password")) != (USER_NAME, PASSWORD):
        site.visits.happened("logins_refused")
        return _login(site, "password", 403)
    site.visits.happened("logins")
    cookie = site.members.enter(asked.client, site.now())
    return redirect("/account", 303, _set(_SESSION, cookie))


def _session(site: SiteState, asked: Asked) -> Session | Reply:
    """The session of a visitor, or what a visitor without one is told."""
    shown = site.members.show(asked.cookie(_SESSION), asked.client, site.now())
    if isinstance(shown, Session):
        return shown
    if shown != "none":
        site.visits.happened(f"sessions_dropped_{shown}")
    return redirect(f"/login?reason={shown}", 302, _unset(_SESSION))


def _account(site: SiteState, asked: Asked) -> Reply:
    session = _session(site, asked)
    if isinstance(session, Reply):
        return session
    content = (
        f'<h1>Hello, {USER_NAME}</h1><p id="address">{session.client}</p>'
        '<a href="/cart">cart</a> <a href="/logout">log out</a>'
    )
    return page("Account", content)


def _cart(site: SiteState, asked: Asked) -> Reply:
    session = _session(site, asked)
    if isinstance(session, Reply):
        return session
    rows = "".join(f'<li data-id="{n}">{item_of(n).title}</li>' for n in session.cart)
    form = '<form action="/checkout" method="post"><button>order</button></form>'
    return page("Cart", f"<ul>{rows}</ul>{form}")


def _add(site: SiteState, asked: Asked) -> Reply:
    session = _session(site, asked)
    if isinstance(session, Reply):
        return session
    number = whole(asked.form("item"), 1, site.items)
    if len(session.cart) >= _MOST_IN_CART:
        return page("Cart", "<p>The cart is full</p>", 409)
    session.cart.append(number)
    return redirect("/cart", 303)


def _checkout(site: SiteState, asked: Asked) -> Reply:
    session = _session(site, asked)
    if isinstance(session, Reply):
        return session
    if not session.cart:
        return redirect("/cart", 303)
    site.visits.happened("orders")
    return redirect(f"/orders/{site.members.order(session)}", 303)


def _order(site: SiteState, asked: Asked, number_text: str) -> Reply:
    session = _session(site, asked)
    if isinstance(session, Reply):
        return session
    number = whole(number_text, 1, site.members.ordered)
    items = site.members.orders.get(number)
    if items is None:
        raise ValueError(number_text)
    cents = sum(item_of(n).cents for n in items)
    told = f'<p id="total">{cents // 100}.{cents % 100:02}</p>'
    return page(f"Order {number}", f'<p id="order">{number}</p>{told}')


def _leave(site: SiteState, asked: Asked) -> Reply:
    site.members.leave(asked.cookie(_SESSION))
    return redirect("/", 302, _unset(_SESSION))


def _set(name: str, value: str) -> Header:
    return ("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax")


def _unset(name: str) -> Header:
    return ("Set-Cookie", f"{name}=; Path=/; Max-Age=0")


PAGES: Final = (
    Page("/login?reason=", "the form, with a token that goes with the cookie `visitor`", _form),
    Page(
        "/login",
        "takes `username` (`reader`), `password` (`paper`) and `token`; sets the cookie `session`",
        _enter,
        SEND,
    ),
    Page(
        "/account",
        "needs the cookie and the address that logged in; from another one the session is "
        "dropped, and the answer leads to `/login?reason=address`",
        _account,
    ),
    Page("/cart", "what is in the cart; as `/account`", _cart),
    Page("/cart", "takes `item`; puts it into the cart", _add, SEND),
    Page("/checkout", "turns the cart into an order, and leads to it", _checkout, SEND),
    Page("/orders/{number}", "an order and its total", _order),
    Page("/logout", "ends the session", _leave),
)
