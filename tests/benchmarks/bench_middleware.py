"""What the middlewares take of the processor for each request, with few and with many credentials.

Both are called as Scrapy calls them, with requests and answers of its own and nothing on the wire.
"""

from __future__ import annotations

import asyncio
import sys
import time
from types import SimpleNamespace

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.reactor import install_reactor

from rf_core.io.relay import Relay
from rf_core.lanes import Credential
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_scrapy.components import BACKOFF, PROXY, REPORTER
from rf_scrapy.crawl import crawl_of
from rf_scrapy.extension import CrawlReporter
from rf_scrapy.middleware import ProxyMiddleware
from rf_scrapy.policy import BackoffMiddleware

REQUESTS = 4_000
ROUNDS = 9
SIZES = (16, 1_000, 16_000, 250_000)
AT_ONCE = 16
CHOICES = ("tunnel", 20)


def credentials(count):
    return [
        Credential(Proxy("127.0.0.1", 9, f"user-{n}", Secret(f"word-{n}")), "premium")
        for n in range(count)
    ]


def made(count, rotate):
    settings = {"RF_ROTATE": rotate, "RF_PROXY_TYPE": "sticky"}
    crawler = Crawler(Spider, settings)
    crawler._engine = SimpleNamespace(spider=None, _slot=SimpleNamespace(closing=None))
    crawl = crawl_of(crawler)
    crawl.present.update((BACKOFF, PROXY, REPORTER))
    crawl.supply.lanes.add(credentials(count))
    relay = Relay(crawl.supply.lanes, crawl.meter)
    crawl.relay = crawl.supply.relay = relay
    reporter = CrawlReporter(crawl)
    return crawler, (
        BackoffMiddleware.from_crawler(crawler), ProxyMiddleware.from_crawler(crawler), reporter
    )  # fmt: skip


async def finished(answer):
    return await answer if asyncio.iscoroutine(answer) else answer


async def go_round(parts, requests):
    """Every request goes out and comes back, so many at once."""
    backoff, proxy, reporter = parts
    for start in range(0, len(requests), AT_ONCE):
        batch = requests[start : start + AT_ONCE]
        for request in batch:
            await finished(backoff.process_request(request))
            await finished(proxy.process_request(request))
        for request in batch:
            response = Response(request.url, request=request)
            reporter.request_left(request)
            response = await finished(proxy.process_response(request, response))
            await finished(backoff.process_response(request, response))
        await asyncio.sleep(0)


async def nobody(requests):
    """The same walk with no middleware at all: what the walk itself takes."""
    for start in range(0, len(requests), AT_ONCE):
        batch = requests[start : start + AT_ONCE]
        for _request in batch:
            await finished(None)
            await finished(None)
        for request in batch:
            response = Response(request.url, request=request)
            await finished(response)
            await finished(response)
        await asyncio.sleep(0)


async def only_scrapy(requests):
    """The same walk with nothing but Scrapy's own proxy middleware."""
    theirs = HttpProxyMiddleware()
    for request in requests:
        request.meta["proxy"] = "http://user:word@127.0.0.1:9"
        theirs.process_request(request)
    await nobody(requests)


def fresh():
    """Requests as they come to middlewares: the scheduler has long looked at their addresses."""
    requests = [Request(f"http://site.example/{n}") for n in range(REQUESTS)]
    for request in requests:
        urlparse_cached(request)
    return requests


async def microseconds(work):
    best = float("inf")
    for _ in range(ROUNDS):
        requests = fresh()
        began = time.process_time()
        await work(requests)
        best = min(best, time.process_time() - began)
    return best / REQUESTS * 1e6


async def main():
    walk = await microseconds(nobody)
    theirs = await microseconds(only_scrapy) - walk
    print(f"{'':<12}{'credentials':>12}{'µs a request':>14}{'of the first':>14}")
    print(f"{'HttpProxy':<12}{1:>12}{theirs:>14.1f}")
    for rotate in CHOICES:
        first = 0.0
        for count in SIZES:
            crawler, parts = made(count, rotate)
            each = await microseconds(lambda requests, p=parts: go_round(p, requests)) - walk
            first = first or each
            print(f"{rotate!s:<12}{count:>12,}{each:>14.1f}{each / first:>14.2f}")
            del crawler


if __name__ == "__main__":
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    sys.exit(asyncio.run(main()))
