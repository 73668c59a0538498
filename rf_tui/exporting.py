"""The tables of a page as records: for a spreadsheet, for a program, for the clipboard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from rf_core.redaction import printable, redact
from rf_core.snapshot import CrawlReport, DomainSpend, Snapshot
from rf_tui.alerts_page import listed_alerts
from rf_tui.arranging import arranged
from rf_tui.exports import EXPORTS
from rf_tui.panels import own_domains
from rf_tui.places import Row, Whereabouts
from rf_tui.sheets import sheet

Record = dict[str, Any]
Tables = dict[str, list[Record]]

_LONGEST_CELL: Final = 500


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
