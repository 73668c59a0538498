"""The API under its other readings: one switch at a time, each by its contract id."""

import json
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from support.sandboxes import api_of

from rf_sandbox.sandbox import Sandbox


def order(api, **body):
    return api.post("/proxies", json={"quantity": 3, **body})


def trusting(sandbox):
    return httpx.Client(
        verify=ssl.create_default_context(cafile=sandbox.ca),
        headers={"Authorization": f"Bearer {sandbox.key}"},
        trust_env=False,
        timeout=60,
    )


def code_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


# Transport


def test_the_api_is_there_with_tls_too(sandbox):
    """C-001, C-002"""
    base = sandbox.ready["api_tls"]
    assert base.startswith("https://localhost:")
    assert urlsplit(base).path == "/api/v1"
    with trusting(sandbox) as client:
        assert client.get(f"{base}/me").status_code == 200
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(f"{base}/me")


@pytest.mark.parametrize("reading", ["403", "301", "close"])
def test_plaintext_may_be_rejected_and_tls_goes_on(sandbox, api, reading):
    """C-002, C-003"""
    sandbox.switch(plaintext=reading)
    if reading == "close":
        with pytest.raises(httpx.TransportError):
            api.get("/me")
    else:
        answer = api.get("/me")
        assert answer.status_code == int(reading)
        assert reading == "403" or answer.headers["Location"] == f"{sandbox.ready['api_tls']}/me"
        assert reading == "301" or code_of(answer) == (403, "https_required")
    assert sandbox.journal()["calls"] == []
    with trusting(sandbox) as client:
        assert client.get(f"{sandbox.ready['api_tls']}/me").status_code == 200


# Access


def test_a_suspended_account_may_still_read(sandbox, api):
    """C-019, C-020"""
    sandbox.switch(disabled_only_proxies=True)
    sandbox.disable_account()
    assert api.get("/balance").status_code == 200
    assert code_of(order(api)) == (403, "account_disabled")


