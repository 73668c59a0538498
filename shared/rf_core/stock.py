"""The credentials of one targeting: which work, which are yet to be used, which are banned where.

Credentials are reusable: one that has served comes round again, until it is refused. Of a large
order only what is used becomes objects.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from rf_core.models import Proxy

NOBODY: Final[AbstractSet[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Credential:
    """A proxy, the pool that pays for it, and a short name for it that is no secret."""

    proxy: Proxy
    pool: str

    @property
    def handle(self) -> str:
        """Eight hex digits that name this credential in stats, ledger and monitor."""
        name = f"{self.proxy.host}:{self.proxy.port}:{self.proxy.username}".encode()
        return hashlib.blake2b(name, digest_size=4).hexdigest()


@dataclass(slots=True)
class _Delivered:
    """What an order brought, and how much of it has been looked at."""

    proxies: Sequence[Proxy]
    pool: str
    taken: int = 0


class Stock:
    """What orders for one targeting have brought.

    Args:
        ready: How many spare ones are kept as objects.
        refused: Names of credentials that were refused, of this stock or of any other.
    """

    def __init__(self, ready: int, refused: AbstractSet[str]) -> None:
        self._ready = ready
        self._refused = refused
        self._spare: deque[Credential] = deque()
        self._delivered: deque[_Delivered] = deque()
        self._good: dict[str, Credential] = {}
        self._banned: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"<Stock {len(self._good)} good, {self.spare} spare>"

    @property
    def spare(self) -> int:
        """Credentials never used yet; repeats among them are found when it is their turn."""
        return len(self._spare) + sum(len(one.proxies) - one.taken for one in self._delivered)

    def add(self, credential: Credential) -> bool:
        """Take in a credential; False when it is known already."""
        handle = credential.handle
        if handle in self._good or handle in self._refused:
            return False
        self._good[handle] = credential
        self._spare.append(credential)
        return True

    def deliver(self, proxies: Sequence[Proxy], pool: str) -> None:
        """Take in what an order brought, however many."""
        self._delivered.append(_Delivered(proxies, pool))
        self._draw()

    def _draw(self) -> None:
        while self._delivered and len(self._spare) < self._ready:
            first = self._delivered[0]
            if first.taken == len(first.proxies):
                self._delivered.popleft()
                continue
            self.add(Credential(first.proxies[first.taken], first.pool))
            first.taken += 1

    def get(self, handle: str) -> Credential | None:
        """Return the credential of that name, if it is here and works."""
        return self._good.get(handle)

    def drop(self, handle: str) -> None:
        """It does not work any more."""
        self._good.pop(handle, None)

    def banned(self, target: str) -> AbstractSet[str]:
        """Names of those that a target does not want."""
        return self._banned.get(target, NOBODY)

    def can_serve(self, target: str) -> bool:
        """Whether a credential is left that works and is not banned there."""
        banned = self.banned(target)
        return any(handle not in banned for handle in self._good)

    def ban(self, handle: str, target: str) -> None:
        """Send a credential to that target no more.

        When all of them are banned there the target begins anew: it may have forgotten by now.
        """
        banned = self._banned.setdefault(target, set())
        banned.add(handle)
        if not self.can_serve(target):
            banned.clear()

    def next(self, taken: Counter[str], banned: AbstractSet[str] = NOBODY) -> Credential | None:
        """A new one, or else the one that has rested longest, in no lane if possible.

        Args:
            taken: In how many lanes each is; none twice while others wait.
        """
        while self._spare:
            credential = self._spare.popleft()
            self._draw()
            if credential.handle in self._good:
                return credential
        # As many as there are lanes are in lanes: the search soon ends, but for those banned.
        handle = next((one for one in self._good if not taken[one] and one not in banned), None)
        if handle is None and self._good:
            handle = min(self._good, key=taken.__getitem__)
        if handle is None:
            return None
        credential = self._good.pop(handle)
        self._good[handle] = credential
        return credential
