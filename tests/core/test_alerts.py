"""An alert needs a long and a short window to agree, and is not let go at the first relief."""

from rf_core.alerts import PaceRule, alerting
from rf_core.consumption import Curve

HOUR = PaceRule("hour", within_seconds=3_600, long_seconds=600, short_seconds=60)
LEFT = 3_600_000_000


def paced(*stretches):
    """A curve of (seconds, bytes per second), one point each second."""
    times, totals = [0.0], [0.0]
    for seconds, rate in stretches:
        for _ in range(seconds):
            times.append(times[-1] + 1)
            totals.append(totals[-1] + rate)
    return Curve(tuple(times), tuple(totals), times[-1], 0.0, "provider")


def judge(curve, *, on=()):
    return alerting([HOUR], frozenset(on), curve, LEFT, curve.until)


def test_a_pace_that_empties_the_pool_within_the_hour_is_told():
    assert judge(paced((600, 1_100_000))) == {"hour"}
    assert judge(paced((600, 900_000))) == set()


def test_a_burst_alone_wakes_nobody():
    assert judge(paced((570, 100_000), (30, 5_000_000))) == set()


def test_what_is_over_wakes_nobody_either():
    assert judge(paced((500, 3_000_000), (100, 0))) == set()


def test_an_alert_stays_until_the_pool_lasts_a_good_deal_longer():
    assert judge(paced((600, 950_000)), on={"hour"}) == {"hour"}
    assert judge(paced((600, 700_000)), on={"hour"}) == set()


def test_nothing_is_told_before_the_short_window_is_full():
    assert judge(paced((40, 9_000_000))) == set()


def test_an_empty_pool_is_told():
    assert alerting([HOUR], frozenset(), paced((100, 10)), 0, 100.0) == {"hour"}
