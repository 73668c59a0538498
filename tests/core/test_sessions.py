from rf_core.lanes import Credential, Lanes
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_core.sessions import Sessions


def credentials(count, prefix="user"):
    return [
        Credential(Proxy("127.0.0.1", 8000, f"{prefix}-{number}", Secret("pw")), "premium")
        for number in range(count)
    ]


def sessions_with(count, *, lease=600.0, at=0.0):
    sessions = Sessions(lease)
    sessions.add(credentials(count), at)
    return sessions


def test_a_session_keeps_its_credential_and_its_jar_until_its_lease_ends():
    """C-163"""
    sessions = sessions_with(2)
    begun = sessions.begin("ada", 10.0)
    assert sessions.find("ada", 569.9) is begun
    assert sessions.find("ada", 570.0) is None
    again = sessions.begin("ada", 250.0)
    assert again.credential != begun.credential
    assert (begun.jar, again.jar) == ("rf:ada:1", "rf:ada:2")
    assert (sessions.begun, sessions.renewed, sessions.broken) == (2, 1, 0)


def test_the_lease_counts_from_the_order_whenever_the_first_request_is():
    """C-164"""
    sessions = sessions_with(1, at=100.0)
    assert sessions.begin("ada", 350.0).ends_at == 100.0 + 600.0 - 30.0


def test_a_short_lease_keeps_a_tenth_of_itself_back():
    assert sessions_with(1, lease=60.0).begin("ada", 0.0).ends_at == 54.0


def test_two_keys_never_share_a_credential():
    sessions = sessions_with(3)
    held = [sessions.begin(key, 0.0) for key in "abc"]
    assert len({one.credential.handle for one in held}) == 3
    assert sessions.begin("d", 0.0) is None
    assert repr(sessions) == "<Sessions 3 held, 0 spare>"


def test_a_credential_that_has_waited_half_its_lease_is_not_begun_on():
    sessions = sessions_with(2)
    assert sessions.begin("ada", 300.1) is None
    assert sessions.spare == 0
    sessions.add(credentials(1, "fresh"), 300.0)
    assert sessions.begin("ada", 300.1) is not None


def test_credentials_that_come_twice_are_taken_once():
    sessions = sessions_with(2)
    assert sessions.add(credentials(3), 0.0) == 1


def test_an_ended_session_begins_anew_and_is_no_renewal():
    sessions = sessions_with(2)
    first = sessions.begin("ada", 0.0)
    sessions.end("ada")
    sessions.end("ada")
    assert sessions.find("ada", 1.0) is None
    assert sessions.begin("ada", 1.0).credential != first.credential
    assert sessions.renewed == 0


def test_a_refused_credential_breaks_its_session_and_no_other():
    sessions = sessions_with(2)
    lost, kept = sessions.begin("ada", 0.0), sessions.begin("bob", 0.0)
    assert sessions.lose(lost.credential.handle)
    assert not sessions.lose(lost.credential.handle)
    assert sessions.find("ada", 1.0) is None
    assert sessions.find("bob", 1.0) is kept
    assert sessions.broken == 1


def take_for(lanes, credential, target="a:443"):
    lane = lanes.hold(credential, target)
    if lane is None:
        empty = lanes.make_room_for(credential)
        if empty is not None:
            lanes.renew(empty, held=credential)
            lane = lanes.hold(credential, target)
    return lane


def test_sessions_have_lanes_of_their_own():
    lanes = Lanes(2)
    lanes.add(credentials(2))
    (one,) = credentials(1, "session")
    lane = take_for(lanes, one)
    assert lane.number >= 2
    assert lanes.lane(lane.number) is lane
    assert lanes.hold(one, "b:443") is lane, "of any target"
    assert {lanes.take("a:443").number for _ in range(4)} == {0, 1}
    assert lanes.lane(4) is None


def test_a_new_session_gets_the_lane_that_has_rested_longest_and_busy_ones_stay():
    lanes = Lanes(2)
    first, second, third, fourth = credentials(4, "session")
    one, two = take_for(lanes, first), take_for(lanes, second)
    lanes.release(one, "a:443")
    assert take_for(lanes, third) is one
    assert lanes.make_room_for(fourth) is None, "all are busy"
    assert lanes.hold(first, "a:443") is None
    lanes.release(two, "a:443")
    empty = lanes.make_room_for(fourth)
    assert empty is two
    assert lanes.make_room_for(fourth) is None, "one is on its way already"


def test_a_refused_session_lane_is_empty_until_the_next_session():
    lanes = Lanes(1)
    first, second = credentials(2, "session")
    lane = take_for(lanes, first)
    assert lanes.refuse(first.handle) == ()
    assert lanes.release(lane, "a:443")
    lanes.renew(lane)
    assert lane.credential is None
    assert take_for(lanes, second) is lane
