"""Which rows of a snapshot are listed, and in what order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from rf_core.snapshot import ApiCall, CrawlReport, DomainState, PoolState, Snapshot
from rf_tui.places import Panel
from rf_tui.words import crawl_state

_Row = TypeVar("_Row")
_Keys = Mapping[str, Callable[[Any], Any]]

_POOLS: Final[_Keys] = {
    "left": lambda pool: math.inf if pool.left_bytes is None else pool.left_bytes,
    "drain": lambda pool: -pool.drain.bytes_per_second,
    "name": lambda pool: pool.id,
}
_CRAWLS: Final[_Keys] = {
    "rate": lambda crawl: 0.0 if crawl.finished_at else -crawl.bytes_per_second,
    "on the wire": lambda crawl: -crawl.wire_bytes,
    "requests": lambda crawl: -crawl.requests,
    "name": lambda crawl: crawl.spider,
}
_DOMAINS: Final[_Keys] = {
    "bytes": lambda domain: -domain.bytes,
    "since last": lambda domain: -(domain.delta_bytes or 0),
    "requests": lambda domain: -domain.requests,
    "name": lambda domain: domain.domain,
}
_CALLS: Final[_Keys] = {
    "status": lambda call: (call.status != 0, -call.status),
    "latency": lambda call: -call.seconds,
    "who": lambda call: call.who,
}


def arranged(snapshot: Snapshot, text: str, sorts: Mapping[Panel, str]) -> Snapshot:
    """Return the snapshot with the rows that are asked for, each panel in its order.

    Equal rows keep the places they had, so that a table does not dance between two looks.
    """
    at = snapshot.taken_at
    return replace(
        snapshot,
        pools=_listed(snapshot.pools, text, _pool_words, _POOLS, sorts.get("pools")),
        crawls=_listed(
            snapshot.crawls, text, lambda one: _crawl_words(one, at), _CRAWLS, sorts.get("crawls")
        ),
        domains=_listed(snapshot.domains, text, _domain_words, _DOMAINS, sorts.get("domains")),
        calls=_listed(snapshot.calls, text, _call_words, _CALLS, sorts.get("requests")),
    )


def holds(text: str, words: str) -> bool:
    """Whether a row that says these words is listed: `text` is in it, or with `!text` is not.

    With `~text` it is enough that the letters come in that order. Capitals do not matter. A lone
    `!` is a filter that has only been begun.
    """
    wanted, said = text.strip().casefold(), words.casefold()
    match wanted[:1]:
        case "!":
            return wanted == "!" or not holds(wanted[1:], words)
        case "~":
            letters = iter(said)
            return all(letter in letters for letter in wanted[1:])
        case _:
            return wanted in said


def _listed(
    rows: Sequence[_Row],
    text: str,
    words: Callable[[_Row], str],
    keys: _Keys,
    order: str | None,
) -> tuple[_Row, ...]:
    kept = [row for row in rows if holds(text, words(row))] if text else rows
    key = keys.get(order or "")
    return tuple(sorted(kept, key=key) if key else kept)


def _pool_words(pool: PoolState) -> str:
    return " ".join((pool.id, pool.label, pool.host, *pool.proxy_types))


def _crawl_words(crawl: CrawlReport, seen_at: float) -> str:
    state = crawl_state(crawl, seen_at).text
    return " ".join((crawl.spider, crawl.project, crawl.pool, state, *crawl.failures))


def _domain_words(domain: DomainState) -> str:
    return domain.domain


def _call_words(call: ApiCall) -> str:
    status = call.status or ""
    return f"{call.method} {call.path} {status} {call.who} {call.group} {call.trouble}"
