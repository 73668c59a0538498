"""A thousand random crawls on the real guard, against a model of wire and provider."""

import pytest
from support.budgets import played

WORLDS = 1_000
EACH = 50
FEW = (5, 25)
A_FIFTIETH = 1 / 50


@pytest.mark.parametrize("first", range(0, WORLDS, EACH))
def test_no_cap_is_missed_by_more_than_what_is_on_its_way_nor_left_unspent(first):
    for seed in range(first, first + EACH):
        world = played(seed, FEW)
        assert world.beyond <= world.allowed_past, (seed, world.plan)
        assert world.begun_beyond <= world.allowed_past, (seed, world.plan)
        assert world.left <= A_FIFTIETH, (seed, world.plan)
