"""Whether the provider took what our crawls spent: two meters of one pool, side by side.

Nothing is guessed from averages. The provider rounds (C-091), publishes now and then, and may be
late; within those bounds, at every reading of a stretch, its count has to be ours, or ours and a
stable share of it. What no lateness and no share explains is somebody else's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median
from typing import Final, Literal

from rf_core.consumption import cadence_seconds
from rf_core.drain import Reading, consumed_bytes
from rf_core.meters import Reconciliation, Usual, Verdict
from rf_core.units import BALANCE_QUANTUM, GIGABYTE

STRETCH_SECONDS: Final = 1_800.0
"""How long a stretch of readings is, about."""

_LATENESS: Final = (0, 15, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900)
"""Seconds that the provider's meter may be behind, the likeliest first."""
_MOST_SHARE: Final = 0.25
_STALE_SECONDS: Final = 3.0
"""A crawl's report is a second old when a balance is noted next to it, or two, or lost a beat."""
_DECIMAL_SHARE: Final = GIGABYTE / 1e9 - 1
_DECIMAL_SLACK: Final = 0.005
_SHORTEST_SECONDS: Final = 900.0
_FEWEST: Final = 3
_TELLING: Final = 4
"""How many times the noise our crawls must have spent for a stretch to say something of a share."""
_CLEARLY: Final = 2.0
"""How many times the noise a steady stranger must be off for an excess to be clearly ours."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """Both counts from the stretch's begin, at each reading, if the provider is that late.

    Attributes:
        moves: Whether ours had moved when the last balance was read.
    """

    lag: float
    theirs: Sequence[float]
    ours: Sequence[float]
    times: Sequence[float]
    noise: float
    moves: bool

    @property
    def excess(self) -> float:
        return self.theirs[-1] - self.ours[-1]

    def holds(self, share: float = 0.0, rate: float = 0.0, slack: float = 1.0) -> bool:
        """Whether the provider took ours, a share more and so much a second, at every reading.

        Args:
            slack: How many times the noise it may be off.
        """
        return all(
            abs(theirs - ours * (1 + share) - rate * (at - self.times[0])) <= slack * self.noise
            for theirs, ours, at in zip(self.theirs, self.ours, self.times, strict=True)
        )

    def is_too_much(self) -> bool:
        """Whether the provider took more than ours and the noise.

        A crawl that has just begun is on the provider's meter before its pace is known here, and so
        the noise: while ours move, two readings in a row have to say so.
        """
        if not self.moves:
            return self.excess > self.noise
        return min(self.excess, self.theirs[-2] - self.ours[-2]) > self.noise

    def only_grows(self) -> bool:
        """Whether what is too much never became less, as if it had only been early."""
        highest = 0.0
        for theirs, ours in zip(self.theirs, self.ours, strict=True):
            if theirs - ours < highest - 2 * self.noise:
                return False
            highest = max(highest, theirs - ours)
        return True


def stretches(readings: Sequence[Reading]) -> Iterator[tuple[int, int]]:
    """Cut readings into stretches of half an hour: the first and last index of each.

    The last reading of one is the first of the next: not a byte falls between two. The last
    stretch takes in what would be a short one after it.
    """
    first, end = 0, len(readings) - 1
    for number in range(1, len(readings)):
        long = readings[number].at - readings[first].at >= STRETCH_SECONDS
        enough = readings[end].at - readings[number].at >= _SHORTEST_SECONDS
        if number == end or (long and enough):
            yield first, number
            first = number


def reconcile(
    readings: Sequence[Reading],
    first: int = 0,
    last: int | None = None,
    *,
    usual: Usual | None = None,
    elsewhere: Sequence[int] = (),
    unsure_seconds: float = 0.0,
) -> Reconciliation:
    """Compare both meters from one reading to another.

    Args:
        readings: Oldest first. Those before the stretch tell what a late meter may show in it.
        first, last: The stretch; all of it by default.
        usual: What the provider takes on top of ours when nobody else is there, if that is known
            from before. Without it, a stranger as steady as we are is not told from a share.
        elsewhere: At each reading, what other machines of the account had spent in the pool.
        unsure_seconds: How precisely it is known when they did.
    """
    last = len(readings) - 1 if last is None else last
    others = elsewhere or [0] * len(readings)
    spent = [reading.spent_bytes + more for reading, more in zip(readings, others, strict=True)]
    steps = [max(0, after - before) for before, after in pairwise(spent)]
    ours = list(accumulate(steps, initial=0))
    cadence = _cadence(readings[: last + 1])
    unsure = _STALE_SECONDS + cadence + unsure_seconds
    fits = (
        _fit(readings, ours, (first, last), float(lag), unsure)
        for lag in _LATENESS
        if lag == 0 or readings[0].at <= readings[first].at - lag or not spent[0]
    )
    verdict, fit, share = _judged(fits, usual)
    if verdict == "clean" and last - first + 1 < _FEWEST:
        verdict = "inconclusive"
    known = _known_from(readings, spent[0])
    if verdict == "foreign" and known > first:
        # What our crawls spent before the first reading may have shown up late.
        if known < last:
            later = reconcile(
                readings, known, last, usual=usual, elsewhere=elsewhere,
                unsure_seconds=unsure_seconds,
            )  # fmt: skip
            if later.verdict == "foreign":
                return later
        verdict = "inconclusive"
    return Reconciliation(
        verdict,
        readings[first].at,
        readings[last].at,
        round(fit.theirs[-1]),
        round(fit.ours[-1]),
        round(fit.excess),
        round(fit.noise),
        fit.lag,
        cadence,
        share,
        _unit(share, fit) if verdict == "overhead" and share is not None else None,
    )


def _judged(possible: Iterable[_Fit], usual: Usual | None) -> tuple[Verdict, _Fit, float | None]:
    """The verdict, how late the provider is with it, and the share it takes on top of ours."""
    fits: list[_Fit] = []
    for fit in possible:  # most often the first one holds, and the others are never made
        if fit.holds():
            return "clean", fit, None
        fits.append(fit)
    for fit in fits:
        share = fit.excess / fit.ours[-1] if fit.ours[-1] > 0 else 0.0
        if 0 < share <= _MOST_SHARE and fit.holds(share=share):
            verdict = _of_share(fit, share, usual)
            if verdict != "foreign":
                return verdict, fit, share
    strange = [fit for fit in fits if fit.is_too_much() and fit.only_grows()]
    if strange:
        return "foreign", min(strange, key=lambda fit: fit.excess), None
    return "inconclusive", fits[0], None


def _of_share(fit: _Fit, share: float, usual: Usual | None) -> Verdict:
    """What an excess is that looks like a share of ours: that, a stranger's, or either.

    A stranger who takes as steadily as we do looks just like one. It is a share when it stood still
    whenever we did, or when it is what was usual before.
    """
    ours = fit.ours[-1]
    is_ours = not fit.holds(rate=fit.excess / (fit.times[-1] - fit.times[0]), slack=_CLEARLY)
    if is_ours:
        return "overhead"
    if usual is None:
        return "inconclusive"
    strange = abs(share - usual.share) * ours
    if strange <= fit.noise:
        return "overhead"
    return "inconclusive" if strange <= fit.noise + usual.doubt * ours else "foreign"


def _known_from(readings: Sequence[Reading], spent_before: int) -> int:
    """From which reading on it is known what a late meter may still have to show of ours."""
    if not spent_before:
        return 0
    known_at = readings[0].at + _LATENESS[-1]
    return next((n for n, one in enumerate(readings) if one.at >= known_at), len(readings))


def reconcile_all(
    readings: Sequence[Reading],
    *,
    usual: Usual | None = None,
    elsewhere: Sequence[int] = (),
    unsure_seconds: float = 0.0,
) -> tuple[Reconciliation, ...]:
    """Compare both meters stretch by stretch; later ones know what one shows of a usual share.

    Args:
        readings: Oldest first.
        usual: As for :func:`reconcile`, before all of them.
        elsewhere, unsure_seconds: Likewise.
    """
    found: list[Reconciliation] = []
    for first, last in stretches(readings):
        one = reconcile(
            readings, first, last, usual=usual, elsewhere=elsewhere, unsure_seconds=unsure_seconds
        )
        found.append(one)
        usual = usual_after(one, usual)
    return tuple(found)


def usual_after(one: Reconciliation, before: Usual | None) -> Usual | None:
    """Say what is known of the usual share once a stretch has been judged.

    A clean one says that there is none, as far as its noise lets it; the least doubt counts.
    """
    if one.our_bytes <= _TELLING * one.noise_bytes or one.our_bytes <= 0:
        return before
    doubt = one.noise_bytes / one.our_bytes
    if one.verdict == "overhead" and one.share is not None:
        return Usual(one.share, doubt)
    if one.verdict == "clean" and (before is None or before.share or doubt < before.doubt):
        return Usual(0.0, doubt)
    return before


def _unit(share: float, fit: _Fit) -> Literal["GB"] | None:
    sure = fit.noise <= _DECIMAL_SLACK * fit.ours[-1]
    return "GB" if sure and abs(share - _DECIMAL_SHARE) <= _DECIMAL_SLACK else None


def _cadence(readings: Sequence[Reading]) -> float:
    """How rarely the provider publishes; 0 when as often as it was asked.

    Until it has published a few times, it may do so as rarely as it ever stood still meanwhile.
    """
    if len(readings) < _FEWEST:
        return 0.0
    asked = median(after.at - before.at for before, after in pairwise(readings))
    moves = sum(a.balance_bytes != b.balance_bytes for a, b in pairwise(readings))
    cadence = cadence_seconds(readings) if moves > _FEWEST else _longest_standstill(readings)
    return cadence if cadence > 1.5 * asked else 0.0


def _longest_standstill(readings: Sequence[Reading]) -> float:
    """How long the provider showed the same at most, while our crawls spent what it could show."""
    longest = 0.0
    since = readings[0]
    for before, after in pairwise(readings):
        if after.balance_bytes != before.balance_bytes:
            if before.spent_bytes - since.spent_bytes > 2 * BALANCE_QUANTUM:
                longest = max(longest, after.at - since.at)
            since = after
    return longest


def _fit(
    readings: Sequence[Reading],
    ours: Sequence[int],
    edges: tuple[int, int],
    lag: float,
    unsure: float,
) -> _Fit:
    stretch = readings[edges[0] : edges[1] + 1]
    times = [reading.at for reading in stretch]
    all_times = [reading.at for reading in readings]
    shown = [_at(all_times, ours, at - lag) for at in times]
    taken = accumulate((consumed_bytes(a, b) for a, b in pairwise(stretch)), initial=0)
    unsure += _longest_gap(times) if lag else 0.0
    noise = BALANCE_QUANTUM + _fastest(all_times, ours, times[0] - lag, times[-1]) * unsure
    begun = shown[0]
    moves = ours[edges[1]] > ours[max(edges[0], edges[1] - 1)]
    return _Fit(lag, [float(one) for one in taken], [s - begun for s in shown], times, noise, moves)


def _longest_gap(times: Sequence[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=0.0)


def _fastest(times: Sequence[float], ours: Sequence[int], begin: float, end: float) -> float:
    """The most that our crawls took in a second, between any two readings."""
    return max(
        (
            (b - a) / max(after - before, 1.0)
            for (before, a), (after, b) in pairwise(zip(times, ours, strict=True))
            if after >= begin and before <= end
        ),
        default=0.0,
    )


def _at(times: Sequence[float], totals: Sequence[int], moment: float) -> float:
    after = bisect_right(times, moment)
    if after == 0:
        return float(totals[0])
    if after == len(times):
        return float(totals[-1])
    share = (moment - times[after - 1]) / (times[after] - times[after - 1])
    return totals[after - 1] + share * (totals[after] - totals[after - 1])
