"""A thousand randomised histories of crawls that share a floor."""

from random import Random

from support.floors import World

WORLDS = 1_000
STEPS = 150


def test_no_history_leads_below_the_floor():
    for seed in range(WORLDS):
        world = World(Random(seed))
        for _ in range(STEPS):
            world.step()
            assert world.below <= 0, seed
        world.close()
