"""What credentials are asked for: pool, country, state, type, session minutes.

Two of them that mean the same are equal, however they were written: what is ordered for one serves
the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from rf_core.models import ROTATING_TYPES, Order


@dataclass(frozen=True, slots=True)
class Targeting:
    """One targeting. `None` means: not said, the provider decides."""

    pool: str | None = None
    country: str | None = None
    state: str | None = None
    proxy_type: str = "rotating"
    session_minutes: int | None = None

    @classmethod
    def of(
        cls,
        *,
        pool: str | None = None,
        country: str | None = None,
        state: str | None = None,
        proxy_type: str = "rotating",
        session_minutes: int | None = None,
    ) -> Self:
        """Make one in the provider's spelling (C-037, C-045, C-048)."""
        return cls(
            pool,
            country.lower() if country else None,
            state.upper() if state else None,
            proxy_type,
            None if proxy_type in ROTATING_TYPES else session_minutes,
        )

    @property
    def is_sticky(self) -> bool:
        """Whether its credentials keep their exit."""
        return self.proxy_type.endswith("sticky")

    @property
    def name(self) -> str:
        """What it asks for in a few words: `premium us-CA sticky 30m`."""
        place = "-".join(filter(None, (self.country, self.state)))
        minutes = f"{self.session_minutes}m" if self.session_minutes else None
        return " ".join(filter(None, (self.pool, place, self.proxy_type, minutes)))

    def for_sessions(self, minutes: int) -> Targeting:
        """The same with credentials that keep their exit for so long."""
        mobile = self.proxy_type.startswith("mobile")
        proxy_type = "mobile_sticky" if mobile else "sticky"
        return Targeting(self.pool, self.country, self.state, proxy_type, minutes)

    def order(self, quantity: int) -> Order:
        """The order for so many of them."""
        return Order(
            self.pool,
            self.country,
            self.state,
            self.proxy_type,
            self.session_minutes,
            quantity,
        )