def test_which_of_several_errors_is_told_may_be_any_of_them(sandbox):
    """C-021"""
    key = sandbox.make_key()["key"]
    sandbox.disable_account()
    with api_of(sandbox, key) as api:
        sandbox.limit(generate=100)
        assert {code_of(order(api, quantity=0)) for _ in range(5)} == {(403, "account_disabled")}
        sandbox.switch(precedence="shuffled")
        told = {code_of(order(api, quantity=0)) for _ in range(40)}
    assert told == {
        (403, "account_disabled"), (403, "insufficient_scope"), (400, "invalid_request"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["account_disabled", "insufficient_scope", "invalid_request"])
def test_in_the_documented_order_each_error_hides_the_next(sandbox, kind):
    """C-021: 401, account_disabled, 429, insufficient_scope, 400, 404"""
    scopes = [] if kind == "insufficient_scope" else ["proxies:generate"]
    key = sandbox.make_key(*scopes)["key"]
    sandbox.disable_account(disabled=kind == "account_disabled")
    with api_of(sandbox, key) as api:
        assert code_of(order(api, quantity=0, pool="nowhere"))[1] == kind
    with api_of(sandbox, "rf_live_nobody") as api:
        assert code_of(order(api, quantity=0)) == (401, "unauthorized")


# Orders


@pytest.mark.parametrize("body", [b"", b" "])
def test_an_order_may_need_a_body(sandbox, api, body):
    """C-032"""
    assert api.post("/proxies", content=body).status_code == 200
    sandbox.switch(empty_body="400")
    assert code_of(api.post("/proxies", content=body)) == (400, "invalid_request")
    assert api.post("/proxies", json={}).status_code == 200


def test_unknown_fields_may_be_refused(sandbox, api):
    """C-034"""
    assert order(api, flavour="mint").status_code == 200
    sandbox.switch(unknown_fields=400)
    assert code_of(order(api, flavour="mint")) == (400, "invalid_request")


def test_the_default_pool_may_be_any(sandbox, api):
    """C-035, C-036"""
    assert order(api).json()["pool"] == "premium"
    sandbox.switch(default_pool="last")
    assert order(api).json()["pool"] == "mobile"
    assert sandbox.state()["account"]["default_pool"] == "mobile"


@pytest.mark.parametrize(
    ("reading", "shown"), [("null", {"country": None}), ("absent", {}), ("empty", {"country": ""})]
)
def test_a_country_that_was_not_asked_for_is_written_in_three_ways(sandbox, api, reading, shown):
    """C-038"""
    sandbox.switch(country_omitted=reading)
    answer = order(api).json()
    assert {name: answer[name] for name in answer if name == "country"} == shown
    assert order(api, country="gb").json()["country"] == "gb"


def test_a_type_that_a_pool_does_not_offer_is_400_or_404(sandbox, api):
    """C-042"""
    asked = {"pool": "premium", "proxyType": "mobile_sticky"}
    assert code_of(order(api, **asked)) == (400, "invalid_request")
    sandbox.switch(type_mismatch="404")
    assert code_of(order(api, **asked)) == (404, "pool_not_available")


def test_the_default_type_may_not_be_on_offer(sandbox, api):
    """C-043"""
    sandbox.patch_pool("premium", proxy_types=["mobile_sticky"])
    assert code_of(order(api)) == (400, "invalid_request")
    assert order(api, proxyType="mobile_sticky").status_code == 200


def test_a_sessions_range_may_hold_for_rotating_orders(sandbox, api):
    """C-045"""
    assert order(api, sessionDuration=99_999).status_code == 200
    sandbox.switch(session_range_on_rotating="400")
    assert code_of(order(api, sessionDuration=99_999)) == (400, "invalid_request")
    assert order(api, sessionDuration=10).status_code == 200


def test_a_sticky_session_is_as_long_as_the_pool_says_and_the_range_is_that_of_the_moment(
    sandbox, api
):
    """C-044, C-046"""
    sandbox.patch_pool("premium", session_minutes_default=25)
    sandbox.patch_targeting(session_minutes={"min": 2, "max": 30})
    lines = order(api, proxyType="sticky").json()["proxies"].split("\n")
    assert all("-s-any-any-25-" in line for line in lines)
    for minutes, status in ((1, 400), (2, 200), (30, 200), (31, 400)):
        answer = order(api, proxyType="sticky", sessionDuration=minutes)
        assert answer.status_code == status


def test_a_state_in_lower_case_may_do(sandbox, api):
    """C-048"""
    assert order(api, country="us", state="ca").status_code == 400
    sandbox.switch(state_case="accepted")
    assert order(api, country="us", state="ca").status_code == 200
    assert order(api, country="us", state="zz").status_code == 400


def test_a_country_that_is_listed_may_not_be_had_in_a_pool(sandbox, api):
    """C-051"""
    sandbox.patch_pool("premium", excluded_countries=["gb"])
    assert "gb" in api.get("/pools").json()["targeting"]["countries"]
    assert code_of(order(api, country="gb")) == (400, "invalid_request")
    assert order(api, country="gb", pool="mobile").status_code == 200
    sandbox.switch(excluded_country="409")
    assert code_of(order(api, country="gb")) == (409, "country_not_available")


def test_a_pool_out_of_reach_is_404_and_listed_nowhere(sandbox, api):
    """C-101, C-104, C-141"""
    sandbox.patch_pool("mobile", accessible=False)
    assert code_of(order(api, pool="mobile")) == (404, "pool_not_available")
    assert [pool["id"] for pool in api.get("/pools").json()["pools"]] == ["premium"]
    assert list(api.get("/balance").json()["balances"]) == ["premium"]
    assert list(api.get("/me").json()["balances"]) == ["premium"]


def test_carriers_are_listed_and_no_parameter_takes_one(sandbox, api):
    """C-050"""
    sandbox.patch_targeting(carriers=["blue", "red"])
    assert api.get("/pools").json()["targeting"]["carriers"] == ["blue", "red"]
    sandbox.switch(unknown_fields="400")
    assert order(api, carrier="blue").status_code == 400


# Batches


@pytest.mark.parametrize("answer_format", ["list", "userpass"])
def test_a_list_may_end_in_a_line_feed(sandbox, api, answer_format):
    """C-062"""
    assert not order(api, format=answer_format).json()["proxies"].endswith("\n")
    sandbox.switch(trailing_newline=True)
    answer = order(api, format=answer_format).json()
    assert answer["proxies"].endswith("\n")
    assert len(answer["proxies"].split()) == answer["count"] == 3


@pytest.mark.parametrize(
    ("reading", "lines", "count"), [("full", 100, 100), ("fewer", 90, 90), ("wrong", 100, 101)]
)
def test_fewer_lines_may_come_and_the_count_may_be_wrong(sandbox, api, reading, lines, count):
    """C-066, C-067"""
    sandbox.switch(short_count=reading)
    as_json = order(api, quantity=100, format="json").json()
    as_list = order(api, quantity=100).json()
    assert len(as_json["proxies"]) == len(as_list["proxies"].split("\n")) == lines
    assert as_json["count"] == as_list["count"] == count
    assert order(api, quantity=1).json()["count"] == (2 if reading == "wrong" else 1)


def test_demo_lines_come_when_the_pool_is_empty_or_only_when_all_are(sandbox, api):
    """C-068, C-069"""
    sandbox.set_balance("premium", 0)
    assert order(api).json()["is_demo"] is True
    assert order(api, pool="mobile").json()["is_demo"] is False
    sandbox.switch(demo_scope="account")
    assert order(api).json()["is_demo"] is False
    sandbox.set_balance("mobile", 0)
    assert order(api).json()["is_demo"] is True
    sandbox.reset()


def test_a_batch_ends_at_once_when_its_key_is_revoked(sandbox):
    """C-013"""
    made = sandbox.make_key("proxies:generate")
    with (
        api_of(sandbox, made["key"]) as api,
        api.stream("POST", "/proxies", json={"quantity": 250_000}) as answer,
    ):
        pieces = answer.iter_raw(1_000)
        next(pieces)
        sandbox.revoke_key(made["id"])
        with pytest.raises(httpx.TransportError):
            list(pieces)


# Reads


def test_whole_gigabytes_are_written_with_a_point_or_without(sandbox, api):
    """C-091"""
    assert '"premium":2.0' in api.get("/balance").text
    sandbox.switch(integral_balances="6")
    assert '"premium":2,' in api.get("/balance").text


def test_balances_may_list_a_pool_that_nobody_else_does(sandbox, api):
    """C-093"""
    sandbox.switch(balance_sets_differ=True)
    assert list(api.get("/balance").json()["balances"]) == ["premium", "mobile", "retail_select"]
    assert list(api.get("/me").json()["balances"]) == ["premium"]
    assert [pool["id"] for pool in api.get("/pools").json()["pools"]] == ["premium", "mobile"]


@pytest.mark.parametrize(
    ("reading", "shown"), [("exact", 0.0), ("negative", -0.0003), ("null", None)]
)
def test_a_balance_that_is_used_up_may_be_negative_or_null(sandbox, api, reading, shown):
    """C-094"""
    sandbox.set_balance("premium", 0)
    sandbox.switch(empty_balance=reading)
    assert api.get("/balance").json()["balances"]["premium"] == shown
    assert api.get("/me").json()["balances"] == api.get("/balance").json()["balances"]
    sandbox.reset()


def test_pools_may_be_known_already(sandbox, api):
    """C-103"""
    assert "ETag" not in api.get("/pools").headers
    sandbox.switch(etag=True)
    first = api.get("/pools")
    again = api.get("/pools", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["RateLimit-Remaining"] == "117"
    assert first.headers["Cache-Control"] == "private, max-age=60"
    sandbox.patch_targeting(countries=["fr"])
    changed = api.get("/pools", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.json()["targeting"]["countries"] == ["fr"]


# Windows


def test_strangers_may_be_told_nothing_of_windows(sandbox):
    """C-123"""
    with api_of(sandbox, "rf_live_nobody") as api:
        assert api.get("/me").headers["RateLimit-Remaining"] == "120"
        assert order(api).headers["RateLimit-Limit"] == "20"
        sandbox.switch(headers_on_401="absent")
        assert "RateLimit-Limit" not in api.get("/me").headers


@pytest.mark.parametrize("skew", [-3_600, 0, 3_600])
def test_the_providers_clock_may_be_off_and_reset_less_date_never_is(sandbox, api, skew):
    """C-124"""
    sandbox.switch(clock_skew_seconds=skew)
    answer = api.get("/me")
    date = parsedate_to_datetime(answer.headers["Date"])
    assert abs((date - datetime.now(UTC)).total_seconds() - skew) < 5
    wait = int(answer.headers["RateLimit-Reset"]) - date.timestamp()
    assert 58 <= wait <= 61
    sandbox.switch(reset_form="epoch_ms")
    in_ms = int(api.get("/me").headers["RateLimit-Reset"])
    assert in_ms % 1_000 == 0
    assert abs(in_ms / 1_000 - date.timestamp() - 60) < 5
    sandbox.switch(reset_form="delta")
    assert 55 <= int(api.get("/me").headers["RateLimit-Reset"]) <= 60


def test_refused_calls_may_count_and_errors_may_not(sandbox, api):
    """C-128"""
    assert order(api, quantity=0).headers["RateLimit-Remaining"] == "19"
    sandbox.switch(count_errors="no")
    assert order(api, quantity=0).headers["RateLimit-Remaining"] == "19"
    assert order(api, pool="nowhere").headers["RateLimit-Remaining"] == "19"
    assert order(api).headers["RateLimit-Remaining"] == "18"


@pytest.mark.parametrize("algorithm", ["log", "log_1s", "counter", "fixed"])
def test_windows_are_counted_in_four_ways_changed_live(algorithm):
    """C-129, C-130"""
    with Sandbox(clock="virtual") as sandbox, api_of(sandbox) as api:
        limits = sandbox.limit(generate=3, window_seconds=10, algorithm=algorithm)["limits"]
        assert limits == {
            "generate": 3, "reads": 120, "window_seconds": 10.0, "algorithm": algorithm,
        }  # fmt: skip
        statuses = [order(api).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = order(api)
        sandbox.advance(float(refused.headers["Retry-After"]))
        assert order(api).status_code == 200
        assert sandbox.state()["violations"] == 2


def test_strangers_may_use_the_key():
    """C-132"""
    with Sandbox(clock="virtual") as sandbox, api_of(sandbox) as api:
        sandbox.foreign(600, seconds=3_600)
        sandbox.advance(6)
        left = int(api.get("/me").headers["RateLimit-Remaining"])
        assert 45 <= left <= 75
        assert sandbox.state()["foreign_calls"] == 119 - left
        sandbox.foreign(0)
        sandbox.advance(61)
        assert api.get("/me").headers["RateLimit-Remaining"] == "119"
        assert order(api).headers["RateLimit-Remaining"] == "19"
        assert sandbox.state()["violations"] == 0


# Errors and versions


def test_new_conditions_may_have_codes_of_their_own(sandbox, api):
    """C-142"""
    assert code_of(api.post("/proxies", content=b"{}", headers={"Content-Type": "text/plain"})) == (
        400, "invalid_request",
    )  # fmt: skip
    sandbox.switch(new_codes=True)
    assert code_of(api.post("/proxies", content=b"{}", headers={"Content-Type": "text/plain"})) == (
        422, "unprocessable_body",
    )  # fmt: skip
    assert code_of(order(api, quantity=418)) == (403, "teapot_mode")


def test_the_wording_may_change_and_code_and_status_do_not(sandbox):
    """C-143, C-144"""
    with api_of(sandbox, "rf_live_nobody") as api:
        before = api.get("/me")
        sandbox.switch(messages="reworded")
        after = api.get("/me")
    assert code_of(before) == code_of(after) == (401, "unauthorized")
    assert before.json()["error"]["message"] != after.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/balance", "/usage", "/pools", "/me"])
def test_answers_may_hold_more_than_is_documented(sandbox, api, path):
    """C-060, C-147"""
    before = api.get(path).json()
    sandbox.switch(extra_fields=True)
    after = api.get(path).json()
    assert after.pop("x_added") == {"since": "later"}
    assert set(after) == set(before)
    batch = order(api, format="json").json()
    assert "x_added" in batch
    assert "x_added" in batch["proxies"][0]
    assert "x_added" in order(api, quantity=0).json()["error"]


def test_an_end_may_be_announced(sandbox, api):
    """C-149"""
    assert not {"deprecation", "sunset"} & set(api.get("/me").headers)
    sandbox.switch(deprecation=True)
    headers = api.get("/me").headers
    assert headers["Deprecation"].startswith("@1")
    assert parsedate_to_datetime(headers["Sunset"]) > datetime.now(UTC)


def test_a_404_on_no_endpoint_may_be_a_page(sandbox, api):
    """C-150"""
    sandbox.switch(not_found_body="html")
    answer = api.get("/nowhere")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert code_of(order(api, pool="nowhere")) == (404, "pool_not_available")


def test_a_request_id_may_be_missing(sandbox, api):
    """C-151"""
    assert api.get("/me").headers["x-request-id"].startswith("sandbox-")
    sandbox.switch(request_id=False)
    assert "x-request-id" not in api.get("/me").headers


def test_keys_scopes_and_nothing_else_over_the_api(api):
    """C-016, C-107"""
    for path in ("/keys", "/keys/1", "/keys/1/revoke", "/account"):
        for method in ("GET", "POST", "DELETE"):
            assert api.request(method, path).status_code == 404
    assert api.get("/pools", params={"page": 2}).json() == api.get("/pools").json()


def test_switches_are_listed_with_their_questions_and_changed_by_control(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.control_token}"}
    with httpx.Client(base_url=sandbox.control, headers=headers, trust_env=False) as control:
        listed = control.get("/switches").json()["switches"]
        assert listed["metering"] == {
            "reading": "wire",
            "readings": ["wire", "after_connect", "payload"],
            "contract": "C-167",
            "question": "which bytes are billed",
        }
        refused = control.patch("/switches", json={"metering": "guess"})
        assert refused.status_code == 400
        assert "metering is one of wire" in refused.json()["error"]["message"]
        changed = control.patch("/switches", json={"metering": "payload"}).json()
        assert changed["switches"]["metering"]["reading"] == "payload"
        assert control.post("/reset").status_code == 200
        assert control.get("/switches").json()["switches"] == listed


def test_plaintext_is_still_http_one_dot_one_with_keep_alive(sandbox):
    """C-152"""
    host, port = urlsplit(sandbox.api).netloc.split(":")
    asked = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.key}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        for _ in range(2):
            sock.sendall(asked.encode())
            answer = b""
            while b"last4" not in answer or not answer.endswith(b"}}"):
                answer += sock.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] == 42


def test_the_authority_is_a_file_that_clients_can_trust(sandbox):
    assert "BEGIN CERTIFICATE" in Path(sandbox.ca).read_text()


# Names


def test_requests_are_in_camel_case_and_answers_in_snake_case(sandbox, api):
    """C-033"""
    asked = {"proxy_type": "sticky", "session_duration": 5}
    assert "premium-r-" in order(api, **asked).json()["proxies"], "unknown names, hence ignored"
    asked = {"proxyType": "sticky", "sessionDuration": 5}
    answer = order(api, **asked).json()
    assert "premium-s-any-any-5-" in answer["proxies"]
    assert "is_demo" in answer
    assert "proxy_types" in api.get("/pools").json()["pools"][0]


def test_orders_need_their_scope_and_count_in_their_own_group(sandbox):
    """C-030, C-018"""
    with api_of(sandbox, sandbox.make_key("usage:read", "pools:read")["key"]) as api:
        refused = order(api)
    assert code_of(refused) == (403, "insufficient_scope")
    assert "proxies:generate" in refused.json()["error"]["message"]
    assert refused.headers["RateLimit-Limit"] == "20"


def test_the_port_is_told_by_the_entries_alone(sandbox, api):
    """C-079"""
    assert all("port" not in pool for pool in api.get("/pools").json()["pools"])
    host, port = sandbox.gateway
    assert all(line.startswith(f"{host}:{port}:") for line in order(api).json()["proxies"].split())


def test_a_key_that_me_refuses_is_refused_for_good(sandbox):
    """C-106"""
    with api_of(sandbox, "rf_live_neverheardofthisone") as api:
        assert {api.get("/me").status_code for _ in range(3)} == {401}
        assert {api.get(path).status_code for path in ("/pools", "/balance")} == {401}


def test_whoever_does_not_back_off_is_counted(sandbox, api):
    """C-127"""
    sandbox.limit(generate=1)
    assert [order(api).status_code for _ in range(4)] == [200, 429, 429, 429]
    assert sandbox.state()["violations"] == 3
