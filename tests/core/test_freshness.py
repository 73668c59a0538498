import pytest

from rf_core.freshness import Freshness, freshness


@pytest.mark.parametrize(
    ("age_seconds", "state"),
    [
        (0, Freshness.FRESH),
        (899, Freshness.FRESH),
        (900, Freshness.STALE),
        (86_399, Freshness.STALE),
        (86_400, Freshness.UNUSABLE),
        (-10, Freshness.STALE),
        (-90_000, Freshness.UNUSABLE),
    ],
)
def test_a_document_is_fresh_then_usable_then_nothing(age_seconds, state):
    """C-103; an age below zero means that somebody set the clock."""
    assert freshness(age_seconds) is state
