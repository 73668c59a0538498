"""Keeps a world in a store while it lives, and wakes it up from there after its death.

What was granted is kept, and what was billed by row; balances are their difference, so that rows
and balances agree after any crash. A row is kept when it ends and whenever 32 KiB of it are not
kept yet; everything else before it is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Final

from rf_sandbox.credentials import Order
from rf_sandbox.exits import Session
from rf_sandbox.records import (
    KILLED,
    Replay,
    arrivals_record,
    everything,
    facts_of,
    order_record,
    restore_facts,
    row_record,
    session_record,
    write,
)
from rf_sandbox.store import Rewrite, StateError, Store, damaged
from rf_sandbox.traffic import Page, Row
from rf_sandbox.world import World

logger = logging.getLogger(__name__)

_REWRITE_AT: Final = 64 * 1024 * 1024
_REWRITE_AT_START: Final = 4 * 1024 * 1024
_DAMAGE: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError)


def chosen(store: Store | None, seed: int | None, profile: str | None) -> tuple[int, str]:
    """Return the seed and the profile to start with: those asked for, which must be those kept.

    Raises:
        StateError: they are others.
    """
    if store is None or store.facts is None:
        return seed or 0, profile or "documented"
    for name, given in (("seed", seed), ("profile", profile)):
        kept = store.facts.get(name)
        if given is not None and given != kept:
            store.close()
            message = (
                f"{store.folder} holds a sandbox of {name} {kept}: leave --{name} out, or choose "
                "another directory."
            )
            raise StateError(message)
    return int(store.facts["seed"]), str(store.facts["profile"])


class Persistence:
    """The link between a world and its store. Loop thread only, once it is awake."""

    def __init__(self, store: Store, world: World, token: str) -> None:
        self.folder = store.folder
        self._token = token
        self._store = store
        self._world = world
        self._facts: dict[str, Any] = {}
        self._killed: list[Row] = []
        self._starts_over = False
        self._behind = False
        self._arrivals: dict[tuple[int, str], tuple[int, float]] = {}
        self._rewriting: tuple[Rewrite, Page, Iterator[bytes]] | None = None

    def wake(self) -> str:
        """Give the world what was kept, and keep it from now on; return the control token.

        Raises:
            StateError: a file is damaged, or cannot be written.
        """
        try:
            if self._store.facts is not None:
                self._restore(self._store.facts)
            self._keep_facts()
            if self._store.logged > _REWRITE_AT_START:
                self._rewrite_at_once()
            else:
                self._append([row_record(row) for row in self._killed])
        except OSError as error:
            self._store.close()
            message = f"{self.folder} cannot be written ({error.strerror}): choose another."
            raise StateError(message) from None
        except StateError:
            self._store.close()
            raise
        self._note_arrivals()
        world = self._world
        world.on_change = self.keep
        world.traffic.on_row = self._on_row
        world.traffic.on_forget = self._on_forget
        world.credentials.on_order = self._on_order
        world.exits.on_session = self._on_session
        return self._token

    def keep(self) -> None:
        """Keep whatever has changed, before anybody is told of it."""
        try:
            if self._starts_over:
                self._start_over()
            elif self._behind:
                self._rewrite_at_once()
            self._append(self._note_arrivals())
            self._keep_facts()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Keep the last of it, and let go. Repeatable."""
        world = self._world
        world.on_change = world.traffic.on_row = world.traffic.on_forget = None
        world.credentials.on_order = world.exits.on_session = None
        self._give_up_rewriting()
        try:
            self._keep_facts(always=True)
        except OSError as error:
            self._fail(error)
        self._store.close()

    # What the world tells

    def _on_row(self, row: Row) -> None:
        self._append([row_record(row)])

    def _on_order(self, order: Order) -> None:
        self._append([order_record(order)])

    def _on_session(self, username: str, session: Session) -> None:
        self._append([session_record(username, session)])

    def _on_forget(self) -> None:
        """Somebody makes everything as it was: kept when all of it is done."""
        self._starts_over = True

    # What is kept

    def _append(self, records: list[list[Any]]) -> None:
        if not records or self._starts_over:
            return
        try:
            self._store.append(write(records))
            if self._store.logged > _REWRITE_AT and self._rewriting is None:
                rewrite = self._store.rewrite()
                self._rewriting = rewrite, *everything(self._world)
                asyncio.get_running_loop().call_soon(self._rewrite_some)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Go on: whoever runs a sandbox wants it to run. What is missing is kept when it can be."""
        if not self._behind:
            logger.error("the state cannot be kept for now: %s", error.strerror)
        self._behind = True

    def _keep_facts(self, *, always: bool = False) -> None:
        facts = {"token": self._token, **facts_of(self._world)}
        if always or facts != self._facts:
            moving = {"now": self._world.now(), "walk": self._world.exits.walk}
            self._store.write_facts({**facts, **moving})
            self._facts = facts

    def _note_arrivals(self) -> list[list[Any]]:
        """Compare each rate window with what was kept of it: more arrivals, or another list."""
        records = []
        for whose, times in self._world.windows.logs.items():
            size, last = self._arrivals.get(whose, (0, 0.0))
            fits = size <= len(times) and (not size or times[size - 1] == last)
            if not fits or size < len(times):
                records.append(arrivals_record(*whose, times[size:] if fits else times, more=fits))
            self._arrivals[whose] = (len(times), times[-1] if times else 0.0)
        return records

    def _start_over(self) -> None:
        self._give_up_rewriting()
        page, pieces = everything(self._world)
        with page:
            facts = {"token": self._token, **facts_of(self._world)}
            moving = {"now": self._world.now(), "walk": self._world.exits.walk}
            self._store.start_over({**facts, **moving}, b"".join(pieces))
        self._arrivals.clear()
        self._note_arrivals()
        self._facts, self._starts_over = facts, False

    # The log grows; a base of it does not

    def _rewrite_at_once(self) -> None:
        self._give_up_rewriting()
        rewrite = self._store.rewrite()
        page, pieces = everything(self._world)
        with page:
            try:
                for piece in pieces:
                    rewrite.write(piece)
                rewrite.finish()
            finally:
                rewrite.close()
        self._behind = False

    def _rewrite_some(self) -> None:
        """Write one piece and let others have their turn."""
        if self._rewriting is None:
            return
        rewrite, _page, pieces = self._rewriting
        try:
            piece = next(pieces, None)
            if piece is not None:
                rewrite.write(piece)
                asyncio.get_running_loop().call_soon(self._rewrite_some)
                return
            rewrite.finish()
        except OSError as error:
            logger.error("the log of the state cannot be shortened: %s", error.strerror)
        self._give_up_rewriting()

    def _give_up_rewriting(self) -> None:
        """Stop; unless it was finished, the older logs still say all of it."""
        if self._rewriting is not None:
            rewrite, page, _pieces = self._rewriting
            rewrite.close()
            page.close()
            self._rewriting = None

    # What was kept

    def _restore(self, facts: dict[str, Any]) -> None:
        path = self.folder / "state.json"
        try:
            self._token = str(facts["token"])
            restore_facts(self._world, facts)
            now, walk = float(facts["now"]), list(facts["walk"])
        except _DAMAGE as error:
            raise damaged(path, repr(error)) from None
        replay, number = Replay(), 0
        try:
            for number, record in enumerate(self._store.records(), 1):  # noqa: B007 - for the error
                replay.take(record)
            self._take_over(replay, now, walk)
        except _DAMAGE as error:
            why = f"record {number}: {error!r}"
            raise damaged(self.folder, why) from None

    def _take_over(self, replay: Replay, now: float, walk: list[int]) -> None:
        world = self._world
        rows = sorted(replay.rows.values(), key=lambda row: row.seq)
        latest = max([now, *(row.ended or row.started for row in rows)])
        world.now.advanced += max(0.0, latest - world.now())  # time does not go back
        for row in rows:
            if row.ended is None:
                row.outcome, row.ended = KILLED, world.now()
                self._killed.append(row)
        last_seq = max(replay.archived_up_to, rows[-1].seq if rows else 0)
        world.traffic.remember(replay.archive, rows, last_seq)
        world.credentials.remember(replay.orders)
        for username, session in replay.sessions.items():
            world.exits.remember(username, session, world.now())
        used = [row.exit for row in rows if row.exit]
        world.exits.resume(walk, [*used, *(one.address for one in replay.sessions.values())])
        world.windows.logs.update(replay.logs)
