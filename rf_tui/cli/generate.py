"""`rf generate`: credentials for whatever tool takes them, in the format it takes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rf_core import listing
from rf_core.call import GENERATE
from rf_core.errors import DemoCredentialsError
from rf_core.harvest import Harvest
from rf_core.inventory import BatchFacts, Delivery
from rf_core.io.session import Session
from rf_core.models import MAX_QUANTITY, Order
from rf_tui.cli.credentials import Printer, open_sink
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import is_for_a_person, print_json
from rf_tui.cli.teaching import taught
from rf_tui.words import wait_words

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_MANY: Final = 5_000
"""From so many on it takes long enough for a bar."""

_GLANCE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: an order for one, and how many."""

    order: Order
    quantity: int
    name: str
    file: Path | None
    as_json: bool
    allow_demo: bool


@dataclass(slots=True)
class Outcome:
    """What has come so far.

    Attributes:
        count: How many were written.
    """

    facts: BatchFacts | None = None
    calls: int = 0
    count: int = 0
    repeats: int = 0


@taught(
    "generate",
    ("rf generate --country us", "one credential, as host:port:user:password"),
    ('curl -x "$(rf generate --format url)" URL', "a request through a new one"),
    ("rf generate --quantity 5000 -o proxies.txt", "a file that only you can read"),
    ("rf generate --type sticky --session-minutes 30", "the same exit for half an hour"),
    ("rf generate --quantity 9 --json | jq .pool", "which pool pays for them"),
)
@profile_option
@json_option
@click.option("--pool", metavar="ID", help="Who pays; else the account's default pool.")
@click.option("--country", metavar="CC", help="Where exits are, as `us`; else anywhere.")
@click.option("--state", metavar="ST", help="Which US state, as `CA`; needs --country us.")
@click.option(
    "--type",
    "proxy_type",
    default="rotating",
    show_default=True,
    metavar="TYPE",
    help="rotating, sticky, mobile_rotating, mobile_sticky: what the pool offers.",
)
@click.option(
    "--session-minutes",
    type=click.IntRange(min=1),
    metavar="M",
    help="How long a sticky one keeps its exit; else the pool's default.",
)
@click.option(
    "--quantity",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help=f"How many. Every {MAX_QUANTITY:,} of them take a slot of the generate window.",
)
@click.option(
    "--format",
    "name",
    type=click.Choice(tuple(listing.FORMATS)),
    help="list is host:port:user:password (the default), userpass is user:password@host:port, "
    "url is what HTTP clients take, json is an array of objects (the default with --json).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write them there instead, whole or not at all; only you can read it.",
)
@click.option(
    "--allow-demo",
    is_flag=True,
    help="Take the ones that do not work, which a pool without balance gives; else exit 3.",
)
def generate(
    *,
    profile: str | None,
    as_json: bool,
    pool: str | None,
    country: str | None,
    state: str | None,
    proxy_type: str,
    session_minutes: int | None,
    quantity: int,
    name: str | None,
    output: Path | None,
    allow_demo: bool,
) -> int:
    """New credentials, for any tool that takes a proxy. They are secrets: stdout has passwords.

    What is ordered is checked against what the API lists, before a slot is spent. The credentials
    are ordered for you alone: no crawl of this machine has them, and none will get them.
    """
    file = None if output is None or str(output) == "-" else output
    wanted = Wanted(
        Order(pool, country, state, proxy_type, session_minutes),
        quantity,
        name or ("json" if as_json and file is None else "list"),
        file,
        as_json=as_json,
        allow_demo=allow_demo,
    )
    return with_session(profile, lambda session: _generate(session, wanted), holder="rf generate")


