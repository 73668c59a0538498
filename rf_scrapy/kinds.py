"""Which requests go another way than through a proxy, and by whose word."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from scrapy.http.request import NO_CALLBACK
from scrapy.utils.httpobj import urlparse_cached

from rf_scrapy.meta import targeting_in

if TYPE_CHECKING:
    from scrapy import Request

WAYS: Final[Mapping[str, str]] = {
    "allow_direct": "`RF_ALLOW_DIRECT`, when there was no proxy",
    "robots": '`RF_ROBOTS = "direct"`',
    "media": '`RF_MEDIA = "direct"`',
    "rf_proxy": "`rf_proxy: False`",
    "dont_proxy": "`dont_proxy: True`",
    "proxy_none": "`proxy: None`",
}
"""Every way for a request to leave from the machine's own address, each explicit and counted."""


def says_direct(request: Request) -> str:
    """The user's word on this very request, or ""; what an environment proxy left is no such."""
    meta = request.meta
    if meta.get("rf_proxy") is False:
        return "rf_proxy"
    if meta.get("dont_proxy"):
        return "dont_proxy"
    return "proxy_none" if "proxy" in meta and meta["proxy"] is None else ""


def page_of(robots: Request, downloading: Collection[Request]) -> Request | None:
    """Find a page that waits for its site's robots.txt, one that asks for a targeting first."""
    site = urlparse_cached(robots).netloc
    pages = [
        page for page in downloading if page is not robots and urlparse_cached(page).netloc == site
    ]
    return max(pages, key=lambda page: len(targeting_in(page.meta)), default=None)


def kind_of(request: Request) -> str:
    """`robots` or `media` for what Scrapy's own components fetch, or ""."""
    if request.callback is not NO_CALLBACK:
        return ""
    if request.meta.get("dont_obey_robotstxt") and urlparse_cached(request).path == "/robots.txt":
        return "robots"
    return "media"


def usual_of(request: Request, domain: str) -> str:
    """Name the requests that take about as much as this one: of its kind, at its domain."""
    kind = kind_of(request)
    return f"{kind} {domain}" if kind else domain
