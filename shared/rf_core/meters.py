"""Both meters of a pool over one stretch of readings, compared: the verdict and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["clean", "overhead", "foreign", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Usual:
    """What the provider takes on top of ours while nobody else is there, as far as it was seen.

    Attributes:
        share: As a part of ours; 0 where both count alike.
        doubt: How far it may be off, for all that was seen.
    """

    share: float
    doubt: float = 0.0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Both meters over one stretch of readings.

    Attributes:
        begin, end: Of the stretch, in Unix seconds.
        provider_bytes, our_bytes: What each meter counted, as late as the provider's is.
        excess_bytes: The difference: above 0 when the provider took more.
        noise_bytes: What rounding and rhythm explain of it.
        lag_seconds: How late the provider's meter seems to be.
        cadence_seconds: How often it is brought up to date; 0 when that cannot be told.
        share: With `overhead`, the excess as a part of ours.
        unit: `GB` when that share is just that of a GB of 10^9 bytes, so that our GB is too large.
    """

    verdict: Verdict
    begin: float
    end: float
    provider_bytes: int
    our_bytes: int
    excess_bytes: int
    noise_bytes: int
    lag_seconds: float
    cadence_seconds: float
    share: float | None = None
    unit: Literal["GB"] | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else took something."""
        return self.verdict == "foreign"

    @property
    def foreign_bytes_per_second(self) -> float:
        """What somebody else takes."""
        seconds = self.end - self.begin
        return self.excess_bytes / seconds if self.verdict == "foreign" and seconds else 0.0