async def _generate(session: Session, wanted: Wanted) -> int:
    await session.check(replace(wanted.order, quantity=min(wanted.quantity, MAX_QUANTITY)))
    outcome = Outcome()
    in_object = wanted.as_json and wanted.file is None
    with open_sink(wanted.file) as sink:
        printer = Printer(sink, wanted.name, in_object=in_object)
        await _order_all(session, wanted, printer, outcome)
        printer.end(_facts(wanted, outcome) if in_object else None)
    if wanted.as_json and not in_object:
        print_json(_facts(wanted, outcome))
    _tell(wanted, outcome)
    return ExitCode.DONE


async def _order_all(session: Session, wanted: Wanted, printer: Printer, outcome: Outcome) -> None:
    """Send as many orders as it takes, and print what each brings."""
    with _bar(wanted) as bar:
        for first in range(0, wanted.quantity, MAX_QUANTITY):
            await _tell_of_wait(session)
            order = replace(wanted.order, quantity=min(wanted.quantity - first, MAX_QUANTITY))
            delivery = await _order_one(session, order, bar, is_first=not first)
            outcome.calls += 1
            outcome.facts = delivery.facts
            if delivery.facts.is_demo and not wanted.allow_demo:
                raise DemoCredentialsError(delivery.facts.pool)
            found = await asyncio.to_thread(delivery.proxies.distinct)
            outcome.repeats += len(delivery.proxies) - len(found)
            for lines in listing.write(found, wanted.name):
                printer.write(lines)
                await asyncio.sleep(0)
            outcome.count += len(found)


async def _order_one(
    session: Session, order: Order, bar: ProgressBar[int] | None, *, is_first: bool
) -> Delivery:
    """Send one order; whoever waits for the first one waits for it at a terminal."""
    harvest = Harvest()
    ordering = asyncio.ensure_future(
        session.generate(order, harvest, priority="interactive" if is_first else "normal")
    )
    shown = 0
    try:
        while not ordering.done():
            await asyncio.wait({ordering}, timeout=_GLANCE_SECONDS)
            if bar is not None and harvest.count > shown:
                bar.update(harvest.count - shown)
                shown = harvest.count
    finally:
        ordering.cancel()
    delivery = await ordering
    if bar is not None:
        bar.update(len(delivery.proxies) - shown)
    return delivery


async def _tell_of_wait(session: Session) -> None:
    windows = {window.group: window for window in await session.headroom()}
    window = windows[GENERATE]
    if not window.free:
        wait = wait_words(window.next_slot_seconds)
        click.echo(f"rf: the generate window is full; its next slot is free {wait}", err=True)


@contextlib.contextmanager
def _bar(wanted: Wanted) -> Iterator[ProgressBar[int] | None]:
    """A progress bar on stderr, where somebody looks at it and nothing else is printed."""
    on_screen = wanted.file is None and is_for_a_person()
    if wanted.quantity < _MANY or on_screen or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(
        length=wanted.quantity, label="generating", file=sys.stderr, update_min_steps=1
    ) as bar:
        yield bar


def _facts(wanted: Wanted, outcome: Outcome) -> dict[str, Any]:
    facts = outcome.facts
    return {
        "count": outcome.count,
        "repeats": outcome.repeats,
        "asked": wanted.quantity,
        "calls": outcome.calls,
        "pool": facts.pool if facts else "",
        "country": facts.country if facts else "",
        "is_demo": bool(facts and facts.is_demo),
        "format": wanted.name,
        "file": None if wanted.file is None else str(wanted.file),
    }


def _tell(wanted: Wanted, outcome: Outcome) -> None:
    """Say what a person should know and a list of credentials does not tell."""
    if outcome.facts is not None and outcome.facts.is_demo:
        click.echo("rf: these are demo credentials: none of them works", err=True)
    if outcome.repeats:
        click.echo(f"rf: {outcome.repeats:,} that repeat another are left out", err=True)
    short = wanted.quantity - outcome.count - outcome.repeats
    if short > 0:
        click.echo(f"rf: the API sent {short:,} fewer than were asked for", err=True)
    if wanted.file is not None and sys.stderr.isatty():
        click.echo(f"{outcome.count:,} in {wanted.file}", err=True)
