"""Two meters of one pool: what rounding and lateness explain is clean, what they do not is not."""

import math
from itertools import pairwise
from random import Random

import pytest

from rf_core.drain import Reading
from rf_core.elsewhere import beside
from rf_core.meters import Usual
from rf_core.reconcile import reconcile, reconcile_all, stretches, usual_after
from rf_core.units import BALANCE_QUANTUM, GIGABYTE

MB = 1 << 20
START = 50 * GIGABYTE


def played(
    seconds, ours, stranger=lambda at: 0.0, *, poll=8.0, lag=0.0, cadence=0.0, factor=1.0,
    seed=1, topped_up_at=math.inf,
):  # fmt: skip
    """Readings of a pool where we take `ours(at)` bytes in a second, and somebody `stranger(at)`.

    The provider counts `factor` times ours, shows it `lag` late and every `cadence` seconds.
    """
    chance = Random(seed)
    mine, all_ = [0.0], [0.0]
    for at in range(int(seconds) + 1):
        own = ours(at)
        mine.append(mine[-1] + own)
        all_.append(all_[-1] + own * factor + stranger(at))

    def total(totals, at):
        at = min(max(at, 0.0), seconds)
        whole = int(at)
        return totals[whole] + (totals[whole + 1] - totals[whole]) * (at - whole)

    readings, at = [], 0.0
    while at <= seconds:
        seen = at - lag
        if cadence:
            seen = math.floor(seen / cadence) * cadence
        left = START - total(all_, seen) + (10 * GIGABYTE if at >= topped_up_at else 0)
        # What a crawl has reported is up to a second old.
        spent = total(mine, at - chance.random())
        readings.append(Reading(at, round(left / BALANCE_QUANTUM) * BALANCE_QUANTUM, round(spent)))
        at += poll * chance.uniform(0.95, 1.05)
    return readings


def nothing(at):
    return 0.0


def in_spells(at):
    """A crawl: a minute of work, half a minute of none."""
    return 600_000.0 if at % 90 < 60 else 0.0


def trickle(at):
    """5 MB in 5 minutes."""
    return 5 * MB / 300


def in_bursts(at):
    return 5.0 * MB if at % 300 == 150 else 0.0


def test_what_both_meters_count_is_clean():
    found = reconcile(played(1_200, in_spells))
    assert found.verdict == "clean"
    assert abs(found.excess_bytes) <= found.noise_bytes


def test_a_pool_where_nothing_happens_is_clean():
    assert reconcile(played(600, nothing)).verdict == "clean"


@pytest.mark.parametrize("lag", [30, 120, 300, 600])
def test_a_meter_that_is_late_is_clean_and_its_lateness_is_told(lag):
    """The crawl ends within the stretch: its last bytes show up when nobody spends any more."""
    readings = played(2_400, lambda at: in_spells(at) if at < 1_500 else 0.0, lag=lag)
    found = reconcile(readings)
    assert found.verdict == "clean"
    assert found.lag_seconds == pytest.approx(lag, abs=60)


def test_a_meter_that_is_seldom_brought_up_to_date_is_clean():
    found = reconcile(played(1_500, in_spells, cadence=60))
    assert found.verdict == "clean"
    assert found.cadence_seconds == pytest.approx(60, abs=10)


@pytest.mark.parametrize("rate", [20_000.0, 600_000.0])
@pytest.mark.parametrize("lag", [0, 45])
def test_a_meter_that_has_moved_once_only_is_no_stranger(rate, lag):
    """Looked at with each reading: its first move is a whole minute of ours."""
    readings = played(600, lambda at: rate, cadence=60, lag=lag)
    for last in range(1, len(readings)):
        assert reconcile_all(readings[: last + 1])[-1].verdict != "foreign", readings[last].at


def test_a_top_up_is_no_income_of_ours():
    assert reconcile(played(900, in_spells, topped_up_at=450)).verdict == "clean"


@pytest.mark.parametrize("leak", [trickle, in_bursts])
@pytest.mark.parametrize("ours", [nothing, in_spells])
def test_a_stranger_is_found_within_two_polls_of_exceeding_the_noise(leak, ours):
    """After ten clean minutes somebody else uses our credentials: 5 MB in 5 minutes."""

    def stranger(at):
        return leak(at) if at >= 600 else 0.0

    readings = played(2_400, ours, stranger)
    exceeded = None
    for last in range(3, len(readings)):
        found = reconcile(readings[: last + 1])
        leaked = sum(stranger(second) for second in range(math.ceil(readings[last].at) + 1))
        if found.verdict == "foreign":
            break
        # Either meter may be a whole noise off, and in the other direction.
        if exceeded is None and leaked > 2 * found.noise_bytes:
            exceeded = last
    assert found.verdict == "foreign"
    assert leaked > 0
    assert exceeded is None or last <= exceeded + 2
    whole = reconcile(readings)
    assert whole.verdict == "foreign"
    assert whole.excess_bytes == pytest.approx(30 * MB, abs=2 * whole.noise_bytes)


def in_turns(at):
    """A crawl: ten minutes of work, five of none."""
    return 600_000.0 if at % 900 < 600 else 0.0


def test_a_share_on_top_of_ours_is_overhead():
    found = reconcile(played(1_800, in_turns, factor=1.05))
    assert found.verdict == "overhead"
    assert found.share == pytest.approx(0.05, abs=0.01)
    assert found.unit is None


