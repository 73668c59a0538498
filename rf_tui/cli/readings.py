"""`rf ledger readings`: the balances that were read here, for another machine of the account."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

import click
import msgspec

from rf_core.drain import Reading
from rf_core.io import records
from rf_core.io.session import Session
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import with_session
from rf_tui.cli.output import Shape, print_json, print_rows, print_sheet
from rf_tui.cli.table import Column

_HEADINGS: Final = ("pool", "at", "balance_bytes", "spent_bytes")


class Readings(msgspec.Struct, frozen=True):
    """What a machine had read and spent.

    Attributes:
        host: Its name.
        pools: Pool → its readings, oldest first.
    """

    host: str
    pools: dict[str, list[Reading]]


class ReadingsFile(click.ParamType[Readings]):
    """A file that `rf ledger readings --json` wrote on another machine."""

    name = "file"

    def convert(
        self, value: str | Readings, param: click.Parameter | None, ctx: click.Context | None
    ) -> Readings:
        """Read it."""
        if isinstance(value, Readings):
            return value
        try:
            read = msgspec.json.decode(Path(value).read_bytes(), type=Readings)
        except OSError as error:
            self.fail(f"{value}: {error.strerror}.", param, ctx)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = "holds no readings: write it with `rf ledger readings --json` on that machine."
            self.fail(f"{value} {said}", param, ctx)
        for readings in read.pools.values():
            readings.sort(key=lambda reading: reading.at)
        return read


def told_readings(profile: str | None, *, shape: Shape) -> int:
    """Print them."""

    async def ask(session: Session) -> None:
        history = await session.state.read(records.get_history, session.key)
        rows = [
            (pool, one.at, one.balance_bytes, one.spent_bytes)
            for pool, readings in sorted(history.items())
            for one in readings
        ]
        match shape:
            case "json":
                document = Readings(socket.gethostname(), history)
                print_json(msgspec.to_builtins(document))
            case "csv":
                print_sheet(_HEADINGS, rows)
            case "rows":
                print_rows(
                    (Column("POOL"), Column("AT"), Column("BALANCE", "right"),
                     Column("SPENT HERE", "right")),
                    [tuple(str(cell) for cell in row) for row in rows],
                    none="No balance was read here with this key: watch with `rf`.",
                )  # fmt: skip

    with_session(profile, ask)
    return ExitCode.DONE
