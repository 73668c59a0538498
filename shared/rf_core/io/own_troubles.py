"""What is wrong for one process alone: its settings, its cache, its key, the `state.db` it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rf_core.errors import StateError
from rf_core.io.session import Session
from rf_core.troubles import Trouble, trouble_of

_RENEWED_SECONDS: Final = 600.0
"""So long it is said that `state.db` is another one."""


class OwnTroubles:
    """What a session meets that is noted nowhere: others may fare better."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._opened_at = session.clock.wall()
        self._renewals = 0
        self._renewed_at = float("-inf")
        self._unwritable: Trouble | None = None

    def cannot_write(self, error: StateError) -> None:
        """What is stored can be read, and nothing can be added to it."""
        if self._unwritable is None or self._unwritable.detail != str(error):
            self._unwritable = trouble_of(error, "", now=self._session.clock.wall())

    def can_write(self) -> None:
        """Something was added to what is stored."""
        self._unwritable = None

    def is_renewed(self) -> bool:
        """Tell, once each time, that `state.db` is another one: nothing known of the old holds."""
        renewals = self._session.state.renewals
        if renewals == self._renewals:
            return False
        self._renewals = renewals
        self._renewed_at = self._session.clock.wall()
        return True

    def now(self, account: Mapping[str, str]) -> tuple[Trouble, ...]:
        """Return what there is.

        Args:
            account: What the identity check said.
        """
        session, began = self._session, self._opened_at
        found = [Trouble("settings", began, detail=line) for line in session.settings.warnings]
        if self._unwritable is not None:
            found.append(self._unwritable)
        if session.clock.wall() - self._renewed_at < _RENEWED_SECONDS:
            found.append(Trouble("state_renewed", self._renewed_at, str(session.state.path)))
        if session.state.is_newer:
            found.append(Trouble("state_newer", began, str(session.state.path)))
        if session.cache.trouble:
            found.append(Trouble("cache_unusable", began, detail=session.cache.trouble))
        last4 = account.get("last4", "")
        if last4 and not session.masked_key.endswith(last4):
            found.append(Trouble("other_key", began, about=last4))
        return tuple(found)
