import pytest

from rf_sandbox.switches import PROFILES, READINGS, Switches, of_profile


def test_the_documented_profile_is_the_first_reading_of_everything():
    switches = of_profile("documented")
    assert switches == Switches()
    for name, facts in READINGS.items():
        assert getattr(switches, name) == (facts.readings[0] if facts.readings else 0.0)


def test_the_adverse_profile_reads_everything_otherwise_but_what_would_end_all_calls():
    documented, adverse = (of_profile(profile) for profile in PROFILES)
    same = {name for name in READINGS if getattr(documented, name) == getattr(adverse, name)}
    assert same == {"plaintext", "count_errors"}


def test_each_can_be_set_alone_and_by_any_spelling():
    for name, facts in READINGS.items():
        for reading in facts.readings or facts.span:
            switches = Switches()
            switches.set(**{name: reading})
            assert getattr(switches, name) == reading
            setattr(switches, name, getattr(Switches(), name))
            assert switches == Switches()
    switches = Switches()
    switches.set(exhausted_status=407, empty_body=True, hostile_passwords=True, etag=False)
    assert (switches.exhausted_status, switches.empty_body) == ("407", "400")
    assert (switches.hostile_passwords, switches.etag) == ("yes", "no")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"flavour": "mint"}, "unknown: flavour; known: plaintext,"),
        ({"metering": "guess"}, "metering is one of wire, after_connect, payload"),
        ({"session_start": True}, "session_start is one of"),
        ({"meter_lag_seconds": -1}, "a number from 0 to 86400"),
        ({"meter_lag_seconds": "soon"}, "a number from 0 to 86400"),
        ({"clock_skew_seconds": float("nan")}, "a number from"),
    ],
)
def test_what_is_no_reading_is_said_and_nothing_changes(values, told):
    switches = Switches()
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        switches.set(etag="yes", **values)
    assert switches == Switches()


def test_there_are_two_profiles():
    with pytest.raises(ValueError, match="documented, adverse"):
        of_profile("optimistic")
