"""Who rides on what: a proxy user name that knows the relay's secret gets a credential.

A crawl names a lane itself, `lane-3`, and needs nothing of this. Other tools do not know of lanes:
somebody boards them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rf_core.lanes import Credential
from rf_core.refusals import Refusal


@dataclass(frozen=True, slots=True, eq=False)
class Ride:
    """What carries one exchange or tunnel: a credential, and the lane that holds it.

    Attributes:
        requests_each: Plain requests that a connection to the gateway carries at most: a gateway
            may give each connection one exit. None is as many as there are.
    """

    lane: int
    handle: str
    credential: Credential
    requests_each: int | None = None

    @property
    def connections(self) -> tuple[str, int | None]:
        """What connections must have in common to carry it."""
        return self.handle, self.requests_each


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a request is not carried, as the status and the words of the answer."""

    status: int
    reason: str


class Riders(Protocol):
    """Boards requests that do not name a lane."""

    async def board(self, user: str, target: str) -> Ride | Denied:
        """Find a credential for a request, in a moment or never.

        Args:
            user: The proxy user name that came with the secret.
            target: Where it goes, as `host:port`.
        """

    def leave(self, ride: Ride, target: str, taken_bytes: int | None) -> None:
        """A ride is over; what it took, unless it was refused."""

    def refused(self, ride: Ride, refusal: Refusal) -> bool:
        """The gateway refused; say whether to try again on another credential."""
