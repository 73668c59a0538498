"""Sessions of people who logged in: each belongs to the address that opened it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

USER_NAME: Final = "reader"
PASSWORD: Final = "paper"  # noqa: S105 - the one that the reference page tells everybody
_MOST: Final = 200_000
Trouble = Literal["none", "expired", "address"]
_Name = TypeVar("_Name")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Session:
    """One login. `used` is when it was last shown, in Unix seconds."""

    client: str
    used: float
    cart: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Members:
    """Everybody who is logged in, and the forms that wait to be sent back.

    Names of sessions and tokens follow from their numbers: this site keeps no secrets.
    """

    session_seconds: float = 1_800.0
    sessions: dict[str, Session] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    orders: dict[int, tuple[int, ...]] = field(default_factory=dict)
    named: int = 0
    ordered: int = 0

    def new_form(self) -> tuple[str, str]:
        """Return the cookie of a visitor and the token of the form that goes with it."""
        cookie, token = self._name("visitor"), self._name("token")
        _keep(self.forms, cookie, token)
        return cookie, token

    def is_form_sent_back(self, cookie: str, token: str) -> bool:
        """Whether a token belongs to the cookie that came with it. It is good once."""
        if not token or self.forms.get(cookie) != token:
            return False
        del self.forms[cookie]
        return True

    def enter(self, client: str, now: float) -> str:
        """Open a session; return the value of its cookie."""
        cookie = self._name("session")
        _keep(self.sessions, cookie, Session(client, now))
        return cookie

    def show(self, cookie: str, client: str, now: float) -> Session | Trouble:
        """Return the session of a cookie; one shown from another address is dropped for good."""
        session = self.sessions.get(cookie)
        if session is None:
            return "none"
        trouble: Trouble | None = None
        if now >= session.used + self.session_seconds:
            trouble = "expired"
        elif session.client != client:
            trouble = "address"
        if trouble is not None:
            del self.sessions[cookie]
            return trouble
        session.used = now
        return session

    def leave(self, cookie: str) -> None:
        """End a session, if there is one."""
        self.sessions.pop(cookie, None)

    def order(self, session: Session) -> int:
        """Turn a cart into an order; return its number."""
        self.ordered += 1
        _keep(self.orders, self.ordered, tuple(session.cart))
        session.cart.clear()
        return self.ordered

    def forget(self) -> None:
        """Close all of it."""
        self.sessions.clear()
        self.forms.clear()
        self.orders.clear()
        self.named = self.ordered = 0

    def _name(self, kind: str) -> str:
        self.named += 1
        return hashlib.sha256(f"{kind} {self.named}".encode()).hexdigest()[:32]


def _keep(of: dict[_Name, _Value], name: _Name, value: _Value) -> None:
    """Keep it, and only as many as there is room for: the first go first."""
    if len(of) >= _MOST:
        del of[next(iter(of))]
    of[name] = value
