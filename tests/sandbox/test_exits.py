import json
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandboxes import proxies_of
from support.wire import Wire

from rf_sandbox.accounts import GIGABYTE, Pool
from rf_sandbox.credentials import Credential
from rf_sandbox.exits import Exits
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import Switches

ROTATING = Credential("premium", "rotating", "us", "", 0)
STICKY = Credential("premium", "sticky", "us", "", 10)
MOBILE = Credential("mobile", "mobile_rotating", "us", "", 0)
MOBILE_STICKY = Credential("mobile", "mobile_sticky", "us", "", 10)
HOMES = ip_network("127.64.0.0/10")
CARRIERS = ip_network("127.128.0.0/10")


def reading(session_start, seed=0):
    return Exits(seed, Switches(session_start=session_start))


@pytest.mark.parametrize("credential", [ROTATING, MOBILE], ids=["home", "mobile"])
@pytest.mark.parametrize("seed", [0, 1, 12_345])
def test_no_rotating_exit_comes_twice_in_a_hundred_thousand(seed, credential):
    """C-160"""
    exits = Exits(seed)
    seen = {exits.exit_for("user", credential, 0.0) for _ in range(100_000)}
    assert len(seen) == 100_000
    network = CARRIERS if credential.is_mobile else HOMES
    assert all(ip_address(address) in network for address in list(seen)[:1_000])


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


def test_counted_from_generation_sessions_end_at_every_ten_minutes_of_its_age():
    """C-164, the other reading: `generation`."""
    made = Credential("premium", "sticky", "us", "", 10, made=1_000.0, key_id=1)
    exits = reading("generation")
    first = exits.exit_for("user", made, 1_599.0)
    second = exits.exit_for("user", made, 1_600.0)
    assert first != second
    assert exits.exit_for("user", made, 2_199.9) == second
    third = exits.exit_for("user", made, 3_500.0)
    assert third not in {first, second}
    assert exits.exit_for("user", made, 3_999.9) == third
    assert exits.exit_for("user", made, 4_000.0) != third


def test_counted_from_generation_one_that_nobody_recorded_starts_at_first_use():
    """C-164"""
    exits = reading("generation")
    first = exits.exit_for("user", STICKY, 1_599.0)
    assert exits.exit_for("user", STICKY, 2_198.9) == first
    assert exits.exit_for("user", STICKY, 2_199.0) != first


def test_a_sliding_session_lives_for_as_long_as_it_is_used():
    """C-164, the other reading: `sliding`."""
    exits = reading("sliding")
    first = exits.exit_for("user", STICKY, 0.0)
    assert {exits.exit_for("user", STICKY, minute * 60.0) for minute in range(0, 200, 9)} == {first}
    assert exits.exit_for("user", STICKY, 198 * 60.0 + 600) != first


def test_a_session_keeps_the_end_it_began_with_when_the_reading_changes():
    """C-164"""
    switches = Switches()
    exits = Exits(0, switches)
    first = exits.exit_for("user", STICKY, 0.0)
    switches.set(session_start="sliding")
    assert exits.exit_for("user", STICKY, 599.0) == first
    switches.set(session_start="first_use")
    assert exits.exit_for("user", STICKY, 1_198.0) == first
    assert exits.exit_for("user", STICKY, 1_199.0) != first


@pytest.mark.parametrize("credential", [STICKY, MOBILE_STICKY], ids=["home", "mobile"])
def test_every_sticky_user_has_an_exit_of_its_own(credential):
    """C-072, C-162"""
    exits = Exits(0)
    assert len({exits.exit_for(f"user {n}", credential, 0.0) for n in range(5_000)}) == 5_000


def test_an_exit_in_a_session_is_nobody_elses_even_when_all_have_had_their_turn():
    """C-160, C-162: four million rotations later the walk comes by again."""
    exits = Exits(0)
    start = exits.walk
    held = {exits.exit_for(f"user {n}", STICKY, 0.0) for n in range(10)}
    exits.resume(start, [])
    assert not held & {exits.exit_for("other", ROTATING, 1.0) for _ in range(1_000)}
    exits.resume(start, [])
    assert not held & {exits.exit_for(f"other {n}", STICKY, 1.0) for n in range(1_000)}


def test_a_day_of_sticky_sessions_takes_no_more_memory_than_those_that_live():
    """C-162"""
    exits = Exits(0)
    for number in range(100_000):
        exits.exit_for(f"user {number}", STICKY, number * 10.0)  # sixty live at any time
    assert len(exits.sessions) <= 1_024
    assert len(exits._held) == len(exits.sessions)


@given(
    st.sampled_from(["first_use", "generation", "sliding"]),
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 500)), max_size=80),
)
def test_two_sessions_that_live_never_share_an_exit(session_start, uses):
    """C-162, C-163"""
    exits, now = reading(session_start), 0.0
    for user, wait in uses:
        now += wait
        credential = Credential("p", "sticky", "", "", user + 1, made=0.0, key_id=1)
        exits.exit_for(f"user {user}", credential, now)
        live = [one.address for one in exits.sessions.values() if one.until > now]
        assert len(live) == len(set(live))


def test_sessions_that_were_kept_go_on_and_the_walk_with_them():
    """C-162, C-163"""
    first, told = reading("sliding"), []
    first.on_session = lambda username, session: told.append((username, session.address))
    sticky = {n: first.exit_for(f"user {n}", STICKY, float(n)) for n in range(3)}
    rotating = [first.exit_for("other", ROTATING, 5.0) for _ in range(100)]
    assert told == [(f"user {n}", address) for n, address in sticky.items()]

    second = reading("sliding")
    second.resume(Exits(0).walk, [*rotating, sticky[0]])
    for username, session in first.sessions.items():
        second.remember(username, session, now=601.0)  # user 0 and 1 have ended
    assert second.exit_for("user 2", STICKY, 601.0) == sticky[2]
    assert second.exit_for("user 1", STICKY, 601.0) != sticky[1]
    seen = {second.exit_for("other", ROTATING, 601.0) for _ in range(1_000)}
    assert not seen & {*rotating, *sticky.values()}


def test_a_sliding_session_is_told_again_only_when_it_has_moved_by_much():
    """C-164"""
    exits, told = reading("sliding"), []
    exits.on_session = lambda _username, session: told.append(session.until)
    for second in range(600):
        exits.exit_for("user", STICKY, float(second))
    assert len(told) <= 21
    assert exits.sessions["user"].until - told[-1] <= 30.0


def test_mobile_types_leave_from_carriers_and_the_site_sees_it():
    """C-160, C-162"""
    pools = [Pool("mobile", "Mobile", ["mobile_rotating", "mobile_sticky"], GIGABYTE)]
    with Sandbox(pools=pools) as sandbox:

        def exit_of(credential):
            with Wire(sandbox.gateway) as wire:
                return json.loads(wire.get(f"{sandbox.site_http}/ip", credential).body)["ip"]

        (rotating,) = proxies_of(sandbox, proxyType="mobile_rotating")
        (sticky,) = proxies_of(sandbox, proxyType="mobile_sticky", sessionDuration=5)
        seen = [exit_of(rotating) for _ in range(3)] + [exit_of(sticky) for _ in range(3)]
    assert len(set(seen)) == 4
    assert all(ip_address(address) in CARRIERS for address in seen)
