"""How rotation is written down."""

import pytest

from rf_core.rotation import requests_each


@pytest.mark.parametrize(
    ("text", "each"),
    [("tunnel", None), ("session", None), (" Request ", 1), ("1", 1), ("20", 20)],
)
def test_a_word_or_a_number_says_how_many_requests_each_serves(text, each):
    assert requests_each(text) == each


@pytest.mark.parametrize("text", ["", "0", "-1", "2.5", "never", "1000001", "²"])
def test_anything_else_is_told_what_to_write(text):
    with pytest.raises(ValueError, match="write tunnel, request, or a number"):
        requests_each(text)
