"""Proxy user names and passwords: made and recognised by keyed hashes, nothing stored for any.

A user name carries what was ordered: ``{pool}-{kind}-{country}-{state}-{minutes}-{serial}``, in
plain text or masked (C-073). What is kept is a record for each order, of the serials it took, so
that a credential also tells when it was generated and by which key. Each is recognised whatever
the switches say by then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rf_sandbox.switches import Switches

_KINDS: Final = {"r": "rotating", "s": "sticky", "mr": "mobile_rotating", "ms": "mobile_sticky"}
_CODES: Final = {name: code for code, name in _KINDS.items()}
_ANY: Final = "any"
_SERIALS: Final = 1 << 48
_STRIDE: Final = 0x9E3779B97F4B  # odd, so that no serial comes twice and each leads back
_BACK: Final = pow(_STRIDE, -1, _SERIALS)
_PASSWORD_BYTES: Final = 9
_TAG_BYTES: Final = 8
_SERIAL_BYTES: Final = 6
_OPAQUE_EXTRA: Final = b"._"  # no dash, which tells masked names from plain ones
_MARKS: Final = ":@/%#"  # each goes between or before the six parts of a password
_MOST_READ: Final = 4_096
_DEMO_NAME: Final = "demo-user-"
_DEMO_PASSWORD: Final = hashlib.blake2b(b"demo", digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a user name says."""

    pool: str
    proxy_type: str
    country: str
    state: str
    minutes: int

    @property
    def is_sticky(self) -> bool:
        """Whether its exit holds for a session."""
        return self.proxy_type.endswith("sticky")

    @property
    def is_mobile(self) -> bool:
        """Whether its exits are those of carriers."""
        return self.proxy_type.startswith("mobile")


@dataclass(frozen=True, slots=True)
class Credential(Ordered):
    """What is known of one: also when it was made (Unix seconds), and with which key.

    Both are None of one from before anybody kept records: the same seed makes the same names.
    """

    made: float | None = None
    key_id: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """The record of one order: `count` serials from `first`."""

    first: int
    count: int
    made: float
    key_id: int


class Batch:
    """The credentials of one order, made as they are asked for."""

    def __init__(self, owner: Credentials, order: Order, prefix: str, switches: Switches) -> None:
        self._owner = owner
        self._order = order
        self._prefix = prefix
        self._opaque = switches.opaque_names == "yes"
        self._hostile = switches.hostile_passwords == "yes"

    def lines(self, start: int, stop: int) -> list[tuple[str, str]]:
        """The user names and passwords from one number to before another, counted from 0.

        An order that repeats one line (C-072) has taken one serial for all of them.
        """
        if self._order.count == 1:
            return [self._line(self._order.first)] * (stop - start)
        return [self._line(self._order.first + number) for number in range(start, stop)]

    def _line(self, number: int) -> tuple[str, str]:
        username = self._owner.name(self._prefix, number, opaque=self._opaque)
        password = self._owner.password(username)
        return username, _hostile(password) if self._hostile else password


