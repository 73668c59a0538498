"""The Scrapy front end: generated proxies on every request, counted to the byte.

``ADDONS = {"rf_scrapy.Addon": 500}`` in `settings.py` is all of it.
"""

from rf_scrapy.addon import Addon
from rf_scrapy.crawl import proxy_of
from rf_scrapy.extension import CrawlReporter
from rf_scrapy.middleware import GatewayRefusedError, NoProxyError, ProxyMiddleware
from rf_scrapy.policy import BackoffMiddleware

__all__ = [
    "Addon",
    "BackoffMiddleware",
    "CrawlReporter",
    "GatewayRefusedError",
    "NoProxyError",
    "ProxyMiddleware",
    "proxy_of",
]
