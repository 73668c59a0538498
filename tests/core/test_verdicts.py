"""One table: who refused, what was wrong, what follows."""

import pytest

from rf_core import errors
from rf_core.refusals import Cause, Refusals
from rf_core.verdicts import RULES, Action, What, Who, judge, of_error, of_refusal, wait_seconds


def test_every_case_has_one_rule():
    cases = [(rule.who, rule.what) for rule in RULES]
    assert len(cases) == len(set(cases))


@pytest.mark.parametrize("who", [Who.CONNECT, Who.PLAIN])
def test_whatever_a_gateway_can_say_has_a_rule(who):
    assert {rule.what for rule in RULES if rule.who is who} == set(Cause)


def test_whoever_can_refuse_and_whatever_can_be_done_is_in_the_table():
    assert {rule.who for rule in RULES} == set(Who)
    assert {rule.action for rule in RULES} | {rule.then for rule in RULES} == set(Action)
    assert {rule.what for rule in RULES} == set(Cause) | set(What)


def test_both_ways_of_the_gateway_to_say_no_have_one_name():
    assert judge(Who.CONNECT, Cause.AUTH).name == judge(Who.PLAIN, Cause.AUTH).name
    assert judge(Who.CONNECT, Cause.AUTH).name == "gateway_auth"


def test_what_ends_a_crawl_says_why():
    ends = [rule for rule in RULES if Action.STOP in {rule.action, rule.then}]
    assert all(rule.reason.startswith("rf_") for rule in ends if rule.action is Action.STOP)
    assert {rule.who for rule in ends} == {Who.API, Who.CONNECT, Who.PLAIN, Who.OURSELVES}


@pytest.mark.parametrize("who", [Who.CONNECT, Who.PLAIN])
def test_a_dead_password_costs_its_credential_and_an_empty_pool_the_pool(who):
    """C-165, C-168"""
    assert judge(who, Cause.AUTH).action is Action.NEW_CREDENTIAL
    assert judge(who, Cause.DEMO).action is Action.NEW_CREDENTIAL
    assert judge(who, Cause.EXHAUSTED).action is Action.STOP


def test_a_session_goes_on_only_where_its_exit_does():
    kept = {rule.what for rule in RULES if rule.keeps_session}
    for what in (Cause.AUTH, Cause.DEMO, Cause.NO_EXIT, Cause.DROPPED, What.BANNED):
        assert what not in kept - {Cause.AUTH, Cause.DEMO}, what
    assert {What.SLOWER, Cause.LIMITED, Cause.TIMEOUT, What.CLOSED} <= kept


@pytest.mark.parametrize("tunnel", [True, False])
def test_a_refusal_finds_its_rule(tunnel):
    refusal = Refusals().add(
        lane=0, handle="ab", target="a:443", status=429, cause=Cause.LIMITED, tunnel=tunnel
    )
    rule = of_refusal(refusal)
    assert rule.action is Action.WAIT
    assert rule.who is (Who.CONNECT if tunnel else Who.PLAIN)


@pytest.mark.parametrize(
    ("asked", "waits", "seconds"),
    [("", 1, 1), ("", 4, 8), ("", 30, 60), ("5", 1, 5), ("5", 4, 8), ("9999", 1, 60), ("x", 2, 2)],
)
def test_a_gateway_is_waited_for_as_long_as_it_asks_within_a_minute(asked, waits, seconds):
    refusal = Refusals().add(
        lane=0, handle="", target="a:1", status=429, cause=Cause.LIMITED, retry_after=asked
    )
    assert wait_seconds(refusal, waits) == seconds


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.MissingKeyError(), "rf_settings"),
        (errors.StateError("disk"), "rf_settings"),
        (errors.OrderError("no such pool", field="pool"), "rf_settings"),
        (errors.InvalidRequestError("400", status=400), "rf_settings"),
        (errors.UnauthorizedError("401", status=401), "rf_key_refused"),
        (errors.AccountDisabledError("403", status=403), "rf_key_refused"),
        (errors.InsufficientScopeError("403", status=403, scope="x"), "rf_key_refused"),
        (errors.DemoCredentialsError("premium"), "rf_demo_credentials"),
        (errors.RateLimitedError("429", status=429, group="generate"), "rf_no_proxies"),
        (errors.DeadlineError("late"), "rf_no_proxies"),
        (errors.TransportError("refused"), "rf_no_proxies"),
        (errors.InternalError("500", status=500), "rf_no_proxies"),
        (errors.ResponseError("html", status=200), "rf_no_proxies"),
        (errors.ApiError("new code", status=418), "rf_no_proxies"),
    ],
)
def test_every_error_of_an_order_has_a_rule_with_a_reason(error, reason):
    rule = of_error(error)
    assert rule.reason == reason
    assert rule.who in {Who.API, Who.OURSELVES}
