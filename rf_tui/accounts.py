"""Several accounts in one monitor: each has a session, a page and choices of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from rf_core.errors import ResiFactoryError, StateError
from rf_core.io.configuration import load_settings
from rf_core.prices import Price
from rf_core.redaction import Secret, printable
from rf_core.settings import Settings
from rf_core.snapshot import Finding, Snapshot
from rf_core.snapshot_source import Hands, Source
from rf_tui.places import Whereabouts
from rf_tui.poller import Poller

if TYPE_CHECKING:
    from rf_core.io.session import Session
    from rf_core.io.sources import LiveSource
    from rf_tui.making import Generates
    from rf_tui.opened import Opened
    from rf_tui.order_form import Form

State = Literal["reading", "well", "warning", "error"]

MARKS: Final[dict[State, str]] = {"reading": "…", "well": "●", "warning": "!", "error": "✗"}
"""How an account is, by a sign and not by its colour alone."""

_AGAIN_SECONDS: Final = 2.0
"""After so long an account whose `state.db` could not be used is tried again."""


class Account:
    """An account as a source that is opened when it is first looked at.

    What is drawn before that is drawn at once: a session is half of what there is to load. An
    account that cannot be opened says why, and what to do.

    Args:
        settings: Reads them, or fails as settings do; again each time it is asked to open.
        patience_seconds: How long its very first snapshot may wait for answers.

    Attributes:
        ring: Rings the bell when an alert begins, if there is one.
        hands: What a person may do about it, once it is open.
    """

    def __init__(self, settings: Callable[[], Settings], *, patience_seconds: float = 0.0) -> None:
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._session: Session | None = None
        self._live: LiveSource | None = None
        self._why: ResiFactoryError | None = None
        self._tried_at = 0.0
        self._read: Settings | None = None
        self._opening = asyncio.Lock()
        self.prices: tuple[Price, ...] = ()
        self.hands: Hands | None = None
        self.ring: Callable[[], None] | None = None

    @property
    def generates(self) -> Generates | None:
        """Who sends its orders, once it is open."""
        return self._session

    @property
    def key(self) -> Secret | None:
        """Its key, once its settings have been read."""
        return None if self._read is None else self._read.key

    def __repr__(self) -> str:
        return f"<Account {self._session or 'not open'}>"

    async def snapshot(self) -> Snapshot:
        """Return what is known, or why nothing is.

        What this machine is to blame for may have passed: that is tried again by itself. Settings
        are read again when a person says so: to find a key, they may run a command.
        """
        if self._live is None and (self._why is None or self._is_to_be_tried()):
            await self._open(self._read)
        return await self._live.snapshot() if self._live else self._closed()

    async def refresh(self) -> Snapshot:
        """Ask for everything; what could not be opened is tried again."""
        if self._live is None:
            await self._open()
        return await self._live.refresh() if self._live else self._closed()

    async def aclose(self) -> None:
        """Close the session. Repeatable."""
        async with self._opening:
            session, self._session, self._live, self.hands = self._session, None, None, None
            if session is not None:
                await session.aclose()

    def _is_to_be_tried(self) -> bool:
        passed = time.time() - self._tried_at
        return isinstance(self._why, StateError) and not 0 <= passed < _AGAIN_SECONDS

    async def _open(self, known: Settings | None = None) -> None:
        async with self._opening:
            if self._live is not None:
                return
            try:
                settings = self._read = known or self._settings()
                open_session = await asyncio.to_thread(_loaded)
                opened = await open_session(
                    settings, patience_seconds=self._patience_seconds, ring=self.ring
                )
            except ResiFactoryError as error:
                self._why = error
                self._tried_at = time.time()
                return
            self._why = None
            self.prices = settings.prices
            self._session, self._live, self.hands = opened

    def _closed(self) -> Snapshot:
        why = self._why or ResiFactoryError("It is closed.")
        then = "It is tried again by itself." if isinstance(why, StateError) else "Then press r."
        way_out = f"{why.way_out} {then}".strip()
        finding = Finding("error", "not_open", why.message, way_out, self._tried_at)
        return Snapshot(time.time(), findings=(finding,))


def profile(name: str, *, patience_seconds: float = 0.0) -> Account:
    """Make the account of a profile of config.toml."""

    def settings() -> Settings:
        return load_settings(profile=name, profile_first=True)

    return Account(settings, patience_seconds=patience_seconds)


def _loaded() -> Callable[..., Awaitable[Opened]]:
    from rf_tui.opened import opened  # noqa: PLC0415 - half of what there is to load

    return opened


@dataclass
class Desk:
    """What the monitor holds of one account.

    Attributes:
        name: The profile's; "" where there is only one.
        generates: Who sends its orders; without it nothing can be ordered.
        hands: What a person may do about it; without it they only look.
        snapshot: The last one.
        where: Where a person is in it.
        paused_at: When its picture was frozen, or None.
        form: The order that is being written, if one is.
    """

    name: str
    source: Source
    prices: Sequence[Price] = ()
    generates: Generates | None = None
    hands: Hands | None = None
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(taken_at=0.0))
    where: Whereabouts = field(default_factory=Whereabouts)
    paused_at: float | None = None
    form: Form | None = None

    def __post_init__(self) -> None:
        self.poller = Poller(self.source)

    @property
    def orders(self) -> Generates | None:
        """Who sends its orders, if anybody does; an account has somebody once it is open."""
        return self.source.generates if isinstance(self.source, Account) else self.generates

    @property
    def key(self) -> Secret | None:
        """The account's key, where there is one and it is known."""
        return self.source.key if isinstance(self.source, Account) else None

    def keep(self, form: Form) -> None:
        """Keep what is being written, for when the generator opens again."""
        self.form = form

    @property
    def doing(self) -> Hands | None:
        """What a person may do about it, if anything; with a profile, once it is open."""
        return self.source.hands if isinstance(self.source, Account) else self.hands

    @property
    def costs(self) -> Sequence[Price]:
        """What a gigabyte costs; an account knows it once it is open."""
        return self.source.prices if isinstance(self.source, Account) else self.prices

    @property
    def state(self) -> State:
        """How the account is."""
        worst = {finding.severity for finding in self.snapshot.findings}
        if "error" in worst:
            return "error"
        if "warning" in worst:
            return "warning"
        return "well" if self.snapshot.balance_at is not None else "reading"

    def sorted_like(self, other: Desk) -> None:
        """Take over the orders of another's tables: they are a person's, not an account's."""
        self.where = replace(self.where, sorts=other.where.sorts)


def tab_words(desks: Sequence[Desk], names: Sequence[str], at: int) -> list[tuple[str, bool]]:
    """What each tab says, and whether it is the one that is shown."""
    return [
        (f" {MARKS[desk.state]} {printable(name, 24)} ", number == at)
        for number, (desk, name) in enumerate(zip(desks, names, strict=True))
    ]
