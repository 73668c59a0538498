"""What can go wrong between the API and its caller, ordered by rule."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from support.sandboxes import api_of


def strike(sandbox, path="/api/v1/me", match=None, **what):
    return sandbox.faults({"where": "api", "match": {"path": path, **(match or {})}, "what": what})


def calls_of(sandbox):
    return [call["path"] for call in sandbox.journal()["calls"]]


def test_latency_delays_what_it_fits_and_nothing_else(sandbox, api):
    """C-146"""
    strike(sandbox, kind="latency", milliseconds=1_000)
    started = time.monotonic()
    with ThreadPoolExecutor() as threads:
        late = threads.submit(api.get, "/me")
        assert api.get("/balance").status_code == 200
        assert not late.done()
        assert late.result().status_code == 200
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_may_never_be_answered_before_or_after_it_counted(sandbox, api, when):
    """C-146"""
    strike(sandbox, kind="hang", when=when)
    with pytest.raises(httpx.ReadTimeout):
        api.get("/me", timeout=1)
    assert calls_of(sandbox) == ([] if when == "before" else ["/api/v1/me"])
    left = api.get("/balance").headers["RateLimit-Remaining"]
    assert left == ("119" if when == "before" else "118")


def test_a_reset_is_a_reset(sandbox, api):
    """C-146"""
    strike(sandbox, kind="reset")
    with pytest.raises(httpx.ReadError):
        api.get("/me")
    strike(sandbox, kind="reset", bytes=40)
    with pytest.raises(httpx.TransportError):
        api.get("/me")


def test_an_answer_may_stop_half_way(sandbox, api):
    """C-146"""
    strike(sandbox, kind="truncate", bytes=10)
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending"):
        api.get("/me")


def test_an_answer_may_be_shorter_than_it_says(sandbox, api):
    """C-146"""
    strike(sandbox, kind="wrong_length", delta=5)
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/me")


def test_json_may_stop_in_the_middle_with_a_length_that_is_right(sandbox, api):
    """C-007, C-146"""
    strike(sandbox, kind="bad_json")
    answer = api.get("/me")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_an_answer_may_come_in_drops(sandbox, api):
    """C-146"""
    strike(sandbox, kind="drip", bytes=64, milliseconds=5)
    started = time.monotonic()
    assert api.get("/me").json()["id"] == 42
    assert time.monotonic() - started > 0.02


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ({"status": 500}, 500, "internal_error"),
        ({"status": 429}, 429, "rate_limited"),
        ({"status": 403, "code": "teapot_mode"}, 403, "teapot_mode"),
        ({"status": 409, "code": "busy", "message": "Later."}, 409, "busy"),
    ],
)
def test_any_error_can_be_ordered(sandbox, api, what, status, code):
    """C-141, C-142, C-145"""
    strike(sandbox, kind="status", **what)
    answer = api.get("/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"] == what.get(
        "message", answer.json()["error"]["message"]
    )
    assert answer.headers["RateLimit-Remaining"] == "119"


def test_a_burst_of_gateway_pages_ends_as_it_began(sandbox, api):
    """C-146"""
    page = "<html><h1>502 Bad Gateway</h1></html>"
    strike(sandbox, match={"first": 3}, kind="status", status=502, body=page)
    answers = [api.get("/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [502, 502, 502, 200]
    assert answers[0].text == page
    assert answers[0].headers["Content-Type"].startswith("text/html")


def test_headers_can_be_changed_and_dropped(sandbox, api):
    """C-122"""
    changed = {"RateLimit-Remaining": "many", "RateLimit-Reset": None, "Content-Type": "text/css"}
    strike(sandbox, kind="headers", headers=changed)
    headers = api.get("/me").headers
    assert headers["RateLimit-Remaining"] == "many"
    assert headers["Content-Type"] == "text/css"
    assert "RateLimit-Reset" not in headers
    assert headers["RateLimit-Limit"] == "120"


def test_retry_after_may_be_a_date(sandbox, api):
    """C-126"""
    sandbox.limit(reads=1)
    strike(sandbox, kind="retry_after_date")
    assert "Retry-After" not in api.get("/me").headers
    refused = api.get("/me")
    assert refused.status_code == 429
    wait = parsedate_to_datetime(refused.headers["Retry-After"]) - datetime.now(UTC)
    assert 55 < wait.total_seconds() <= 61


@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_one_answer_may_come_from_a_clock_that_is_an_hour_off(sandbox, api, seconds):
    """C-124"""
    strike(sandbox, match={"nth": 2}, kind="clock_skew", seconds=seconds)
    right, wrong = api.get("/me").headers, api.get("/me").headers
    off = parsedate_to_datetime(wrong["Date"]) - parsedate_to_datetime(right["Date"])
    assert off.total_seconds() == pytest.approx(seconds, abs=2)
    assert int(wrong["RateLimit-Reset"]) - int(right["RateLimit-Reset"]) == pytest.approx(
        seconds, abs=2
    )


def test_a_key_may_be_revoked_by_its_third_call(sandbox):
    """C-013"""
    key = sandbox.make_key()["key"]
    strike(sandbox, match={"nth": 3}, kind="revoke_key")
    with api_of(sandbox, key) as api:
        assert [api.get("/me").status_code for _ in range(4)] == [200, 200, 401, 401]


def test_an_account_may_be_suspended_by_a_call(sandbox, api):
    """C-019"""
    strike(sandbox, match={"nth": 2}, kind="disable_account")
    assert [api.get("/me").status_code for _ in range(3)] == [200, 403, 403]


def test_the_same_seed_tells_the_same_story(sandbox, api):
    stories = []
    for _ in range(2):
        sandbox.reset()
        strike(sandbox, match={"probability": 0.5}, kind="status", status=503)
        stories.append([api.get("/me").status_code for _ in range(40)])
    assert stories[0] == stories[1]
    assert 8 < stories[0].count(503) < 32


def test_rules_are_given_and_read_by_control_and_a_wrong_one_changes_nothing(sandbox, api):
    headers = {"Authorization": f"Bearer {sandbox.control_token}"}
    rule = {"where": "api", "match": {"nth": 1}, "what": {"kind": "status", "status": 503}}
    with httpx.Client(
        timeout=60, base_url=sandbox.control, headers=headers, trust_env=False
    ) as control:
        given = control.put("/faults", json=[rule]).json()
        assert given["rules"] == [{**rule, "calls": 0, "fired": 0}]
        refused = control.put("/faults", json=[rule, {"where": "moon"}])
        assert refused.status_code == 400
        assert "rule 2: where is one of" in refused.json()["error"]["message"]
        assert api.get("/me").status_code == 503
        shown = control.get("/faults").json()
        assert shown["rules"][0]["fired"] == 1
        assert shown["kinds"]["latency"]["takes"] == ["milliseconds"]
        assert control.put("/faults", json=shown).status_code == 200
        assert control.put("/faults", json={"rules": []}).json()["rules"] == []
