"""A quarter of a million credentials as one piece of memory: a sequence of proxies over one blob.

Each credential is a line of the blob, its four fields between tabs: no field can hold a control
character (RFC 7617 lets neither user names nor passwords have one), so nothing is ambiguous that
was not so on its way (C-063). Objects are made when they are looked at.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any, Final, NoReturn, overload

from rf_core.answer import Answered
from rf_core.models import Batch, Proxy
from rf_core.redaction import Secret

SLICE_LINES: Final = 512
"""How many lines are worked on at once, so that an event loop is never held for long."""

_BUCKETS: Final = 1 << 22
"""Of a quarter of a million hashes so many fall into one of their own that 3 % are left."""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no field of a credential may hold."""

_new = object.__new__
# A frozen dataclass sets its fields by a slow way, which would be half of what an access takes.
_set_host, _set_port, _set_username, _set_password = (
    vars(Proxy)[name].__set__ for name in ("host", "port", "username", "password")
)


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What an answer to an order says besides its credentials; see :class:`~rf_core.models.Batch`.

    Attributes:
        count: The number of entries the server announced (C-066).
        is_demo: True when none of them works (C-068).
        pool: The pool they belong to, by the answer and not by the request (C-036).
    """

    count: int
    country: str
    is_demo: bool
    pool: str
    format: str
    extra: Mapping[str, Any] = field(default_factory=dict)


class Inventory(Sequence[Proxy]):
    """Credentials in the order they came. Immutable; a slice is a view that copies nothing.

    Args:
        blob: Lines of `host TAB port TAB username TAB password LF`.
        starts: Where each line starts, and at the end where the last one ends.
        repeats: Numbers of the lines that repeat an earlier one; None: nobody has looked yet.
    """

    __slots__ = ("_at", "_blob", "_repeats", "_starts")

    def __init__(
        self,
        blob: bytes = b"",
        starts: array[int] | None = None,
        repeats: Sequence[int] | None = None,
    ) -> None:
        self._blob = blob
        self._starts = array("I", [0]) if starts is None else starts
        self._at: Sequence[int] = range(len(self._starts) - 1)
        self._repeats = repeats

    @classmethod
    def of(cls, proxies: Iterable[Proxy]) -> Inventory:
        """Make one of proxies."""
        lines = [line_of(proxy).encode() for proxy in proxies]
        return cls(b"".join(lines), starts_of(map(len, lines)))

    @property
    def unique_count(self) -> int:
        """How many different credentials there are (C-072).

        To find out takes some 0.4 µs for each, once: with many, ask in a thread.
        """
        if self._repeats is None:
            self._repeats = self._find_repeats()
        return len(self._at) - len(self._repeats)

    @property
    def blob_bytes(self) -> int:
        """The memory its lines take, shared with all its slices."""
        return len(self._blob) + self._starts.itemsize * len(self._starts)

    def distinct(self) -> Inventory:
        """Return the same without repeats, in order; itself when there are none (C-072)."""
        if self.unique_count == len(self._at):
            return self
        repeated = frozenset(self._repeats or ())
        kept = array("I", (at for n, at in enumerate(self._at) if n not in repeated))
        return self._view(kept, ())

    def only(self, numbers: Iterable[int]) -> Inventory:
        """Return a view of those of these numbers, in that order."""
        at = self._at
        return self._view(array("I", (at[number] for number in numbers)), None)

    def lines(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Walk over raw lines, without their ends: secrets, for writers and stores."""
        blob, starts = self._blob, self._starts
        for at in islice(self._at, start, stop):
            yield blob[starts[at] : starts[at + 1] - 1]

    def pieces(self) -> Iterator[bytes]:
        """Walk over raw lines, some hundred at once, each with its end."""
        for first in range(0, len(self._at), SLICE_LINES):
            part = self._at[first : first + SLICE_LINES]
            if isinstance(part, range) and part.step == 1:
                yield self._blob[self._starts[part[0]] : self._starts[part[-1] + 1]]
            else:
                yield b"".join(line + b"\n" for line in self.lines(first, first + SLICE_LINES))

    @overload
    def __getitem__(self, index: int) -> Proxy: ...

    @overload
    def __getitem__(self, index: slice) -> Inventory: ...

    def __getitem__(self, index: int | slice) -> Proxy | Inventory:
        if index.__class__ is slice:
            return self._view(self._at[index], None)
        at: int = self._at[index]  # type: ignore[assignment] # narrowed above, by the quickest way
        starts = self._starts
        return _proxy(self._blob[starts[at] : starts[at + 1] - 1])

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[Proxy]:
        return map(_proxy, self.lines())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Inventory):
            return NotImplemented
        if len(self) != len(other):
            return False
        if self._blob is other._blob and self._at == other._at:
            return True
        return all(ours == theirs for ours, theirs in zip(self.lines(), other.lines(), strict=True))

    __hash__ = None  # type: ignore[assignment] # comparing reads megabytes: no key for a table

    def __repr__(self) -> str:
        return f"<Inventory {len(self):,} proxies>"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        message = "an Inventory holds passwords and is never pickled: keep it in a private file"
        raise TypeError(message)

    def __copy__(self) -> Inventory:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Inventory:
        return self

    def _view(self, at: Sequence[int], repeats: Sequence[int] | None) -> Inventory:
        view = Inventory(self._blob, self._starts, repeats)
        view._at = at
        return view

    def _find_repeats(self) -> array[int]:
        """Compare hashes of 64 bits, and remember only those that may be repeats.

        A byte for each of many buckets tells which these are, in 4 MB instead of 24 for a quarter
        of a million. That two different lines of so many share a hash happens once in 600 million
        orders, and then one credential of them is left out.
        """
        marked = bytearray(_BUCKETS)
        suspects: set[int] = set()
        for hashed in map(hash, self.lines()):
            bucket = hashed % _BUCKETS
            if marked[bucket]:
                suspects.add(hashed)
            else:
                marked[bucket] = 1
        seen: set[int] = set()
        repeats = array("I")
        for number, hashed in enumerate(map(hash, self.lines()) if suspects else ()):
            if hashed in seen:
                repeats.append(number)
            elif hashed in suspects:
                seen.add(hashed)
        return repeats


