"""Charts that do not make much of little."""

from hypothesis import given
from hypothesis import strategies as st

from rf_tui.charts import bar, trend


def test_a_bar_is_filled_to_its_share():
    assert bar(0.5, 8) == "████░░░░"
    assert bar(0, 4) == "░░░░"
    assert bar(7, 4) == "████"


def test_a_fall_of_a_thousandth_is_no_cliff():
    values = [12.50] * 8 + [12.49] * 8
    assert set(trend(values, 16)) == {"█"}


@given(
    points=st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e12)), max_size=40),
    width=st.integers(0, 80),
)
def test_a_trend_always_fits(points, width):
    assert len(trend([value for _, value in points], width)) == width
