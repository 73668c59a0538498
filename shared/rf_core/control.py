"""What a crawl may be told while it runs: four words, and when each of them is refused.

A crawl decides for itself, from where it stands; nothing but these words ever reaches it. A budget
can only be lowered: more money is a matter for whoever starts the crawl.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from rf_core.snapshot import CrawlReport
from rf_core.units import format_bytes

Verb = Literal["pause", "resume", "stop", "budget"]

VERBS: Final[Mapping[Verb, str]] = {
    "pause": "send nothing new; what is on its way comes to its end",
    "resume": "go on",
    "stop": "end it in order, as Ctrl+C does; a JOBDIR keeps the rest",
    "budget": "let it spend no more than so much in all, which is less than it might",
}
"""What a crawl may be told → what that means."""

STOPPED: Final = "rf_stopped"
"""The finish reason of a crawl that was told to stop."""

_SHORTEST: Final = 3
_HOW_TO_RAISE: Final = (
    "It can only be lowered from here. To raise it, stop the crawl and start it again with more in "
    "RF_BUDGET; with a JOBDIR it goes on where it was."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a crawl stands when it is told something.

    Attributes:
        listens: What `RF_CONTROL` says.
        is_paused: Whether it was told to pause.
        dry_pool: The pool it waits for until it is topped up, or "".
        is_ending: Whether it is on its way out already.
        limit_bytes: Its budget, or None without one.
    """

    listens: bool = True
    is_paused: bool = False
    dry_pool: str = ""
    is_ending: bool = False
    limit_bytes: int | None = None
    spent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a crawl says: whether it does so, and a sentence."""

    is_done: bool
    text: str


def answer(verb: Verb, standing: Standing, limit_bytes: int | None = None) -> Answer:
    """Decide what a crawl does when it is told something.

    Args:
        limit_bytes: With `budget`, what it may spend in all.
    """
    if not standing.listens:
        return Answer(False, "It takes no orders: RF_CONTROL is off.")
    if standing.is_ending:
        return Answer(False, "It is ending already.")
    match verb:
        case "pause":
            return _pause(standing)
        case "resume":
            return _resume(standing)
        case "stop":
            return Answer(True, f"Stops, with {STOPPED}; what is on its way comes to its end.")
        case "budget":
            return _budget(standing, limit_bytes)
        case _:
            assert_never(verb)


def _pause(standing: Standing) -> Answer:
    if standing.is_paused:
        return Answer(False, "It is paused already.")
    return Answer(True, "Paused: nothing new is sent; what is on its way comes to its end.")


def _resume(standing: Standing) -> Answer:
    if not standing.is_paused:
        waits = f" It waits for a top-up of pool {standing.dry_pool}." if standing.dry_pool else ""
        return Answer(False, f"Nobody has paused it.{waits}")
    if standing.dry_pool:
        waits = f"goes on when pool {standing.dry_pool} is topped up"
        return Answer(True, f"Not paused any more; it {waits}.")
    return Answer(True, "Goes on.")


def _budget(standing: Standing, limit_bytes: int | None) -> Answer:
    if limit_bytes is None or limit_bytes < 1:
        return Answer(False, "A budget is a size above 0, as 500 MB.")
    limit = format_bytes(limit_bytes)
    if standing.limit_bytes is not None and limit_bytes >= standing.limit_bytes:
        return Answer(
            False, f"Its budget is {format_bytes(standing.limit_bytes)} already. {_HOW_TO_RAISE}"
        )
    if limit_bytes <= standing.spent_bytes:
        spent = format_bytes(standing.spent_bytes)
        return Answer(True, f"May spend {limit} in all. It has spent {spent}, so it ends.")
    return Answer(True, f"May spend {limit} in all, and no more.")


def named(crawls: Iterable[CrawlReport], text: str) -> CrawlReport | str:
    """Find the running crawl that somebody means: by its id, the beginning of that, or its spider.

    Returns:
        The crawl, or a sentence that says why it is none.
    """
    running = [crawl for crawl in crawls if crawl.finished_at is None]
    ways: Sequence[Sequence[CrawlReport]] = (
        [crawl for crawl in running if crawl.id == text],
        [crawl for crawl in running if crawl.spider == text],
        [crawl for crawl in running if len(text) >= _SHORTEST and crawl.id.startswith(text)],
    )
    found = next((way for way in ways if way), ())
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{crawl.id} ({crawl.spider})" for crawl in found or running)
    if found:
        return f"Several running crawls are called {text!r}: {listed}."
    return f"No crawl {text!r} is running here. Running: {listed or 'none'}."