@dataclass(frozen=True, slots=True)
class Delivery(Answered):
    """What an order brought, whole: the credentials, and what the answer says of them."""

    proxies: Inventory
    facts: BatchFacts

    def batch(self) -> Batch:
        """Return it as objects, without repeats (C-072): for the few that a crawl wants."""
        facts = self.facts
        return Batch(
            proxies=tuple(self.proxies.distinct()),
            count=facts.count,
            country=facts.country,
            is_demo=facts.is_demo,
            pool=facts.pool,
            format=facts.format,
            extra=facts.extra,
        )


def line_of(proxy: Proxy) -> str:
    """Write a proxy as a line of the blob.

    Raises:
        ValueError: a field holds a control character.
    """
    fields = (proxy.host, str(proxy.port), proxy.username, proxy.password.reveal())
    if any(CONTROL.search(field) for field in fields):
        message = "a field of a proxy holds a control character"
        raise ValueError(message)
    return "\t".join(fields) + "\n"


def starts_of(lengths: Iterable[int], begin: int = 0) -> array[int]:
    """Where lines of these lengths start, and where the last one ends."""
    return array("I", accumulate(lengths, initial=begin))


class _Ports(dict[str, int]):
    """Ports as numbers; there are few."""

    def __missing__(self, text: str) -> int:
        number = self[text] = int(text)
        return number


_PORTS: Final = _Ports()


def _proxy(line: bytes) -> Proxy:
    host, port, username, password = line.decode().split("\t")
    proxy = _new(Proxy)
    _set_host(proxy, host)
    _set_port(proxy, _PORTS[port])
    _set_username(proxy, username)
    _set_password(proxy, Secret(password))
    return proxy
