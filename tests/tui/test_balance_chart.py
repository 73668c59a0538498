"""A balance as it went and as it may go: steps, gaps, top-ups, the interval, the stretch."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support import snapshots
from support.snapshots import GB, MB, NOW, Still

from rf_core.snapshot import Drain, PoolState, Runway
from rf_tui.app import MonitorApp
from rf_tui.balance_chart import chart_panel, future_columns, past_columns, top_ups
from rf_tui.cells import plain, width_of
from rf_tui.keys import KEYS, REPLAY_KEYS, beside
from rf_tui.reach import LENGTHS, Reach
from rf_tui.widgets.canvas import Canvas

POOL = snapshots.busy().pools[0]


def drawn(pool, width=80, height=10, reach=None):
    return [plain(line) for line in chart_panel(pool, NOW, width, height, reach)]


def watched(*points, **fields):
    """A pool with these readings: seconds before now, bytes."""
    history = tuple((NOW - ago, left) for ago, left in points)
    return PoolState("p", balance_bytes=history[-1][1], balance_at=NOW, history=history, **fields)


def test_a_value_holds_until_the_next_reading():
    columns = past_columns([(0.0, 10.0), (5.0, 0.0), (6.0, 10.0)], 0.0, 10.0, 10)
    assert [column.value for column in columns] == [10] * 4 + [0] + [10] * 5


def test_a_fall_of_a_thousandth_is_no_cliff_and_the_edge_says_where_the_axis_begins():
    lines = drawn(watched((100, 12_500 * MB), (50, 12_490 * MB), (0, 12_490 * MB)))
    assert "12.2070 GB" in lines[1]
    assert "10.9863 GB" in lines[-2]
    assert all(set(line[13:].strip()) == {"█"} for line in lines[2:-1])


def test_where_nobody_looked_there_is_a_gap_and_no_line_through_it():
    readings = [(n * 10, GB - n * MB) for n in range(200, 150, -1)]
    readings += [(n * 10, GB - n * MB) for n in range(50, 0, -1)]
    bottom = drawn(watched(*readings))[-2][13:]
    begin, end = bottom.index("┊"), bottom.rindex("┊")
    assert 25 <= end - begin <= 40
    assert set(bottom[begin : end + 1]) == {"┊"}
    assert bottom[0] == "█"


def test_a_pause_no_longer_than_usual_is_no_gap():
    slow = watched(*((n * 300, GB - n * MB) for n in range(20, 0, -1)))
    assert "┊" not in "".join(drawn(slow))


def test_a_top_up_has_a_mark_below_it_and_words_for_the_mark():
    lines = drawn(watched((100, GB), (50, GB - MB), (49, 2 * GB), (0, 2 * GB - MB)))
    assert "▲ topped up" in lines[0]
    assert abs(lines[-1].index("▲") - (13 + 66 // 2)) <= 2
    assert "▲" not in "".join(drawn(POOL))


def test_rounding_is_no_top_up():
    assert top_ups([(0, 100_000.0), (1, 200_000.0), (2, 900_000.0)]) == [2]


def test_what_is_to_come_is_an_interval_that_begins_at_what_is_left():
    runway = Runway(100.0, 50.0, 200.0)
    columns = future_columns(runway, 1_000.0, 100.0, 4)
    assert [column.low for column in columns] == [500, 0, 0, 0]
    assert [column.middle for column in columns] == [750, 500, 250, 0]
    assert [column.high for column in columns] == [875, 750, 625, 500]


def test_the_forecast_is_told_from_what_was_without_colours():
    lines = drawn(POOL, 120, 20)
    assert "right 4 times out of 5" in lines[0]
    assert any("░" in line and "█" in line for line in lines[1:-1])
    assert "now" in lines[-1]
    assert lines[-1].rstrip().endswith("+4m17s")


def test_without_a_runway_nothing_is_foretold():
    lines = drawn(replace(POOL, drain=Drain("idle")), 120, 20)
    assert "░" not in "".join(lines)
    assert lines[-1].rstrip().endswith("now")


def test_a_shorter_stretch_ends_where_it_is_asked_to():
    lines = drawn(POOL, 80, 10, Reach(300.0))
    assert "over 5m00s" in lines[0]
    assert "-5m00s" in lines[-1]
    lines = drawn(POOL, 80, 10, Reach(60.0, 120.0))
    assert "-3m00s" in lines[-1]
    assert "-2m00s" in lines[-1]
    assert "░" not in "".join(lines)  # what is to come does not begin there


def test_zooming_goes_through_the_lengths_and_back_to_everything():
    reach = Reach()
    seen = []
    while (closer := reach.zoomed(1, 4_000.0)) != reach:
        reach = closer
        seen.append(reach.seconds)
    assert seen == [3_600, 1_800, 900, 300, 60, 15]
    for _ in range(6):
        reach = reach.zoomed(-1, 4_000.0)
    assert reach == Reach()


def test_a_step_to_the_side_is_a_quarter_and_stays_where_something_was():
    reach = Reach(60.0)
    assert reach.shifted(-1, 600.0).back_seconds == 15
    assert reach.shifted(1, 600.0).back_seconds == 0
    for _ in range(99):
        reach = reach.shifted(-1, 600.0)
    assert reach.span(0.0, 600.0) == (0.0, 60.0)
    assert Reach().shifted(-1, 600.0) == Reach()


async def test_keys_zoom_and_go_back_and_escape_leaves_the_page():
    app = MonitorApp(Still(snapshots.busy()), interval=None, clock=lambda: NOW)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("down", "enter", "plus")
        assert "over 5m00s" in app.query_one(Canvas).text
        await pilot.press("left")
        assert "-1m15s" in app.query_one(Canvas).text
        await pilot.press("right", "minus")
        assert "over 10m00s" in app.query_one(Canvas).text


def test_in_a_recording_keys_that_move_in_it_keep_their_meaning():
    keys = [key.action for key in beside(KEYS, REPLAY_KEYS) if "left" in key.keys.split(",")]
    assert keys == ["seek(-10)"]
    assert "zoom(1)" in [key.action for key in beside(KEYS, REPLAY_KEYS)]


@given(
    points=st.lists(st.tuples(st.integers(0, 10**7), st.integers(-GB, 10**13)), min_size=1),
    size=st.tuples(st.integers(1, 200), st.integers(1, 30)),
    reach=st.builds(Reach, st.sampled_from([None, *LENGTHS]), st.floats(0, 1e7)),
    lasts=st.floats(0, 1e9),
)
def test_a_chart_always_fits(points, size, reach, lasts):
    points.sort(reverse=True)
    drain = Drain("draining", 1.0, runway=Runway(lasts, lasts / 2, lasts * 2))
    lines = drawn(watched(*points, drain=drain), *size, reach)
    assert len(lines) == size[1]
    assert all(width_of(line) <= max(size[0], 16) for line in lines[1:])
