"""Redirects in every form, within the site and across its schemes, and cookies on the way."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote

from rf_sandbox.pages.asked import Asked, whole
from rf_sandbox.pages.reply import Header, Reply, document, redirect
from rf_sandbox.pages.routing import ANY, Page
from rf_sandbox.pages.state import SiteState

_STATUSES: Final = ("301", "302", "303", "307", "308")
_MOST_HOPS: Final = 1_000
_MOST_COOKIES: Final = 200
_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"


def _redirect(_site: SiteState, asked: Asked) -> Reply:
    return redirect(quote(asked.query("to", "/"), safe=_SAFE), _status(asked))


def _loop(_site: SiteState, asked: Asked) -> Reply:
    return redirect("/redirect/loop", _status(asked))


def _hops(site: SiteState, asked: Asked, hops_text: str) -> Reply:
    hops = whole(hops_text, 0, _MOST_HOPS)
    if not hops:
        cookies = _cookies_of(asked)
        return document({"arrived": True, "scheme": asked.scheme, "cookies": cookies})
    query = asked.target.partition("#")[0].partition("?")[2]
    there = f"{hops - 1}?{quote(query, safe=_SAFE)}" if query else f"{hops - 1}"
    match asked.query("form", "path"):
        case "path":
            there = f"/redirect/{there}"
        case "absolute":
            there = f"{asked.origin}/redirect/{there}"
        case "across":
            other = site.plain if asked.scheme == "https" else site.secure
            there = f"{other}/redirect/{there}"
        case "relative":
            pass
        case other:
            raise ValueError(other)
    cookie = [_cookie(f"hop-{hops}", "1")] if asked.query("cookie") else []
    return redirect(there, _status(asked), *cookie)


def _status(asked: Asked) -> int:
    status = asked.query("status", "302")
    if status not in _STATUSES:
        raise ValueError(status)
    return int(status)


def _to_https(site: SiteState, _asked: Asked, path: str) -> Reply:
    return redirect(f"{site.secure}/{quote(path, safe='/%')}")


def _to_http(site: SiteState, _asked: Asked, path: str) -> Reply:
    return redirect(f"{site.plain}/{quote(path, safe='/%')}")


def _cookies(_site: SiteState, asked: Asked) -> Reply:
    given = [value for name, value in asked.headers if name.lower() == "cookie"]
    reply = document({"cookies": given})
    return Reply(200, reply.body, reply.content_type, (("Set-Cookie", "visit=1; Path=/"),))


def _set_cookies(_site: SiteState, asked: Asked) -> Reply:
    pairs = parse_qsl(asked.target.partition("#")[0].partition("?")[2])[:_MOST_COOKIES]
    return redirect("/cookies/told", 302, *(_cookie(name, value) for name, value in pairs))


def _many_cookies(_site: SiteState, _asked: Asked, count: str) -> Reply:
    numbers = range(1, whole(count, 0, _MOST_COOKIES) + 1)
    return redirect("/cookies/told", 302, *(_cookie(f"cookie-{n}", str(n)) for n in numbers))


def _clear_cookies(_site: SiteState, asked: Asked) -> Reply:
    gone = (_cookie(name, "", "; Max-Age=0") for name in _cookies_of(asked))
    return redirect("/cookies/told", 302, *gone)


def _told_cookies(_site: SiteState, asked: Asked) -> Reply:
    return document(_cookies_of(asked))


def _cookies_of(asked: Asked) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in asked.named.get("cookie", "").split(";"))
    return {name: value for name, separator, value in pairs if separator}


def _cookie(name: str, value: str, more: str = "") -> Header:
    return ("Set-Cookie", f"{quote(name, safe='')}={quote(value, safe='')}; Path=/{more}")


PAGES: Final = (
    Page("/redirect?to=/&status=302", "leads there: 301, 302, 303, 307 or 308", _redirect, ANY),
    Page("/redirect/loop", "leads to itself", _loop, ANY),
    Page(
        "/redirect/{hops}?form=path&status=302&cookie=",
        "so many redirects; `form` is `path`, `relative`, `absolute`, or `across`, which changes "
        "the scheme each time; with `cookie=1` each sets one; the last tells which came",
        _hops,
        ANY,
    ),
    Page("/to-https/{path...}", "the same on TLS", _to_https),
    Page("/to-http/{path...}", "the same without", _to_http),
    Page("/cookies", "the cookies that came; sets `visit`", _cookies),
    Page("/cookies/set?NAME=VALUE", "sets each of them and tells what comes", _set_cookies),
    Page("/cookies/many/{count}", "sets up to 200", _many_cookies),
    Page("/cookies/clear", "takes back all that came", _clear_cookies),
    Page("/cookies/told", "the cookies that came, by name", _told_cookies),
)
