"""Import paths of what Scrapy and other packages bring, as far as rules ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ASYNCIO_REACTOR: Final = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"

_MIDDLEWARES: Final = "scrapy.downloadermiddlewares."
RETRY: Final = f"{_MIDDLEWARES}retry.RetryMiddleware"
COMPRESSION: Final = f"{_MIDDLEWARES}httpcompression.HttpCompressionMiddleware"
REDIRECT: Final = f"{_MIDDLEWARES}redirect.RedirectMiddleware"
COOKIES: Final = f"{_MIDDLEWARES}cookies.CookiesMiddleware"
HTTP_CACHE: Final = f"{_MIDDLEWARES}httpcache.HttpCacheMiddleware"

_HANDLERS: Final = "scrapy.core.downloader.handlers."
TESTED_HANDLERS: Final = frozenset(
    {
        f"{_HANDLERS}http11.HTTP11DownloadHandler",
        f"{_HANDLERS}_httpx.HttpxDownloadHandler",
        f"{_HANDLERS}_aiohttp.AiohttpDownloadHandler",
    }
)
H2_HANDLER: Final = f"{_HANDLERS}http2.H2DownloadHandler"

OTHER_PROXIES: Final[Mapping[str, str]] = {
    "rotating_proxies.middlewares.RotatingProxyMiddleware": "scrapy-rotating-proxies",
    "rotating_proxies.middlewares.BanDetectionMiddleware": "scrapy-rotating-proxies",
    "scrapy_proxies.RandomProxy": "scrapy-proxies",
    "scrapy_proxies.randomproxy.RandomProxy": "scrapy-proxies",
    "scrapy_proxy_pool.middlewares.ProxyPoolMiddleware": "scrapy-proxy-pool",
    "scrapy_proxy_pool.middlewares.BanDetectionMiddleware": "scrapy-proxy-pool",
    "scrapy_rotated_proxy.downloadmiddlewares.proxy.RotatedProxyMiddleware": "scrapy-rotated-proxy",
    "scrapy_crawlera.CrawleraMiddleware": "scrapy-crawlera",
    "scrapy_crawlera.middleware.CrawleraMiddleware": "scrapy-crawlera",
    "scrapy_zyte_smartproxy.ZyteSmartProxyMiddleware": "scrapy-zyte-smartproxy",
    "scrapy_zyte_smartproxy.middleware.ZyteSmartProxyMiddleware": "scrapy-zyte-smartproxy",
    "scrapeops_scrapy_proxy_sdk.scrapeops_scrapy_proxy_sdk.ScrapeOpsScrapyProxySdk": "ScrapeOps",
}
"""Middlewares of other packages that choose a proxy for every request."""

BROWSERS: Final[Mapping[str, str]] = {
    "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler": "scrapy-playwright",
    "scrapy_selenium.SeleniumMiddleware": "scrapy-selenium",
    "scrapy_selenium.middlewares.SeleniumMiddleware": "scrapy-selenium",
    "scrapy_splash.SplashMiddleware": "scrapy-splash",
    "scrapy_splash.middleware.SplashMiddleware": "scrapy-splash",
}
"""What fetches pages by itself and never looks at `meta["proxy"]`."""
