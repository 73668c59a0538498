from ipaddress import ip_address, ip_network

import pytest

from rf_sandbox.credentials import Ordered
from rf_sandbox.exits import Exits

ROTATING = Ordered("premium", "rotating", "us", "", 0)
STICKY = Ordered("premium", "sticky", "us", "", 10)


@pytest.mark.parametrize("seed", [0, 1, 12_345])
def test_no_rotating_exit_comes_twice_in_a_hundred_thousand(seed):
    """C-160"""
    exits = Exits(seed)
    seen = {exits.exit_for("user", ROTATING, 0.0) for _ in range(100_000)}
    assert len(seen) == 100_000
    network = ip_network("127.0.0.0/8")
    assert all(ip_address(address) in network for address in list(seen)[:1_000])
    assert "127.0.0.1" not in seen


def test_a_sticky_exit_holds_from_first_use_to_its_end_and_does_not_slide():
    """C-162, C-164"""
    exits = Exits(0)
    first = exits.exit_for("user", STICKY, 1_000.0)
    assert exits.exit_for("user", STICKY, 1_300.0) == first
    assert exits.exit_for("user", STICKY, 1_599.9) == first
    assert exits.exit_for("user", STICKY, 1_600.0) != first


def test_after_its_end_the_same_credential_has_a_new_exit_for_a_new_session():
    """C-163"""
    exits = Exits(0)
    exits.exit_for("user", STICKY, 0.0)
    second = exits.exit_for("user", STICKY, 700.0)
    assert exits.exit_for("user", STICKY, 1_299.0) == second
    assert exits.exit_for("user", STICKY, 1_300.0) != second


def test_every_sticky_user_has_an_exit_of_its_own():
    """C-072, C-162"""
    exits = Exits(0)
    assert len({exits.exit_for(f"user {n}", STICKY, 0.0) for n in range(1_000)}) == 1_000
