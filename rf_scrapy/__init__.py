"""The Scrapy front end: generated proxies on every request, counted to the byte.

``ADDONS = {"rf_scrapy.Addon": 500}`` in `settings.py` is all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rf_scrapy.addon import Addon
    from rf_scrapy.crawl import proxy_of
    from rf_scrapy.extension import CrawlReporter
    from rf_scrapy.meta import kept_meta
    from rf_scrapy.middleware import GatewayRefusedError, NoProxyError, ProxyMiddleware
    from rf_scrapy.policy import BackoffMiddleware

__all__ = [
    "Addon",
    "BackoffMiddleware",
    "CrawlReporter",
    "GatewayRefusedError",
    "NoProxyError",
    "ProxyMiddleware",
    "kept_meta",
    "proxy_of",
]

_HOMES: Final = {
    "Addon": "addon",
    "BackoffMiddleware": "policy",
    "CrawlReporter": "extension",
    "GatewayRefusedError": "middleware",
    "NoProxyError": "middleware",
    "ProxyMiddleware": "middleware",
    "kept_meta": "meta",
    "proxy_of": "crawl",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: every `scrapy` command imports this package, few of them crawl."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
