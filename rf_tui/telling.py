"""The snapshot for pipes, screen readers and programs: greppable lines, or one object."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rf_core.redaction import printable
from rf_core.snapshot import CrawlReport, Finding, Snapshot

_NUMBERS = re.compile(r"[\d.,]+")


def tick_line(snapshot: Snapshot) -> str:
    """One line of `name=value` words; bytes are integers."""
    words = [time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(snapshot.taken_at))]
    for pool in snapshot.pools:
        left = "unknown" if pool.left_bytes is None else str(pool.left_bytes)
        words.append(f"pool={_word(pool.id)} left_bytes={left} drain={pool.drain.state}")
        if pool.drain.state == "draining":
            words.append(f"bytes_per_second={pool.drain.bytes_per_second:.0f}")
        if pool.meters is not None:
            words.append(f"meters={pool.meters.verdict} excess_bytes={pool.meters.excess_bytes}")
        if pool.drain.runway is not None:
            runway = pool.drain.runway
            words.append(f"runway_seconds={runway.low_seconds:.0f}..{runway.high_seconds:.0f}")
    for window in snapshot.windows:
        words.append(f"window={window.group} free={window.free} limit={window.limit}")
        if window.next_slot_seconds:
            words.append(f"next_slot_seconds={window.next_slot_seconds:.1f}")
    for crawl in snapshot.crawls:
        state = state_of(crawl)
        words.append(
            f"crawl={_word(crawl.spider)} state={_word(state)} wire_bytes={crawl.wire_bytes} "
            f"requests={crawl.requests} crawl_bytes_per_second={crawl.bytes_per_second:.0f}"
        )
    age = _age(snapshot, snapshot.balance_at)
    words.append(f"balance_age_seconds={'unknown' if age is None else f'{age:.0f}'}")
    return " ".join(words)


def state_of(crawl: CrawlReport) -> str:
    """Name where a crawl stands: `running`, `paused`, or why it ended."""
    if crawl.finished_at is not None:
        return crawl.finish_reason or "finished"
    return "paused" if crawl.paused else "running"


def finding_line(finding: Finding) -> str:
    """One line for something a person should know."""
    return printable(f"{finding.severity}: {finding.text} {finding.way_out}".rstrip(), 400)


def news(before: Iterable[Finding], now: Sequence[Finding]) -> list[str]:
    """A line for each finding that is new, and one for each that is over.

    A sentence that says how old something is changes with every tick: its numbers do not count.
    """
    known = {_gist(finding): finding for finding in before}
    said = [finding_line(finding) for finding in now if _gist(finding) not in known]
    still = {_gist(finding) for finding in now}
    over = [finding for gist, finding in known.items() if gist not in still]
    return [*said, *(printable(f"over: {finding.text}", 400) for finding in over)]


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as one object: bytes are integers, times are Unix seconds, ages are said."""
    whole: dict[str, Any] = msgspec.to_builtins(snapshot)
    for pool, shown in zip(snapshot.pools, whole["pools"], strict=True):
        shown["left_bytes"] = pool.left_bytes
    for window, shown in zip(snapshot.windows, whole["windows"], strict=True):
        shown["free"] = window.free
    for crawl, shown in zip(snapshot.crawls, whole["crawls"], strict=True):
        shown["wire_bytes"] = crawl.wire_bytes
    whole["age_seconds"] = {
        "balance": _age(snapshot, snapshot.balance_at),
        "usage": _age(snapshot, snapshot.usage_at),
        "pools": _age(snapshot, snapshot.discovery_at),
    }
    return whole


def _gist(finding: Finding) -> tuple[str, str]:
    return finding.code, _NUMBERS.sub("", finding.text)


def _age(snapshot: Snapshot, at: float | None) -> float | None:
    return None if at is None else max(0.0, snapshot.taken_at - at)


def _word(text: str) -> str:
    return re.sub(r"\s", "_", printable(text, 80)) or "-"