def test_a_smaller_gigabyte_is_recognised():
    """C-092: a GB of 10^9 bytes, where we take one of 2^30."""
    found = reconcile(played(7_200, lambda at: 5 * in_turns(at), factor=GIGABYTE / 1e9))
    assert (found.verdict, found.unit) == ("overhead", "GB")


def test_a_stranger_as_steady_as_we_are_cannot_be_told_from_overhead():
    readings = played(1_800, lambda at: 1_000_000.0, lambda at: 30_000.0)
    found = reconcile(readings)
    assert found.verdict == "inconclusive"
    assert found.share == pytest.approx(0.03, abs=0.005)
    assert reconcile(readings, usual=Usual(0.03)).verdict == "overhead"
    assert reconcile(readings, usual=Usual(0.0)).verdict == "foreign"


def test_what_was_seen_of_the_provider_before_tells_a_stranger_from_a_share():
    """The first half hour is clean; then somebody takes as steadily as we do."""
    readings = played(5_400, lambda at: 1_000_000.0, lambda at: 30_000.0 if at >= 1_800 else 0.0)
    verdicts = [one.verdict for one in reconcile_all(readings)]
    assert verdicts[0] == "clean"
    assert set(verdicts[1:]) == {"foreign"}
    shared = played(5_400, lambda at: 2 * in_turns(at), factor=1.04)
    assert {one.verdict for one in reconcile_all(shared)} == {"overhead"}


def test_a_crawl_that_has_just_begun_is_no_stranger():
    """Its report is half a second older than the balance, and it began in a burst."""
    quiet = [Reading(at, START, 0) for at in range(0, 600, 30)]
    burst = Reading(600, START - 30 * BALANCE_QUANTUM, 4 * BALANCE_QUANTUM)
    then = Reading(608, START - 60 * BALANCE_QUANTUM, 60 * BALANCE_QUANTUM)
    assert reconcile([*quiet, burst]).verdict == "inconclusive"
    assert reconcile([*quiet, burst, then]).verdict == "clean"


def test_what_was_seen_with_a_doubt_proves_no_more_than_it_can():
    """30 of 1,000 kB/s: too little to tell from what a short clean stretch leaves open."""
    readings = played(1_800, lambda at: 1_000_000.0, lambda at: 30_000.0)
    assert reconcile(readings, usual=Usual(0.0, 0.04)).verdict == "inconclusive"
    assert reconcile(readings, usual=Usual(0.0, 0.02)).verdict == "foreign"


def test_a_steady_stranger_beside_a_steady_crawl_is_no_overhead():
    """The crawl is there from the beginning, the stranger a minute later."""
    readings = played(600, lambda at: 90_000.0, lambda at: trickle(at) if at >= 60 else 0.0)
    verdicts = set()
    usual = None
    for last in range(3, len(readings)):
        one = reconcile(readings[: last + 1], usual=usual)
        usual = usual_after(one, usual)
        verdicts.add(one.verdict)
    assert verdicts == {"clean", "inconclusive", "foreign"}
    assert one.verdict == "foreign"


def test_a_provider_that_counts_less_than_we_do_proves_nothing():
    assert reconcile(played(1_800, in_spells, factor=0.9)).verdict == "inconclusive"


def test_other_machines_of_the_account_are_foreign_unless_they_tell():
    readings = played(1_200, in_spells, lambda at: 400_000.0 if at % 70 < 30 else 0.0)
    assert reconcile(readings).verdict == "foreign"
    told = [
        sum(400_000 for second in range(int(reading.at)) if second % 70 < 30)
        for reading in readings
    ]
    assert reconcile(readings, elsewhere=told).verdict == "clean"
    rarely = [
        Reading(one.at, one.balance_bytes, told_then)
        for one, told_then in zip(readings, told, strict=True)
    ][::4]
    shared = beside(readings, [rarely])
    found = reconcile(
        shared.readings, elsewhere=shared.spent_bytes, unsure_seconds=shared.unsure_seconds
    )
    assert found.verdict == "clean"
    assert found.noise_bytes > reconcile(readings, elsewhere=told).noise_bytes


def test_two_readings_alone_prove_nothing_but_a_theft():
    readings = played(8, nothing)[:2]
    assert reconcile(readings).verdict == "inconclusive"
    assert reconcile(played(16, nothing, lambda at: 1e6)[:2]).verdict == "foreign"


def test_stretches_share_their_edges_and_miss_nothing():
    readings = played(7_000, nothing, poll=30)
    cut = list(stretches(readings))
    assert cut[0][0] == 0
    assert cut[-1][1] == len(readings) - 1
    assert all(a[1] == b[0] for a, b in pairwise(cut))
    assert all(readings[b].at - readings[a].at <= 2_700 + 40 for a, b in cut)
    assert list(stretches(readings[:1])) == []


def test_a_clean_day_of_crawls_raises_no_alarm():
    """The quick form of a month: crawls of all kinds, polls of both rhythms, late meters."""
    for seed in range(16):
        chance = Random(seed)
        rate = chance.choice([20_000.0, 300_000.0, 3e6])
        on, off = chance.randint(20, 900), chance.randint(20, 900)
        readings = played(
            5_400,
            lambda at, rate=rate, on=on, off=off, chance=chance: (
                rate * chance.expovariate(1) if at % (on + off) < on else 0.0
            ),
            poll=chance.choice([8.0, 30.0]),
            lag=chance.choice([0, 0, 45, 300]),
            cadence=chance.choice([0, 0, 60]),
            seed=seed,
        )
        for first, last in stretches(readings):
            assert reconcile(readings, first, last).verdict != "foreign", (seed, first)
