"""Charts that do not make much of little."""

from hypothesis import given
from hypothesis import strategies as st

from rf_tui.charts import bar, step_chart, trend


def test_a_bar_is_filled_to_its_share():
    assert bar(0.5, 8) == "████░░░░"
    assert bar(0, 4) == "░░░░"
    assert bar(7, 4) == "████"


def test_a_fall_of_a_thousandth_is_no_cliff():
    values = [12.50] * 8 + [12.49] * 8
    assert set(trend(values, 16)) == {"█"}
    chart = step_chart(list(enumerate(values)), width=16, height=4, until=16)
    assert chart.low == 12.50 * 0.9
    assert len({row for row in chart.rows if set(row) != {"█"}}) <= 1


def test_a_real_fall_is_drawn_from_zero():
    chart = step_chart([(0, 100.0), (10, 50.0)], width=10, height=2, until=20)
    assert (chart.low, chart.high) == (0.0, 100.0)
    assert chart.rows == ("█████     "[:4] + " " * 6, "█" * 10)


def test_a_value_holds_until_the_next_reading():
    chart = step_chart([(0, 10.0), (5, 0.0), (6, 10.0)], width=10, height=1, until=10)
    assert chart.rows[0][4] == " "
    assert chart.rows[0][5:] == "█" * 5


@given(
    points=st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e12)), max_size=40),
    width=st.integers(0, 80),
    height=st.integers(0, 20),
)
def test_a_chart_always_fits(points, width, height):
    points.sort()
    chart = step_chart(points, width=width, height=height, until=1e6)
    assert len(chart.rows) == height
    assert all(len(row) == width for row in chart.rows)
    assert len(trend([value for _, value in points], width)) == width
