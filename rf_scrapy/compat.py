"""Every touch of Scrapy that is not its documented interface, and all that differs by version.

Older versions: 2.13 has no asyncio helpers, no `close_spider_async`, and passes `spider` to
every method of a middleware; up to 2.17 `CloseSpider` means nothing to those who open a spider.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import scrapy
from scrapy import signals
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import CloseSpider
from scrapy.utils.defer import maybe_deferred_to_future
from scrapy.utils.misc import load_object

from rf_core.errors import SettingsError

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from scrapy.spiderloader import SpiderLoaderProtocol

VERSION: Final = tuple(int(part) for part in scrapy.__version__.split(".")[:2])

_Class = TypeVar("_Class", bound=type)


def require_asyncio() -> None:
    """Refuse a reactor on which the relay cannot run.

    Raises:
        SettingsError: naming the line to change.
    """
    if not _has_asyncio():
        raise SettingsError(
            "rf_scrapy needs an asyncio event loop.",
            way_out=(
                "In settings.py, remove TWISTED_REACTOR or set it to "
                '"twisted.internet.asyncioreactor.AsyncioSelectorReactor".'
            ),
        )


def _has_asyncio() -> bool:
    if VERSION < (2, 14):
        from scrapy.utils.reactor import is_asyncio_reactor_installed  # noqa: PLC0415 - by version

        return is_asyncio_reactor_installed()
    from scrapy.utils.asyncio import is_asyncio_available  # noqa: PLC0415 - by version

    return is_asyncio_available()


def middleware(kind: _Class) -> _Class:
    """Let the methods of a downloader middleware do without the `spider` that 2.13 passes."""
    if VERSION < (2, 14):
        for name in ("process_request", "process_response", "process_exception"):
            if name in vars(kind):
                setattr(kind, name, _without_spider(vars(kind)[name]))
    return kind


def _without_spider(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def called(self: Any, *args: Any, spider: Any = None, **kwargs: Any) -> Any:
        del spider
        return method(self, *args, **kwargs)

    return called


def is_closing(crawler: Crawler) -> bool:
    """Tell whether the spider is closing: whoever waits must let go."""
    slot = _slot(crawler)
    return slot is None or slot.closing is not None


def pending_requests(crawler: Crawler) -> int | None:
    """How many requests are known and not done yet; None when the scheduler cannot tell."""
    slot = _slot(crawler)
    if slot is None or not hasattr(slot.scheduler, "__len__"):
        return None
    return len(slot.scheduler) + len(slot.inprogress)


@contextmanager
def aside(crawler: Crawler, request: Request) -> Iterator[None]:
    """Let a request that waits in a middleware hold no place in `CONCURRENT_REQUESTS` meanwhile."""
    active: set[Request] = crawler.engine.downloader.active
    active.discard(request)
    slot = _slot(crawler)
    if slot is not None:
        slot.nextcall.schedule()
    try:
        yield
    finally:
        active.add(request)


def unpause(crawler: Crawler) -> None:
    """Let a paused engine go on at once, and not at its next heartbeat."""
    crawler.engine.unpause()
    slot = _slot(crawler)
    if slot is not None:
        slot.nextcall.schedule()


def downloading(crawler: Crawler) -> Collection[Request]:
    """Requests that the downloader has, from their first middleware to the end of their answer."""
    active: Collection[Request] = crawler.engine.downloader.active
    return active


def _slot(crawler: Crawler) -> Any:
    return crawler.engine._slot  # noqa: SLF001 - no public name for it up to 2.19


async def close_spider(crawler: Crawler, reason: str) -> None:
    """Close the spider and return when that is done."""
    engine: Any = crawler.engine
    if VERSION < (2, 14):
        await maybe_deferred_to_future(engine.close_spider(crawler.spider, reason))
    else:
        await engine.close_spider_async(reason=reason)


def refuse_to_open(crawler: Crawler, reason: str) -> None:
    """Let a spider that is being opened close before it has sent anything.

    Raises:
        CloseSpider: where those who open it listen to that.
    """
    if VERSION >= (2, 18):
        raise CloseSpider(reason)
    closing: list[asyncio.Future[None]] = []

    def close() -> None:
        closing.append(asyncio.ensure_future(close_spider(crawler, reason)))

    crawler.signals.connect(close, signals.engine_started, weak=False)


def component_priorities(settings: BaseSettings, name: str) -> BaseSettings:
    """Return a component priority dictionary together with Scrapy's own part of it."""
    if VERSION < (2, 15):
        return settings.getwithbase(name)
    return settings.get_component_priority_dict_with_base(name)


def spider_loader(settings: BaseSettings) -> SpiderLoaderProtocol:
    """Return what finds a project's spiders; only from 2.14 on there is a function for it."""
    kind: Any = load_object(settings["SPIDER_LOADER_CLASS"])
    loader: SpiderLoaderProtocol = kind.from_settings(settings.frozencopy())
    return loader


def before_scheduler_closes(crawler: Crawler, leftovers: Callable[[], Iterator[Request]]) -> None:
    """Hand requests back to the scheduler right before it closes, so that a JOBDIR keeps them.

    No signal is sent between the last download and the scheduler's end, so its `close` is wrapped
    on the instance.
    """
    scheduler: Any = _slot(crawler).scheduler
    close = getattr(scheduler, "close", None)
    if close is None:
        return

    def hand_back_and_close(reason: str) -> Any:
        for request in leftovers():
            scheduler.enqueue_request(request)
        return close(reason)

    scheduler.close = hand_back_and_close


def retry(crawler: Crawler, request: Request, reason: str) -> Request | None:
    """Return the copy that Scrapy's own retry would make of a request; None when it would not."""
    spider = crawler.spider
    return get_retry_request(request, spider=spider, reason=reason) if spider else None
