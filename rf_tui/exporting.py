"""The tables of a page as records: for a spreadsheet, for a program, for the clipboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rf_core.redaction import printable, redact
from rf_core.snapshot import CrawlReport, DomainSpend, Snapshot
from rf_tui.alerts_page import listed_alerts, state_of
from rf_tui.arranging import arranged
from rf_tui.panels import own_domains
from rf_tui.places import Row, Whereabouts
from rf_tui.sheets import sheet
from rf_tui.words import crawl_state

Record = dict[str, Any]
Tables = dict[str, list[Record]]

_LONGEST_CELL: Final = 500


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


def tables_of(snapshot: Snapshot, where: Whereabouts, *, hidden: bool = False) -> Tables:
    """Return the tables of the page, with the rows that are listed there and in their order.

    Args:
        hidden: Whether amounts are left out, as on a masked screen.
    """
    return {
        name: [
            {
                field.name: None if hidden and field.is_amount else _clean(field.value(row))
                for field in EXPORTS[name]
            }
            for row in rows
        ]
        for name, rows in _rows(snapshot, where).items()
    }


def table_of(row: Row | None, page: str) -> str | None:
    """Name the table that a row of a page belongs to."""
    if row is None:
        return None
    return "spenders" if page == "domain" and row.panel == "crawls" else row.panel


def record_of(snapshot: Snapshot, where: Whereabouts, *, hidden: bool = False) -> Record | None:
    """Return the row that is chosen, as a record; None when none is, or when it is gone."""
    row = where.here.chosen
    table = table_of(row, where.here.page)
    if row is None or table is None:
        return None
    rows = _rows(snapshot, where).get(table, ())
    found = next((number for number, one in enumerate(rows) if _key(one) == row.key), None)
    if found is None:
        return None
    return tables_of(snapshot, where, hidden=hidden)[table][found]


def as_words(record: Record) -> str:
    """Write a record as `name=value` words, as `rf monitor --plain` does; unknown ones left out."""
    return " ".join(
        f"{name}={'_'.join(str(value).split()) or '-'}"
        for name, value in record.items()
        if value is not None
    )


def as_csv(records: Sequence[Record]) -> str:
    """Write a table for a spreadsheet; without rows it is an empty file."""
    if not records:
        return ""
    return sheet(list(records[0]), [list(record.values()) for record in records], "\r\n")


def as_json(tables: Tables, *, taken_at: float, page: str) -> str:
    """Write every table of a page as one object."""
    document = {"taken_at": taken_at, "page": page, **tables}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _clean(value: Any) -> Any:
    return printable(redact(value), _LONGEST_CELL) if isinstance(value, str) else value


def _rows(snapshot: Snapshot, where: Whereabouts) -> dict[str, Sequence[Any]]:
    here = where.here
    crawl = next((one for one in snapshot.crawls if one.id == here.subject), None)
    match here.page:
        case "pool":
            crawls = tuple(one for one in snapshot.crawls if one.pool == here.subject)
            domains = own_domains(snapshot.crawls, here.subject)
            shown = arranged(
                replace(snapshot, crawls=crawls, domains=domains), where.filter, where.sorts
            )
            return {"crawls": shown.crawls, "domains": shown.domains}
        case "crawl" if crawl is not None:
            shown = arranged(
                replace(snapshot, domains=own_domains((crawl,))), where.filter, where.sorts
            )
            return {"verdicts": _ranked(crawl), "domains": shown.domains}
        case "domain":
            crawls = arranged(snapshot, where.filter, where.sorts).crawls
            return {
                "spenders": [
                    (one, spend)
                    for one in crawls
                    for spend in one.domains
                    if spend.domain == here.subject
                ]
            }
        case "alerts":
            return {"alerts": listed_alerts(snapshot, where)}
        case "targeting" | "requests" as page:
            shown = arranged(snapshot, where.filter, where.sorts)
            return {"pools": shown.pools} if page == "targeting" else {"requests": shown.calls}
        case _:
            domains = snapshot.domains or own_domains(snapshot.crawls)
            shown = arranged(replace(snapshot, domains=domains), where.filter, where.sorts)
            return {
                "pools": shown.pools,
                "windows": shown.windows,
                "crawls": shown.crawls,
                "domains": shown.domains,
                "findings": shown.findings,
            }


def _key(row: Any) -> str:
    """What :class:`Row` names a row by."""
    match row:
        case (CrawlReport(id=key), DomainSpend()):
            return key
        case _:
            return str(getattr(row, "id", None) or getattr(row, "domain", ""))


def _ranked(crawl: CrawlReport) -> list[tuple[str, int]]:
    return sorted(crawl.failures.items(), key=lambda item: (-item[1], item[0]))
