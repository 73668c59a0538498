"""Every touch of Scrapy that is not its documented interface, in one file."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.utils.asyncio import is_asyncio_available

from rf_core.errors import SettingsError

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


def require_asyncio() -> None:
    """Refuse a reactor on which the relay cannot run.

    Raises:
        SettingsError: naming the line to change.
    """
    if not is_asyncio_available():
        raise SettingsError(
            "rf_scrapy needs an asyncio event loop.",
            way_out=(
                "In settings.py, remove TWISTED_REACTOR or set it to "
                '"twisted.internet.asyncioreactor.AsyncioSelectorReactor".'
            ),
        )


def is_closing(crawler: Crawler) -> bool:
    """Tell whether the spider is closing: whoever waits must let go."""
    slot = crawler.engine._slot  # noqa: SLF001 - no public name for it in 2.19
    return slot is None or slot.closing is not None


def pending_requests(crawler: Crawler) -> int | None:
    """How many requests are known and not done yet; None when the scheduler cannot tell."""
    slot: Any = crawler.engine._slot  # noqa: SLF001 - no public name for it in 2.19
    if slot is None or not hasattr(slot.scheduler, "__len__"):
        return None
    return len(slot.scheduler) + len(slot.inprogress)


def downloading(crawler: Crawler) -> Container[Request]:
    """Requests that the downloader has, from their first middleware to the end of their answer."""
    active: Container[Request] = crawler.engine.downloader.active
    return active


def before_scheduler_closes(crawler: Crawler, leftovers: Callable[[], Iterator[Request]]) -> None:
    """Hand requests back to the scheduler right before it closes, so that a JOBDIR keeps them.

    No signal is sent between the last download and the scheduler's end, so its `close` is wrapped
    on the instance.
    """
    scheduler: Any = crawler.engine.scheduler
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
