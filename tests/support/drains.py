"""Pools that drain in twelve ways, seen as the provider shows them, run on until they are empty."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rf_core.drain import Reading
from rf_core.units import BALANCE_QUANTUM

KB, MB = 1 << 10, 1 << 20
_LONGEST = 400_000


def steady(rate):
    return lambda chance: lambda at: rate


def noisy(rate):
    """Every second different: a long tail of big ones."""
    return lambda chance: lambda at: rate * chance.lognormvariate(-0.5, 1.0)


def shots(rate, apart):
    """Nothing, and now and then a lot."""

    def process(chance):
        return lambda at: (
            chance.expovariate(1) * rate * apart if chance.random() < 1 / apart else 0.0
        )

    return process


def phases(rate, on, off):
    """Busy for a while, then not."""

    def process(chance):
        busy = chance.random() < 0.5

        def taken(at):
            nonlocal busy
            if chance.random() < 1 / (on if busy else off):
                busy = not busy
            return 2 * rate * chance.uniform(0.7, 1.3) if busy else 0.0

        return taken

    return process


def step(before, after, at):
    """One rate, then another."""

    def process(chance):
        change = at * chance.uniform(0.6, 1.2)
        return lambda now: (before if now < change else after) * chance.uniform(0.5, 1.5)

    return process


@dataclass(frozen=True)
class Family:
    """A way to drain, and how it is looked at.

    Attributes:
        process: Chance → (second → bytes).
        watched: Between how many seconds the forecast is made.
        lasts: How many times longer than that the pool lasts, about.
        poll, cadence, lag: Seconds between readings, between the provider's updates, and how late
            those are.
        own: All of it is our crawls' doing, and counted.
        topped_up: Somebody pays once meanwhile.
    """

    process: Callable
    watched: tuple[float, float]
    lasts: tuple[float, float] = (0.5, 8)
    poll: float = 8
    cadence: float = 0
    lag: float = 0
    own: bool = False
    topped_up: bool = False
    bursty: bool = False


FAMILIES = {
    "trickle": Family(steady(8 * KB), (200, 1_200), (0.5, 20)),
    "steady": Family(steady(100 * KB), (120, 1_200), (0.5, 20)),
    "fast": Family(noisy(3 * MB), (120, 1_200), (0.5, 10)),
    "noisy": Family(noisy(50 * KB), (200, 2_400), (0.5, 10)),
    "shots": Family(shots(200 * KB, 30), (600, 3_600), bursty=True),
    "phases": Family(phases(300 * KB, 40, 40), (600, 3_600), bursty=True),
    "step up": Family(step(50 * KB, 200 * KB, 600), (1_000, 2_400), (0.5, 6)),
    "step down": Family(step(600 * KB, 150 * KB, 600), (1_000, 2_400), (0.5, 6)),
    "top-up": Family(noisy(200 * KB), (300, 1_800), (0.5, 10), topped_up=True),
    "rare updates": Family(noisy(200 * KB), (600, 2_400), cadence=60),
    "late meter": Family(noisy(200 * KB), (200, 1_800), (1, 8), cadence=60, lag=300, own=True),
    "rare readings": Family(noisy(200 * KB), (600, 3_600), poll=30),
}


@dataclass(frozen=True)
class Case:
    """What was seen until `now`, and how long the pool lasted from there."""

    readings: list[Reading]
    now: float
    lasted: float


def case(name: str, seed: int) -> Case:
    """Play one."""
    family, chance = FAMILIES[name], Random(f"{name} {seed}")
    taken = family.process(chance)
    watched = chance.uniform(*family.watched)
    gone = [0.0]
    while len(gone) <= watched:
        gone.append(gone[-1] + taken(len(gone) - 1))
    now = len(gone) - 1
    recent = min(now, 300)
    pace = (gone[-1] - gone[-1 - recent]) / recent
    left = max(pace * watched * chance.uniform(*family.lasts), 20.0 * BALANCE_QUANTUM)
    first = gone[-1] + left
    paid_at = chance.uniform(0.2, 0.8) * watched
    readings, at = [], 0.0
    while at <= now:
        shown = max(0.0, at - family.lag)
        if family.cadence:
            shown = math.floor(shown / family.cadence) * family.cadence
        unpaid = 2 * first if family.topped_up and at <= paid_at else 0.0
        balance = first - _between(gone, shown) - unpaid
        spent = int(_between(gone, at)) if family.own else 0
        readings.append(Reading(at, round(balance / BALANCE_QUANTUM) * BALANCE_QUANTUM, spent))
        at += family.poll * chance.uniform(0.9, 1.1)
    return Case(readings, now, _lasted(taken, now, left))


def _lasted(taken, now, left):
    for second in range(_LONGEST):
        piece = taken(now + second)
        if piece >= left:
            return second + left / piece
        left -= piece
    raise AssertionError("this pool lasts for ever")


def _between(totals, at):
    whole = min(int(at), len(totals) - 2)
    return totals[whole] + (totals[whole + 1] - totals[whole]) * (at - whole)
