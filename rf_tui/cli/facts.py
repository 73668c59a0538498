"""`rf me`, `pools`, `balance`, `usage`, `limits`, `crawls`: the monitor's facts, one at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import click
import msgspec

from rf_core.io import answers, processes
from rf_core.io.session import Session
from rf_core.snapshot import CrawlReport
from rf_core.units import GIGABYTE, format_bytes
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import freshness_options, json_option, profile_option, with_session
from rf_tui.cli.output import print_age, print_json, print_rows
from rf_tui.words import holders_words, wait_words

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kKmMgG]?)[bB]?\s*")
_STEPS: Mapping[str, int] = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": GIGABYTE}


class Size(click.ParamType[int]):
    """A number of bytes with a unit: `2GB`, `500 MB`, `1.5 GB`."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no size; write 2GB or 500MB", param, ctx)
        return int(float(match[1]) * _STEPS[match[2].lower()])


def _age(fetched_at: float) -> float:
    return max(0.0, time.time() - fetched_at)


@click.command("me")
@profile_option
@json_option
@freshness_options
def me(*, profile: str | None, as_json: bool, max_age: float, refresh: bool) -> None:
    """Who this key is and what it may do."""

    async def ask(session: Session) -> None:
        account, at = await answers.identity(session, -1.0 if refresh else max_age)
        if as_json:
            print_json(
                {
                    "id": account.id,
                    "username": account.username,
                    "scopes": list(account.scopes),
                    "key_name": account.key_name,
                    "key": session.masked_key,
                    "balances_bytes": dict(account.balances),
                    "age_seconds": _age(at),
                }
            )
            return
        print_rows(
            ("", ""),
            [
                ("account", f"{account.username} ({account.id})"),
                ("key", f"{session.masked_key} {account.key_name}"),
                ("scopes", ", ".join(account.scopes) or "none"),
            ],
        )
        print_age(_age(at))

    with_session(profile, ask)


@click.command("pools")
@profile_option
@json_option
@freshness_options
def pools(*, profile: str | None, as_json: bool, max_age: float, refresh: bool) -> None:
    """Pools and targeting values of today."""

    async def ask(session: Session) -> None:
        found, at = await answers.discovery(session, -1.0 if refresh else max_age)
        if as_json:
            document = msgspec.to_builtins(found)
            print_json({**document, "age_seconds": _age(at)})
            return
        print_rows(
            ("POOL", "LABEL", "GATEWAY", "TYPES"),
            [(p.id, p.label, p.host, ",".join(p.proxy_types)) for p in found.pools],
        )
        targeting = found.targeting
        click.echo(f"countries: {' '.join(targeting.countries)}", err=True)
        click.echo(f"us states: {' '.join(targeting.us_states)}", err=True)
        low, high = targeting.session_minutes_min, targeting.session_minutes_max
        click.echo(f"session minutes: {low} to {high}", err=True)
        print_age(_age(at))

    with_session(profile, ask)


@click.command("balance")
@profile_option
@json_option
@freshness_options
@click.option(
    "--fail-below", type=Size(), metavar="SIZE", help="Exit 3 when a pool has less than that."
)
def balance(
    *, profile: str | None, as_json: bool, max_age: float, refresh: bool, fail_below: int | None
) -> int:
    """What every pool has left."""

    async def ask(session: Session) -> int:
        found, at = await answers.balances(session, -1.0 if refresh else max_age)
        low = [pool for pool, left in found.items() if fail_below is not None and left < fail_below]
        if as_json:
            print_json({"balances_bytes": found, "below": low, "age_seconds": _age(at)})
        else:
            print_rows(
                ("POOL", "LEFT", "BYTES"),
                [(pool, format_bytes(left), str(left)) for pool, left in found.items()],
            )
            print_age(_age(at))
        for pool in low:
            left = format_bytes(found[pool])
            click.echo(f"rf: pool {pool} has {left}, less than asked for", err=True)
        return ExitCode.CONDITION if low else ExitCode.DONE

    return with_session(profile, ask)


@click.command("usage")
@profile_option
@json_option
@freshness_options
def usage(*, profile: str | None, as_json: bool, max_age: float, refresh: bool) -> None:
    """Top domains by traffic, for the whole account."""

    async def ask(session: Session) -> None:
        found, at = await answers.usage(session, -1.0 if refresh else max_age)
        if as_json:
            print_json(
                {
                    "top_domains": [
                        {"domain": d.domain, "bytes": d.bytes, "requests": d.requests}
                        for d in found.top_domains
                    ],
                    "age_seconds": _age(at),
                }
            )
            return
        print_rows(
            ("DOMAIN", "USED", "BYTES", "REQUESTS"),
            [
                (d.domain, format_bytes(d.bytes), str(d.bytes), str(d.requests))
                for d in found.top_domains
            ],
        )
        print_age(_age(at))

    with_session(profile, ask)


@click.command("limits")
@profile_option
@json_option
def limits(*, profile: str | None, as_json: bool) -> None:
    """What is left of both rate-limit windows, as known here. Makes no call."""

    async def ask(session: Session) -> None:
        windows = await session.headroom()
        if as_json:
            print_json(
                {
                    window.group: {
                        "limit": window.limit,
                        "free": window.free,
                        "used": window.used,
                        "foreign": window.foreign,
                        "next_slot_seconds": window.next_slot_seconds,
                        "holders": dict(window.holders),
                    }
                    for window in windows
                }
            )
            return
        print_rows(
            ("WINDOW", "FREE", "LIMIT", "NEXT SLOT", "USED BY"),
            [
                (
                    window.group,
                    str(window.free),
                    str(window.limit),
                    wait_words(window.next_slot_seconds),
                    holders_words(window),
                )
                for window in windows
            ],
        )

    with_session(profile, ask)


@click.command("crawls")
@profile_option
@json_option
def crawls(*, profile: str | None, as_json: bool) -> None:
    """Running and past crawls of this machine, the latest first."""

    async def ask(session: Session) -> None:
        found = with_losses(await session.crawls(), time.time())
        if as_json:
            print_json({"crawls": [msgspec.to_builtins(report) for report in found]})
            return
        print_rows(
            ("SPIDER", "STATE", "STARTED", "POOL", "ON THE WIRE", "BYTES", "REQUESTS", "ID"),
            [_crawl_row(report) for report in found],
        )

    with_session(profile, ask)


def with_losses(reports: Iterable[CrawlReport], now: float) -> list[CrawlReport]:
    """Say of crawls whose process is gone that they are lost, instead of running for ever."""
    reports = list(reports)
    lost = processes.gone(reports, now)
    return [
        replace(report, finished_at=report.updated_at, finish_reason="lost")
        if report.id in lost
        else report
        for report in reports
    ]


def _crawl_row(report: CrawlReport) -> tuple[str, ...]:
    state = "running" if report.finished_at is None else report.finish_reason or "finished"
    return (
        report.spider,
        state,
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.started_at)),
        report.pool,
        format_bytes(report.wire_bytes),
        str(report.wire_bytes),
        str(report.requests),
        report.id,
    )
