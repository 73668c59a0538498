"""What is kept of a world, as JSON and back: pure, so that a restart is a function of the files.

Facts are the document of what changes rarely. Records are lists that begin with their kind; later
ones add to earlier ones or replace them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from typing import Any, Final

import msgspec

from rf_sandbox.accounts import Key, Pool, Targeting
from rf_sandbox.credentials import Order
from rf_sandbox.exits import Session
from rf_sandbox.rules import read_rules
from rf_sandbox.traffic import Archive, Page, Row
from rf_sandbox.windows import Foreign
from rf_sandbox.world import World

_ROW: Final = tuple(one.name for one in fields(Row))[:-2]  # all but the meter's own
_AT_ONCE: Final = 200
_ENCODE: Final = msgspec.json.Encoder().encode
KILLED: Final = "killed"
"""The outcome of a row whose sandbox did not live to see its end."""


# Facts


def facts_of(world: World) -> dict[str, Any]:
    """What changes rarely. Of balances it is what was granted: the rest follows from the rows."""
    account, windows = world.account, world.windows
    billed = world.traffic.billed_bytes
    return {
        "seed": world.seed,
        "profile": world.profile,
        "clock_advanced": world.now.advanced,
        "account": {
            "id": account.id,
            "username": account.username,
            "disabled": account.disabled,
            "targeting": asdict(account.targeting),
            "keys": [asdict(key) for key in account.keys],
            "pools": [
                {**asdict(pool), "granted_bytes": pool.balance_bytes + billed.get(pool.id, 0)}
                for pool in account.pools.values()
            ],
        },
        "switches": world.switches.document(),
        "windows": {
            "limits": dict(windows.limits),
            "window_seconds": windows.window_seconds,
            "algorithm": windows.algorithm,
            "violations": windows.violations,
            "foreign_calls": windows.foreign_calls,
            "foreign": [
                {name: getattr(other, name) for name in _FOREIGN} for other in windows.foreign
            ],
        },
        "faults": world.faults.document(),
    }


_FOREIGN: Final = ("key_id", "group", "every_seconds", "until", "next_at")


def restore_facts(world: World, facts: dict[str, Any]) -> None:
    """Give a world of the same seed these facts; balances are as if nothing had been billed.

    Raises:
        ValueError, KeyError, TypeError: they are none.
    """
    world.profile = facts["profile"]
    world.now.advanced = max(world.now.advanced, float(facts["clock_advanced"]))
    account, given = world.account, facts["account"]
    account.id, account.username = given["id"], given["username"]
    account.disabled = given["disabled"]
    account.targeting = Targeting(**given["targeting"])
    account.keys = [Key(**{**key, "scopes": tuple(key["scopes"])}) for key in given["keys"]]
    account.pools = {pool["id"]: _pool(pool) for pool in given["pools"]}
    world.switches.set(**facts["switches"])
    windows, counted = world.windows, facts["windows"]
    for name in ("limits", "window_seconds", "algorithm", "violations", "foreign_calls"):
        setattr(windows, name, counted[name])
    windows.foreign = [
        Foreign(**other, chance=random.Random(f"{world.seed} {other['key_id']}"))  # noqa: S311
        for other in counted["foreign"]
    ]
    world.faults.rules = read_rules(facts["faults"], world.seed)
    for rule, kept in zip(world.faults.rules, facts["faults"], strict=True):
        rule.calls, rule.fired = kept["calls"], kept["fired"]
        for _ in range(rule.calls):  # one cast for each call: the story goes on where it was
            rule.chance.random()


def _pool(kept: dict[str, Any]) -> Pool:
    known = {one.name for one in fields(Pool)}
    pool = Pool(**{name: value for name, value in kept.items() if name in known})
    pool.balance_bytes = int(kept["granted_bytes"])
    return pool


# Records


def row_record(row: Row) -> list[Any]:
    """A row as it is now; the last record of a number stands."""
    return ["row", *(getattr(row, name) for name in _ROW)]


def order_record(order: Order) -> list[Any]:
    """An order."""
    return ["order", order.first, order.count, order.made, order.key_id]


def session_record(username: str, session: Session) -> list[Any]:
    """A sticky session; the last record of a user name stands."""
    return ["session", username, session.address, session.until]


def arrivals_record(key_id: int, group: str, times: Iterable[float], *, more: bool) -> list[Any]:
    """Calls in a rate window: more of them, or all there are."""
    return ["more" if more else "window", key_id, group, list(times)]


def write(records: Iterable[list[Any]]) -> bytes:
    """Write records as lines."""
    return b"".join(_ENCODE(record) + b"\n" for record in records)


def everything(world: World) -> tuple[Page, Iterator[bytes]]:
    """Write all there is at the moment of the call, in pieces that may be taken later.

    Returns the rows, for the caller to close in the end, and the pieces.
    """
    traffic = world.traffic
    page, archive = traffic.all_pieces(), traffic.archive
    others = [
        ["archive", archive.rows, traffic.last_seq, dict(archive.bytes)],
        *(["domain", name, *used] for name, used in archive.usage.items()),
        *(order_record(order) for order in world.credentials.orders),
        *(session_record(*item) for item in world.exits.sessions.items()),
        *(
            arrivals_record(*whose, times, more=False)
            for whose, times in world.windows.logs.items()
        ),
    ]

    def pieces() -> Iterator[bytes]:
        left = iter(others)
        while some := list(islice(left, _AT_ONCE)):
            yield write(some)
        for rows in page:
            yield write(["kept", *(row[name] for name in _ROW)] for row in rows)

    return page, pieces()


@dataclass(slots=True)
class Replay:
    """Records taken in, oldest first.

    Of rows up to `archived_up_to` the base has all that are not archived: a late word on one of
    those is not taken for a new row.
    """

    archive: Archive = field(default_factory=Archive)
    rows: dict[int, Row] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    logs: dict[tuple[int, str], list[float]] = field(default_factory=dict)
    archived_up_to: int = 0

    def take(self, record: list[Any]) -> None:
        """Take one in.

        Raises:
            ValueError, KeyError, TypeError, IndexError: it is none.
        """
        kind, values = record[0], record[1:]
        match kind:
            case "kept" | "row":
                row = Row(*values[: len(_ROW)])
                if kind == "kept" or row.seq in self.rows or row.seq > self.archived_up_to:
                    self.rows[row.seq] = row
            case "order":
                self.orders.append(Order(*values))
            case "session":
                username, address, until = values
                self.sessions[username] = Session(address, until, until)
            case "window":
                self.logs[values[0], values[1]] = list(values[2])
            case "more":
                self.logs.setdefault((values[0], values[1]), []).extend(values[2])
            case "archive":
                self.archive = Archive(values[0], dict(values[2]))
                self.archived_up_to = values[1]
            case "domain":
                self.archive.usage[values[0]] = [values[1], values[2]]
            case _:
                message = f"unknown record {kind!r}"
                raise ValueError(message)
