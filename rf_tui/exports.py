"""What is exported of every table: one table of its columns, which the docs read too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rf_tui.alerts_page import state_of
from rf_tui.words import crawl_state


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an export.

    Attributes:
        is_amount: Whether it is hidden while the screen is masked.
    """

    name: str
    value: Callable[[Any], Any]
    meaning: str
    is_amount: bool = False


EXPORTS: Final[Mapping[str, tuple[Field, ...]]] = {
    "pools": (
        Field("pool", lambda pool: pool.id, "its id"),
        Field("label", lambda pool: pool.label, "what people call it"),
        Field("gateway", lambda pool: pool.host, "its gateway"),
        Field("offers", lambda pool: " ".join(pool.proxy_types), "proxy types"),
        Field("left_bytes", lambda pool: pool.left_bytes, "what is left by both meters", True),
        Field("balance_bytes", lambda pool: pool.balance_bytes, "the provider's number", True),
        Field("balance_at", lambda pool: pool.balance_at, "when that was read, Unix seconds"),
        Field("drain", lambda pool: pool.drain.state, "`measuring`, `idle` or `draining`"),
        Field(
            "bytes_per_second",
            lambda pool: round(pool.drain.bytes_per_second, 1),
            "what leaves it",
            True,
        ),
        Field(
            "runway_low_seconds",
            lambda pool: pool.drain.runway and round(pool.drain.runway.low_seconds),
            "how long it lasts at least",
        ),
        Field(
            "runway_high_seconds",
            lambda pool: pool.drain.runway and round(pool.drain.runway.high_seconds),
            "how long it lasts at most",
        ),
    ),
    "windows": (
        Field("window", lambda window: window.group, "`generate` or `reads`"),
        Field("limit", lambda window: window.limit, "calls in any rolling minute"),
        Field("free", lambda window: window.free, "calls that may be made now"),
        Field("used", lambda window: window.used, "slots this machine holds"),
        Field("foreign", lambda window: window.foreign, "slots that strangers hold"),
        Field("next_slot_seconds", lambda window: window.next_slot_seconds, "0 when one is free"),
    ),
    "crawls": (
        Field("spider", lambda crawl: crawl.spider, "its name"),
        Field("project", lambda crawl: crawl.project, "its Scrapy project"),
        Field(
            "state",
            lambda crawl: crawl_state(crawl, crawl.updated_at).text,
            "`running`, or why it ended",
        ),
        Field("pool", lambda crawl: crawl.pool, "the pool it drains"),
        Field("wire_bytes", lambda crawl: crawl.wire_bytes, "billed bytes, both ways", True),
        Field("up_bytes", lambda crawl: crawl.up_bytes, "of them sent", True),
        Field("down_bytes", lambda crawl: crawl.down_bytes, "of them received", True),
        Field("unbilled_bytes", lambda crawl: crawl.unbilled_bytes, "refused, and free", True),
        Field(
            "bytes_per_second", lambda crawl: round(crawl.bytes_per_second, 1), "right now", True
        ),
        Field("requests", lambda crawl: crawl.requests, "sent through the gateway"),
        Field("items", lambda crawl: crawl.items, "made by the spider"),
        Field("failures", lambda crawl: sum(crawl.failures.values()), "of all verdicts"),
        Field("exits", lambda crawl: crawl.exits, "asked for"),
        Field("started_at", lambda crawl: crawl.started_at, "Unix seconds"),
        Field("updated_at", lambda crawl: crawl.updated_at, "when it was last heard of"),
        Field("finished_at", lambda crawl: crawl.finished_at, "empty while it runs"),
        Field("sessions", lambda crawl: crawl.sessions.live, "that are going on"),
        Field("sessions_begun", lambda crawl: crawl.sessions.begun, "so far"),
        Field("sessions_renewed", lambda crawl: crawl.sessions.renewed, "after their lease"),
        Field("sessions_broken", lambda crawl: crawl.sessions.broken, "by a refusal or a ban"),
    ),
    "domains": (
        Field("domain", lambda domain: domain.domain, "its name"),
        Field("bytes", lambda domain: domain.bytes, "as the page counts them", True),
        Field("requests", lambda domain: domain.requests, "to it"),
        Field("delta_bytes", lambda domain: domain.delta_bytes, "since the reading before", True),
    ),
    "spenders": (
        Field("spider", lambda row: row[0].spider, "of a crawl that was at the domain"),
        Field(
            "state",
            lambda row: crawl_state(row[0], row[0].updated_at).text,
            "`running`, or why it ended",
        ),
        Field("pool", lambda row: row[1].pool, "the pool it drained there"),
        Field("up_bytes", lambda row: row[1].up_bytes, "sent to the domain", True),
        Field("down_bytes", lambda row: row[1].down_bytes, "received from it", True),
        Field("requests", lambda row: row[1].requests, "to it"),
    ),
    "requests": (
        Field("at", lambda call: call.at, "when it was sent, Unix seconds"),
        Field("method", lambda call: call.method, "of the call"),
        Field("path", lambda call: call.path, "under the API's address"),
        Field("status", lambda call: call.status, "0 when no answer came"),
        Field("trouble", lambda call: call.trouble, "what came instead of one"),
        Field("seconds", lambda call: call.seconds, "until the answer was there"),
        Field("window", lambda call: call.group, "`generate`, `reads` or empty"),
        Field("remaining", lambda call: call.remaining, "headroom after it, as the API said"),
        Field("limit", lambda call: call.limit, "of that window, as the API said"),
        Field("who", lambda call: call.who, "which holder of slots made it"),
    ),
    "verdicts": (
        Field("verdict", lambda row: row[0], "what went wrong"),
        Field("times", lambda row: row[1], "how often"),
    ),
    "alerts": (
        Field("pool", lambda alert: alert.pool, "the pool it is about"),
        Field("rule", lambda alert: alert.rule, "the rule's name"),
        Field("kind", lambda alert: alert.kind, "`pace`, `level` or `foreign`"),
        Field("state", state_of, "`on`, `acknowledged` or `over`"),
        Field("since", lambda alert: alert.since, "when it began, Unix seconds"),
        Field("over_at", lambda alert: alert.over_at, "when it ended; empty while it is on"),
        Field("text", lambda alert: alert.text, "one sentence"),
        Field("outcome", lambda alert: alert.outcome, "why nobody was told, or empty"),
    ),
    "findings": (
        Field("severity", lambda finding: finding.severity, "`info`, `warning` or `error`"),
        Field("code", lambda finding: finding.code, "a stable name"),
        Field("text", lambda finding: finding.text, "one sentence"),
        Field("way_out", lambda finding: finding.way_out, "another one, or empty"),
    ),
}
"""Table → its columns, in their order. Columns are only ever added."""
