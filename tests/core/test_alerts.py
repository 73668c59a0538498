"""An alert needs a long and a short window to agree, and is not let go at the first relief."""

from dataclasses import replace

import pytest

from rf_core.alert import Alert
from rf_core.alert_settings import RULES, ForeignRule, LevelRule, PaceRule, read_alerts
from rf_core.alerts import SAME_SECONDS, judged
from rf_core.consumption import Curve
from rf_core.errors import SettingsError
from rf_core.meters import Reconciliation
from rf_core.snapshot import Drain, PoolState, Runway

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


def pool_with(left=LEFT, *, at=0.0, verdict=None, name="premium"):
    meters = verdict and Reconciliation(verdict, at - 600, at, 9, 4, 5 << 20, 1, 0.0, 0.0)
    return PoolState(name, balance_bytes=left, balance_at=at, meters=meters)


def judge(curve, *, on=(), left=LEFT):
    known = [Alert("premium", name, "pace", 0.0) for name in on]
    now = curve.until
    found = judged([HOUR], [pool_with(left, at=now)], {"premium": curve}, known, now)
    return {alert.rule for alert in found if alert.is_on}


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
    assert judge(paced((100, 10)), left=0) == {"hour"}


def look(rule, known, now, *, at=None, **pool):
    at = now if at is None else at
    return judged([rule], [pool_with(at=at, **pool)], {"premium": None}, known, now)


LOW = LevelRule("below 2 GB", 2_000)


def test_a_level_is_told_and_let_go_when_there_is_a_good_deal_more():
    assert look(LOW, (), 10.0, left=2_000) == ()
    (alert,) = look(LOW, (), 10.0, left=1_999)
    assert (alert.pool, alert.rule, alert.kind, alert.since) == ("premium", LOW.name, "level", 10)
    assert alert.text == "Pool premium is below 2 GB: 2.0 kB left."
    (still,) = look(LOW, (alert,), 20.0, left=2_150)
    assert (still.is_on, still.since) == (True, 10)
    (over,) = look(LOW, (still,), 30.0, left=2_300)
    assert (over.is_on, over.over_at) == (False, 30)


def test_what_holds_again_soon_is_the_same_alert_and_stays_acknowledged():
    over = Alert("premium", LOW.name, "level", 10.0, acknowledged_at=12.0, over_at=30.0)
    (again,) = look(LOW, (over,), 30.0 + SAME_SECONDS, left=1)
    assert (again.since, again.acknowledged_at, again.is_on) == (10, 12, True)
    later = look(LOW, (over,), 31.0 + SAME_SECONDS, left=1)
    assert [(alert.is_on, alert.acknowledged_at) for alert in later] == [(True, None), (False, 12)]


@pytest.mark.parametrize(("verdict", "on"), [("foreign", 1), ("clean", 0), ("overhead", 0)])
def test_a_stranger_is_told(verdict, on):
    found = look(ForeignRule(), (), 600.0, verdict=verdict)
    assert len(found) == on
    assert all("5.00 MB" in alert.text for alert in found)


def test_what_is_not_known_changes_nothing():
    """Neither old readings nor a verdict that proves nothing begin an alert, or end one."""
    on = Alert("premium", "foreign use", "foreign", 10.0)
    for known in ((), (on,)):
        assert look(ForeignRule(), known, 600.0, verdict="inconclusive") == known
        assert look(ForeignRule(), known, 600.0) == known
        assert look(ForeignRule(), known, 900.0, at=500.0, verdict="clean") == known
    fast = paced((600, 5_000_000))
    pools, now = [pool_with(at=fast.until)], fast.until + 7_200
    assert judged([HOUR], pools, {"premium": fast}, (), now) == ()


def test_a_rule_or_a_pool_that_is_gone_ends_its_alert():
    on = Alert("premium", LOW.name, "level", 10.0)
    (over,) = judged([], [pool_with(1, at=20.0)], {}, (on,), 20.0)
    assert over.over_at == 20
    (over,) = judged([LOW], [], {}, (on,), 20.0)
    assert over.over_at == 20


def test_a_rule_for_one_pool_leaves_others_alone():
    rule = replace(LOW, pool="other")
    assert look(rule, (), 10.0, left=1) == ()
    pools = [pool_with(1, at=9.0, name=name) for name in ("premium", "other")]
    assert [alert.pool for alert in judged([rule], pools, {}, (), 10.0)] == ["other"]


def test_those_that_are_on_come_first_the_newest_first():
    known = (
        Alert("a", "x", "level", 1.0, over_at=9.0),
        Alert("premium", LOW.name, "level", 3.0),
    )
    rules = [LOW, LevelRule("below 1 GB", 1_000)]
    found = judged(rules, [pool_with(1, at=10.0)], {}, known, 10.0)
    assert [(alert.since, alert.is_on) for alert in found] == [(10, True), (3, True), (1, False)]


def test_a_pace_is_told_with_what_it_means():
    curve = paced((600, 1_100_000))
    state = replace(
        pool_with(at=600.0), drain=Drain("draining", 1_100_000.0, runway=Runway(3_270.0, 1, 2))
    )
    (alert,) = judged([HOUR], [state], {"premium": curve}, (), 600.0)
    assert alert.text == (
        "Pool premium will be empty in about 54 min 30 s: 3.3528 GB left, 1.05 MB/s leaving (hour)."
    )


def test_a_profile_says_what_is_told():
    said = read_alerts(
        {
            "bell": False,
            "command": ["notify-send", "ResiFactory"],
            "rules": [
                {"within": "2h"},
                {"below": "2 GB", "pool": "premium"},
                {"foreign": True},
            ],
        }
    )
    assert (said.bell, said.command) == (False, ("notify-send", "ResiFactory"))
    pace, level, foreign = said.rules
    assert pace == PaceRule("empty within 2h", 7_200.0, 1_200.0, 120.0)
    assert level == LevelRule("below 2 GB", 2 << 30, "premium")
    assert foreign == ForeignRule()
    assert read_alerts({}).rules == RULES
    assert read_alerts({"rules": []}).rules == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["x"], "they are a table"),
        ({"ruels": []}, "'ruels' is not known"),
        ({"bell": "yes"}, "`bell` is true or false"),
        ({"command": "notify-send"}, "a program and its arguments"),
        ({"command": ["", "x"]}, "begins with a program"),
        ({"rules": {"within": "2h"}}, "a list of tables"),
        ({"rules": [{"pool": "a"}]}, "one of `within`, `below` and `foreign`"),
        ({"rules": [{"within": "2h", "below": "1 GB"}]}, "one of `within`"),
        ({"rules": [{"within": "soon"}]}, "write a time"),
        ({"rules": [{"within": 2}]}, "`within` is a text"),
        ({"rules": [{"below": "much"}]}, "write a size"),
        ({"rules": [{"foreign": False}]}, "leave the rule out"),
        ({"rules": [{"below": "1 GB", "pool": 3}]}, "the id of one"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_an_example(said, why):
    with pytest.raises(SettingsError) as caught:
        read_alerts(said)
    assert why in caught.value.message
    assert "within" in caught.value.way_out
