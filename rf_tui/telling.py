"""The snapshot for pipes and screen readers: one greppable line a tick, no colours, no drawing."""

from __future__ import annotations

import time

from rf_core.redaction import printable
from rf_core.snapshot import Finding, Snapshot


def tick_line(snapshot: Snapshot) -> str:
    """One line of `name=value` words; bytes are integers."""
    words = [time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(snapshot.taken_at))]
    for pool in snapshot.pools:
        left = "unknown" if pool.left_bytes is None else str(pool.left_bytes)
        words.append(f"pool={_word(pool.id)} left_bytes={left} drain={pool.drain.state}")
        if pool.drain.state == "draining":
            words.append(f"bytes_per_second={pool.drain.bytes_per_second:.0f}")
    for window in snapshot.windows:
        words.append(f"window={window.group} free={window.free} limit={window.limit}")
        if window.next_slot_seconds:
            words.append(f"next_slot_seconds={window.next_slot_seconds:.1f}")
    for crawl in snapshot.crawls:
        state = crawl.finish_reason or "running" if crawl.finished_at else "running"
        words.append(
            f"crawl={_word(crawl.spider)} state={_word(state)} wire_bytes={crawl.wire_bytes} "
            f"requests={crawl.requests} crawl_bytes_per_second={crawl.bytes_per_second:.0f}"
        )
    age = snapshot.taken_at - snapshot.balance_at if snapshot.balance_at is not None else None
    words.append(f"balance_age_seconds={'unknown' if age is None else f'{max(0.0, age):.0f}'}")
    return " ".join(words)


def finding_line(finding: Finding) -> str:
    """One line for something a person should know."""
    return printable(f"{finding.severity}: {finding.text} {finding.way_out}".rstrip(), 400)


def _word(text: str) -> str:
    return printable(text, 80).replace(" ", "_") or "-"