class Credentials:
    """Makes and checks credentials of one sandbox.

    Attributes:
        on_order: Told of each order before any of its lines is made.
    """

    def __init__(self, seed: int, switches: Switches | None = None) -> None:
        self._key = hashlib.blake2b(f"credentials {seed}".encode(), digest_size=32).digest()
        self._offset = int.from_bytes(self._key[:6], "big")
        self._switches = switches or Switches()
        self._orders: list[Order] = []
        self._firsts: list[int] = []
        self._next = 1
        self._read: dict[tuple[str, int], Credential] = {}
        self._passwords = hashlib.blake2b(key=self._key, digest_size=_PASSWORD_BYTES)
        self._tags = hashlib.blake2b(key=self._key, digest_size=_TAG_BYTES, person=b"names")
        self._password_of = lru_cache(maxsize=_MOST_READ)(self.password)
        self._place_of = lru_cache(maxsize=_MOST_READ)(self._place)
        self.on_order: Callable[[Order], None] | None = None

    @property
    def orders(self) -> tuple[Order, ...]:
        """The record of every order, oldest first."""
        return tuple(self._orders)

    def order(self, ordered: Ordered, *, key_id: int, now: float, count: int) -> Batch:
        """Take serials that were never given before (C-072), and note who took them."""
        switches = self._switches
        same = switches.rotating_same_username == "yes" and not ordered.is_sticky
        order = Order(self._next, 1 if same else count, now, key_id)
        self.remember([order])
        if self.on_order is not None:
            self.on_order(order)
        return Batch(self, order, _prefix(ordered), switches)

    def remember(self, orders: Iterable[Order]) -> None:
        """Take in records, oldest first."""
        for order in orders:
            self._orders.append(order)
            self._firsts.append(order.first)
            self._next = order.first + order.count

    def demo(self, number: int) -> tuple[str, str]:
        """Return a credential that looks like one and never works (C-068)."""
        return f"{_DEMO_NAME}{number}", _DEMO_PASSWORD

    def is_demo(self, username: str, password: str) -> bool:
        """Whether it is one of those: refused by a status of its own (C-070)."""
        return username.startswith(_DEMO_NAME) and password == _DEMO_PASSWORD

    def check(self, username: str, password: str) -> Credential | None:
        """Return what is known of a user name, or None when the password is not its own."""
        expected = self._password_of(username)
        if len(password) != len(expected):
            expected = _hostile(expected)
        if not hmac.compare_digest(password.encode(), expected.encode()):
            return None
        prefix, number = self._place_of(username)
        at = bisect_right(self._firsts, number) - 1
        known = self._read.get((prefix, at))
        if known is None or (at >= 0 and number >= self._orders[at].first + self._orders[at].count):
            known = self._know(prefix, at, number)
        return known

    def name(self, prefix: str, number: int, *, opaque: bool) -> str:
        """Write a user name, plain or masked."""
        serial = (number * _STRIDE + self._offset) % _SERIALS
        if not opaque:
            return f"{prefix}-{serial:012x}"
        payload = serial.to_bytes(_SERIAL_BYTES, "big") + prefix.encode()
        tag = self._tags.copy()
        tag.update(payload)
        masked = tag.digest() + self._mask(tag.digest(), payload)
        return base64.b64encode(masked, _OPAQUE_EXTRA).rstrip(b"=").decode()

    def password(self, username: str) -> str:
        """The password of a user name, without marks."""
        digest = self._passwords.copy()
        digest.update(username.encode())
        return digest.hexdigest()

    def _place(self, username: str) -> tuple[str, int]:
        """Read a name whose password has shown that it is one of ours."""
        prefix, dash, serial = username.rpartition("-")
        return (prefix, self._number(int(serial, 16))) if dash else self._reveal(username)

    def _reveal(self, username: str) -> tuple[str, int]:
        masked = base64.b64decode(username + "=" * (-len(username) % 4), _OPAQUE_EXTRA)
        payload = self._mask(masked[:_TAG_BYTES], masked[_TAG_BYTES:])
        serial = int.from_bytes(payload[:_SERIAL_BYTES], "big")
        return payload[_SERIAL_BYTES:].decode(), self._number(serial)

    def _mask(self, tag: bytes, payload: bytes) -> bytes:
        """Mask or unmask: a synthetic initialisation vector, as in RFC 5297, keys the stream."""
        stream = hashlib.shake_256(self._key + tag).digest(len(payload))
        both = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
        return both.to_bytes(len(payload), "big")

    def _number(self, serial: int) -> int:
        return (serial - self._offset) * _BACK % _SERIALS

    def _know(self, prefix: str, at: int, number: int) -> Credential:
        pool, kind, country, state, minutes = prefix.rsplit("-", 4)
        facts = (
            pool,
            _KINDS[kind],
            "" if country == _ANY else country,
            "" if state == _ANY else state.upper(),
            int(minutes),
        )
        if at < 0 or number >= self._orders[at].first + self._orders[at].count:
            return Credential(*facts)
        if len(self._read) >= _MOST_READ:
            self._read.clear()
        order = self._orders[at]
        known = self._read[prefix, at] = Credential(*facts, made=order.made, key_id=order.key_id)
        return known


def _prefix(ordered: Ordered) -> str:
    kind = _CODES[ordered.proxy_type]
    country, state = ordered.country or _ANY, ordered.state.lower() or _ANY
    return f"{ordered.pool}-{kind}-{country}-{state}-{ordered.minutes}"


def _shape(digit: int) -> str:
    """Write where the marks go: in another order, and before the first part or the last."""
    marks = [mark.replace("%", "%%") for mark in _MARKS[digit % 5 :] + _MARKS[: digit % 5]]
    places = ["%s", *(f"{mark}%s" for mark in marks)]
    return "".join(places if digit % 3 else [*places[1:], "%s"])


_SHAPES: Final = {f"{digit:x}": _shape(digit) for digit in range(16)}


def _hostile(password: str) -> str:
    """Put `:` `@` `/` `%` `#` into a password, one of each, some of them first (C-063).

    Every format can still be read as documented: user names and hosts never hold any of them.
    """
    return _SHAPES[password[0]] % (
        password[:3],
        password[3:6],
        password[6:9],
        password[9:12],
        password[12:15],
        password[15:],
    )
