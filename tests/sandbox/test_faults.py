import pytest

from rf_sandbox.faults import KINDS, PLACES, Faults
from rf_sandbox.rules import read_rules


def faults_of(*rules, seed=0):
    return Faults(read_rules(rules, seed))


def story_of(faults, calls=200, **facts):
    return [bool(faults.strike("api", **facts)) for _ in range(calls)]


LATENCY = {"kind": "latency", "milliseconds": 5}


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"every": 3}, [3, 6]),
        ({"first": 2}, [1, 2]),
        ({"after": 4}, [5, 6]),
        ({"after": 1, "every": 2}, [2, 4, 6]),
        ({"probability": 0}, []),
        ({"path": "/api/v1/*"}, [1, 2, 3, 4, 5, 6]),
        ({"path": "/elsewhere"}, []),
        ({"method": "GET", "nth": 1}, [1]),
    ],
)
def test_a_rule_counts_the_calls_that_fit_it(match, struck):
    faults = faults_of({"where": "api", "match": match, "what": LATENCY})
    calls = [
        number for number in range(1, 7) if faults.strike("api", path="/api/v1/me", method="GET")
    ]
    assert calls == struck


def test_calls_elsewhere_are_not_counted():
    faults = faults_of(
        {"where": "gateway", "match": {"domain": "*.localhost", "nth": 2}, "what": "dns_failure"}
    )
    assert not faults.strike("api")
    assert not faults.strike("gateway", domain="elsewhere")
    assert not faults.strike("gateway", domain="a.localhost")
    assert not faults.strike("gateway", domain="127.0.0.1")
    (struck,) = faults.strike("gateway", domain="b.localhost")
    assert struck.kind == "dns_failure"


def test_the_same_seed_tells_the_same_story_and_another_another():
    rule = {"where": "api", "match": {"probability": 0.3}, "what": LATENCY}
    story = story_of(faults_of(rule, seed=4))
    assert story == story_of(faults_of(rule, seed=4))
    assert story != story_of(faults_of(rule, seed=5))
    assert story != story_of(faults_of(rule | {"seed": 1}, seed=4))
    assert 30 < sum(story) < 90


def test_one_more_rule_changes_nothing_in_the_story_of_the_others():
    rule = {"where": "api", "match": {"probability": 0.3}, "what": LATENCY}
    other = {"where": "site", "match": {"probability": 0.5}, "what": "reset"}
    both = faults_of(rule, other)
    story = []
    for _ in range(100):
        both.strike("site")
        story.append(bool(both.strike("api")))
    assert story == story_of(faults_of(rule), 100)


def test_several_rules_strike_at_once_in_their_order():
    faults = faults_of(
        {"where": "api", "what": LATENCY},
        {"where": "api", "what": {"kind": "status", "status": 503}},
    )
    assert [fault.kind for fault in faults.strike("api")] == ["latency", "status"]


def test_the_document_can_be_given_back_and_says_what_happened():
    rule = {"where": "api", "match": {"nth": 2}, "what": {"kind": "status", "status": 503}}
    faults = faults_of(rule)
    story_of(faults, 3)
    assert faults.document() == [{**rule, "calls": 3, "fired": 1}]
    assert read_rules(faults.document(), 0)[0].written == rule


def test_no_rules_cost_nothing():
    assert Faults().strike("gateway", path="/", username="somebody") == ()


def test_every_kind_can_be_ordered_by_its_name_wherever_it_strikes():
    for name, kind in KINDS.items():
        assert set(kind.places) <= set(PLACES)
        for place in kind.places:
            (fault,) = faults_of({"where": place, "what": name}).strike(place)
            assert fault.kind == name


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (5, "rule 1: a rule is an object"),
        ({"where": "moon", "what": "reset"}, "where is one of api, gateway, site"),
        ({"where": "api"}, "what has a kind"),
        ({"where": "api", "what": {"kind": "boredom"}}, "what has a kind"),
        ({"where": "api", "what": "dns_failure"}, "dns_failure strikes at gateway, not at api"),
        ({"where": "api", "what": LATENCY, "who": 1}, "unknown: who"),
        ({"where": "api", "what": {"kind": "reset", "milliseconds": 5}}, "unknown: milliseconds"),
        ({"where": "api", "what": {"kind": "latency", "milliseconds": -1}}, "from 0 to"),
        ({"where": "api", "what": {"kind": "latency", "milliseconds": 1.5}}, "milliseconds is"),
        ({"where": "api", "what": {"kind": "latency", "milliseconds": True}}, "milliseconds is"),
        ({"where": "api", "what": {"kind": "status", "status": 99}}, "from 200 to 599"),
        ({"where": "api", "what": {"kind": "status", "body": 5}}, "body is a text"),
        ({"where": "api", "what": {"kind": "hang", "when": "later"}}, "before or after"),
        ({"where": "api", "what": {"kind": "headers", "headers": {"a": "b\r\nc"}}}, "one-line"),
        ({"where": "api", "what": {"kind": "headers", "headers": []}}, "headers is an object"),
        ({"where": "api", "what": LATENCY, "match": []}, "match is an object"),
        ({"where": "api", "what": LATENCY, "match": {"moon": "full"}}, "unknown: moon"),
        ({"where": "api", "what": LATENCY, "match": {"nth": "1"}}, "nth is a whole number"),
        ({"where": "api", "what": LATENCY, "match": {"every": -2}}, "every is a whole number"),
        ({"where": "api", "what": LATENCY, "match": {"path": 5}}, "are texts"),
        ({"where": "api", "what": LATENCY, "match": {"probability": 2}}, "from 0 to 1"),
        ({"where": "api", "what": LATENCY, "seed": "a"}, "seed is a whole number"),
    ],
)
def test_what_is_no_rule_is_said_in_a_sentence(rule, told):
    with pytest.raises(ValueError, match=told):
        read_rules([rule], 0)


def test_there_may_be_many_rules_and_not_endlessly_many():
    rule = {"where": "api", "what": LATENCY}
    assert len(read_rules([rule] * 1_000, 0)) == 1_000
    with pytest.raises(ValueError, match="at most 1000 rules"):
        read_rules([rule] * 1_001, 0)
