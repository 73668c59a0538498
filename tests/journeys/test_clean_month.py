"""A month of crawls on a pool that nobody else uses, looked at every half hour: no alarm."""

from random import Random

from support.months import played_day

from rf_core.reconcile import reconcile_all

DAYS = 30
KEPT_READINGS = 600


def test_a_clean_month_raises_no_alarm():
    verdicts = {}
    for day in range(DAYS):
        readings = played_day(Random(day))
        for begin in range(0, len(readings), KEPT_READINGS // 2):
            for one in reconcile_all(readings[begin : begin + KEPT_READINGS]):
                verdicts[one.verdict] = verdicts.get(one.verdict, 0) + 1
    assert verdicts.get("foreign", 0) == 0, verdicts
    assert verdicts["clean"] > 0.8 * sum(verdicts.values()), verdicts
