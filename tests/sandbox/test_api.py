import gzip
import json
import re
import socket
import threading
import time
from dataclasses import replace

import httpx
import pytest
from support.sandboxes import TurnedClock, api_of

from rf_sandbox.accounts import GIGABYTE, Pool
from rf_sandbox.api import ENDPOINTS
from rf_sandbox.clock import Clock
from rf_sandbox.sandbox import Sandbox

CALLS = {
    "/proxies": ("POST", "generate", "proxies:generate"),
    "/balance": ("GET", "reads", "usage:read"),
    "/usage": ("GET", "reads", "usage:read"),
    "/pools": ("GET", "reads", "pools:read"),
    "/me": ("GET", "reads", None),
}
LIMITS = {"generate": 20, "reads": 120}
SCOPED = [path for path, (_, _, scope) in CALLS.items() if scope]


def call(client, path, **options):
    return client.request(CALLS[path][0], path, **options)


def code_of(answer):
    assert set(answer.json()) == {"error"}, "C-140"
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()["error"]["code"]


# What the endpoints say


def test_proxies_answers_with_six_fields(api, sandbox):
    """C-060, C-061, C-062, C-038, C-035"""
    answer = api.post("/proxies", json={"quantity": 3})
    document = answer.json()
    assert answer.status_code == 200
    text = document.pop("proxies")
    assert document == {
        "count": 3,
        "country": None,
        "is_demo": False,
        "pool": sandbox.state()["account"]["default_pool"],
        "format": "list",
    }
    lines = text.split("\n")
    assert len(lines) == len(set(lines)) == 3
    for line in lines:
        host, port, username, password = line.split(":")
        assert (host, int(port)) == sandbox.gateway
        assert username
        assert password


def test_an_empty_order_is_five_thousand(api):
    """C-031, C-032, C-039"""
    for options in ({}, {"json": {}}, {"content": b" \n"}, {"json": None}):
        document = api.post("/proxies", **options).json()
        assert (document["count"], len(document["proxies"].split("\n"))) == (5_000, 5_000)


def test_json_gives_objects_and_userpass_gives_authorities(api, sandbox):
    """C-061, C-064, C-065, C-066, C-076"""
    host, port = sandbox.gateway
    order = {"quantity": 2, "country": "de", "proxyType": "sticky", "sessionDuration": 30}
    document = api.post("/proxies", json={**order, "format": "json"}).json()
    assert (document["format"], document["country"], document["count"]) == ("json", "de", 2)
    for entry in document["proxies"]:
        assert set(entry) == {"host", "port", "username", "password"}
        assert (entry["host"], entry["port"]) == (host, port)
    document = api.post("/proxies", json={**order, "format": "userpass"}).json()
    lines = document["proxies"].split("\n")
    assert len(lines) == 2
    assert all(re.fullmatch(rf"[^:@]+:[^:@]+@{re.escape(host)}:{port}", line) for line in lines)


@pytest.mark.parametrize("shape", ["list", "json"])
def test_a_quarter_of_a_million_keeps_nobody_waiting(api, sandbox, shape):
    """C-039, C-077: other calls are answered while one is generated."""
    waits = []
    done = threading.Event()

    def look():
        with api_of(sandbox) as other:
            while not done.is_set():
                began = time.perf_counter()
                assert other.get("/me").status_code in {200, 429}
                waits.append(time.perf_counter() - began)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        headers = {"Accept-Encoding": "identity"}
        body = {"quantity": 250_000, "format": shape}
        answer = api.post("/proxies", json=body, headers=headers)
    finally:
        done.set()
        looker.join()
    document = json.loads(answer.content)
    names = (
        document["proxies"].split("\n")
        if shape == "list"
        else [entry["username"] for entry in document["proxies"]]
    )
    assert document["count"] == len(names) == len(set(names)) == 250_000
    assert len(waits) > 10, "the looker was answered throughout"


def test_it_is_compressed_for_those_who_ask(sandbox):
    """C-078"""
    host, port = sandbox.api.removeprefix("http://").split("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(
            f"POST /api/v1/proxies HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n"
            f"Authorization: Bearer {sandbox.key}\r\nConnection: close\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        data = b""
        while piece := sock.recv(65_536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    plain = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        plain += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    assert json.loads(gzip.decompress(plain))["count"] == 5_000
    assert len(data) < 5_000 * 60


def test_balances_are_gigabytes_to_four_decimals_half_to_even(api, sandbox):
    """C-090, C-091, C-092"""
    before = sandbox.state()["balances_bytes"]
    sandbox.set_balance("premium", 12 * GIGABYTE + GIGABYTE // 2)
    sandbox.set_balance("mobile", -322_123)
    assert api.get("/balance").json() == {"balances": {"premium": 12.5, "mobile": -0.0003}}
    exactly_half = GIGABYTE // 2**5  # 0.03125 lies between 0.0312 and 0.0313
    sandbox.set_balance("mobile", exactly_half)
    assert api.get("/balance").json()["balances"]["mobile"] == 0.0312
    for pool, count in before.items():
        sandbox.set_balance(pool, count)


def test_pools_tell_what_may_be_ordered(api, sandbox):
    """C-101, C-049"""
    document = api.get("/pools").json()
    assert set(document) == {"pools", "targeting"}
    assert len(document["pools"]) >= 2
    for pool in document["pools"]:
        assert set(pool) == {"id", "label", "host", "proxy_types"}
        assert pool["host"] == sandbox.gateway[0]
    assert {"rotating", "sticky"} <= set(document["pools"][0]["proxy_types"])
    assert document["pools"][0]["proxy_types"] != document["pools"][1]["proxy_types"]
    assert document["targeting"] == {
        "countries": ["us", "gb", "de", "ca", "jp", "au"],
        "us_states": ["CA", "TX", "NY", "FL", "WA"],
        "session_minutes": {"min": 1, "max": 1_440},
        "carriers": [],
    }


def test_me_says_who_and_what_the_key_may(api, sandbox):
    """C-105, C-023, C-017"""
    document = api.get("/me").json()
    assert set(document) == {"id", "username", "scopes", "balances", "key"}
    assert isinstance(document["id"], int)
    assert document["scopes"] == ["proxies:generate", "usage:read", "pools:read"]
    assert document["key"] == {
        "name": "Sandbox key",
        "prefix": "rf_live_",
        "last4": sandbox.key[-4:],
    }
    assert set(document["balances"]) == set(sandbox.state()["balances_bytes"])


def test_a_limit_beyond_a_hundred_domains_is_invalid(api):
    """C-095, C-096"""
    assert api.get("/usage", params={"limit": 100}).json() == {"top_domains": []}
    for query in ("limit=0", "limit=101", "limit=abc", "limit=", "limit=5&limit=5"):
        assert code_of(api.get(f"/usage?{query}")) == (400, "invalid_request")


# Keys


def authorizations(key):
    return {
        "none": [],
        "no scheme": [key],
        "another scheme": [f"Basic {key}"],
        "no token": ["Bearer"],
        "a blank token": ["Bearer \t."],
        "an unknown key": [f"Bearer {key}x"],
        "a key with a blank before it": [f"Bearer  {key}"],
        "a key with a tab after it": [f"Bearer {key}\tx"],
        "two tokens": [f"Bearer {key} {key}"],
        "two headers": [f"Bearer {key}", f"Bearer {key}"],
    }


@pytest.mark.parametrize("case", authorizations(""))
@pytest.mark.parametrize("path", CALLS)
def test_without_exactly_one_known_key_it_is_401(sandbox, case, path):
    """C-008, C-010, C-011, C-123"""
    headers = [("Authorization", value) for value in authorizations(sandbox.key)[case]]
    method, group, _ = CALLS[path]
    answer = httpx.request(method, sandbox.api + path, headers=headers, trust_env=False)
    assert code_of(answer) == (401, "unauthorized")
    assert answer.headers["RateLimit-Remaining"] == str(LIMITS[group])


def test_the_scheme_is_read_in_any_case(sandbox):
    """C-008, C-009"""
    assert sandbox.key.startswith("rf_live_")
    assert len(sandbox.key) >= 28
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {sandbox.key}"}
        assert (
            httpx.get(f"{sandbox.api}/me", headers=headers, trust_env=False, timeout=60).status_code
            == 200
        )


def test_a_revoked_key_is_refused_at_the_very_next_call(sandbox, api):
    """C-013"""
    made = sandbox.make_key("usage:read")
    with api_of(sandbox, made["key"]) as client:
        assert client.get("/balance").status_code == 200
        sandbox.revoke_key(made["id"])
        assert code_of(client.get("/balance")) == (401, "unauthorized")
    assert api.get("/me").status_code == 200


def test_a_key_revoked_while_its_order_is_on_the_way_is_refused(sandbox):
    """C-013"""
    made = sandbox.make_key("proxies:generate")

    def body():
        yield b'{"quantity":'
        sandbox.revoke_key(made["id"])
        yield b"1}"

    with api_of(sandbox, made["key"]) as client:
        headers = {"Content-Type": "application/json"}
        answer = client.post("/proxies", content=body(), headers=headers)
    assert code_of(answer) == (401, "unauthorized")


def test_ten_keys_and_no_eleventh_until_one_is_given_up(sandbox):
    """C-012"""
    keys = [sandbox.make_key("usage:read") for _ in range(9)]
    with pytest.raises(ValueError, match="10 keys"):
        sandbox.make_key("usage:read")
    sandbox.revoke_key(keys[0]["id"])
    assert sandbox.make_key("usage:read")["key"] not in {key["key"] for key in keys}


@pytest.mark.parametrize("missing", SCOPED)
def test_a_missing_scope_is_403_and_named(sandbox, missing):
    """C-014, C-018"""
    needed = CALLS[missing][2]
    others = [scope for path in SCOPED if (scope := CALLS[path][2]) != needed]
    made = sandbox.make_key(*dict.fromkeys(others))
    with api_of(sandbox, made["key"]) as client:
        for path, (_, _, scope) in CALLS.items():
            answer = call(client, path)
            if scope == needed:
                assert code_of(answer) == (403, "insufficient_scope")
                assert needed in answer.json()["error"]["message"]
            else:
                assert answer.status_code == 200


def test_a_key_without_scopes_still_knows_itself(sandbox):
    """C-015, C-017"""
    with api_of(sandbox, sandbox.make_key()["key"]) as client:
        document = client.get("/me").json()
        assert document["scopes"] == []
        assert document["balances"]


@pytest.mark.parametrize("path", CALLS)
def test_a_suspended_account_is_refused_everywhere_and_at_once(sandbox, api, path):
    """C-019, C-020, C-021"""
    sandbox.disable_account()
    answer = call(api, path)
    assert code_of(answer) == (403, "account_disabled")
    assert answer.headers["RateLimit-Remaining"] == str(LIMITS[CALLS[path][1]] - 1), "C-128"
    with api_of(sandbox, "rf_live_unknown") as stranger:
        assert code_of(call(stranger, path)) == (401, "unauthorized")
    sandbox.disable_account(disabled=False)
    assert call(api, path).status_code == 200


# Windows


@pytest.mark.parametrize("path", CALLS)
def test_every_answer_carries_the_window(api, path):
    """C-122, C-124, C-126, C-151"""
    limit = LIMITS[CALLS[path][1]]
    began = time.time()
    answer = call(api, path)
    assert answer.headers["RateLimit-Limit"] == str(limit)
    assert answer.headers["RateLimit-Remaining"] == str(limit - 1)
    assert began + 58 < int(answer.headers["RateLimit-Reset"]) < time.time() + 62
    assert "Retry-After" not in answer.headers
    assert answer.headers["x-request-id"]


def test_the_twenty_first_order_of_a_minute_is_429(sandbox, api):
    """C-121, C-126, C-131"""
    for _ in range(20):
        assert api.post("/proxies", json={"quantity": 1}).status_code == 200
    answer = api.post("/proxies", json={"quantity": 1})
    assert code_of(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert api.get("/me").status_code == 200, "C-133"
    assert sandbox.state()["violations"] == 1


def test_reads_share_one_window_and_keys_do_not(sandbox, api):
    """C-120, C-121"""
    sandbox.limit(reads=8)
    for path in ("/me", "/pools", "/balance", "/usage") * 2:
        assert api.get(path).status_code == 200
    assert code_of(api.get("/balance")) == (429, "rate_limited")
    with api_of(sandbox, sandbox.make_key("usage:read")["key"]) as other:
        assert other.get("/balance").status_code == 200


def test_answers_that_are_errors_count_and_429s_do_not(sandbox, api):
    """C-128, C-021"""
    made = sandbox.make_key("usage:read")
    sandbox.limit(generate=3)
    with api_of(sandbox, made["key"]) as client:
        remaining = [
            call(client, "/proxies", json={"quantity": 0}).headers["RateLimit-Remaining"]
            for _ in range(3)
        ]
        assert remaining == ["2", "1", "0"], "refused for its scope, and counted"
        assert code_of(call(client, "/proxies")) == (429, "rate_limited"), "before its scope"
    bodies = ({"quantity": 0}, {"pool": "nowhere"}, {"quantity": 1})
    codes = [api.post("/proxies", json=body).status_code for body in bodies]
    assert codes == [400, 404, 200]
    assert api.post("/proxies", json={"quantity": 1}).status_code == 429


def test_limits_and_the_windows_length_change_while_it_runs(clock):
    """C-130, C-120"""
    with Sandbox(clock=Clock(source=clock)) as sandbox, api_of(sandbox) as api:
        sandbox.limit(generate=2, window_seconds=10)
        statuses = [api.post("/proxies", json={"quantity": 1}).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = api.post("/proxies", json={"quantity": 1})
        assert refused.headers["Retry-After"] == "10"
        assert refused.headers["RateLimit-Limit"] == "2"
        assert int(refused.headers["RateLimit-Reset"]) == clock.now + 10
        clock.now += 9.9
        assert api.post("/proxies", json={"quantity": 1}).status_code == 429
        clock.now += 0.1
        assert api.post("/proxies", json={"quantity": 1}).status_code == 200
        sandbox.limit(generate=5)
        assert api.post("/proxies", json={"quantity": 1}).headers["RateLimit-Remaining"] == "3"


# Demo


def test_an_empty_pool_gives_demo_credentials_and_a_top_up_ends_it(sandbox, api):
    """C-068, C-069, C-071"""
    sandbox.set_balance("premium", 0)
    answer = api.post("/proxies", json={"quantity": 4, "format": "json"})
    document = answer.json()
    assert (answer.status_code, document["is_demo"], document["count"]) == (200, True, 4)
    assert set(document) == {"proxies", "count", "country", "is_demo", "pool", "format"}
    assert all(set(one) == {"host", "port", "username", "password"} for one in document["proxies"])
    other = api.post("/proxies", json={"quantity": 1, "pool": "mobile"}).json()
    assert not other["is_demo"], "the other pool has a balance of its own"
    sandbox.top_up("premium", 1)
    assert not api.post("/proxies", json={"quantity": 1}).json()["is_demo"]
    sandbox.set_balance("premium", sandbox.granted["premium"])


def test_generating_costs_nothing(sandbox, api):
    """C-053"""
    before = sandbox.state()["balances_bytes"]
    api.post("/proxies", json={"quantity": 1_000})
    assert sandbox.state()["balances_bytes"] == before


# Errors


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"json": {"quantity": 0}}, (400, "invalid_request")),
        ({"json": []}, (400, "invalid_request")),
        ({"json": {"pool": "nowhere"}}, (404, "pool_not_available")),
        ({"json": {"pool": "premium", "proxyType": "mobile_sticky"}}, (400, "invalid_request")),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}},
         (400, "invalid_request")),
        ({"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}},
         (400, "invalid_request")),
        ({"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
         (400, "invalid_request")),
        ({"content": b'{"quantity": 1}', "headers": {"Content-Type": "text/plain"}},
         (400, "invalid_request")),
        ({"content": b" " * 2_000_000, "headers": {"Content-Type": "application/json"}},
         (400, "invalid_request")),
    ],
    ids=lambda value: None if isinstance(value, tuple) else str(value)[:30],
)  # fmt: skip
def test_a_body_that_cannot_be_served(api, body, answer):
    """C-006, C-032, C-141"""
    assert code_of(api.post("/proxies", **body)) == answer


def test_the_media_type_may_say_its_charset(api):
    """C-006"""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = api.post("/proxies", content=b'{"quantity": 1}', headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/", "/keys", "/me/", "/proxies/1", "//me", "/../me", "/ME", "/me%2f"]
)
def test_any_other_path_is_404_with_an_envelope(api, path):
    """C-016, C-108, C-150"""
    answer = api.get(sandbox_url(api, path))
    assert code_of(answer) == (404, "not_found")
    assert answer.headers["RateLimit-Limit"]


def sandbox_url(api, path):
    return f"{str(api.base_url).rstrip('/')}{path}"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "POST"])
@pytest.mark.parametrize("path", CALLS)
def test_any_other_method_is_405_and_says_which_is_allowed(api, method, path):
    """C-108"""
    allowed = CALLS[path][0]
    answer = api.request(method, path)
    if method == allowed:
        assert answer.status_code == 200
        return
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed
    assert method == "HEAD" or code_of(answer) == (405, "method_not_allowed")


def test_what_fails_inside_is_500_with_an_envelope_and_the_window(api, monkeypatch):
    """C-141, C-145, C-122"""

    def fail(*_):
        raise ZeroDivisionError

    broken = replace(ENDPOINTS["/me"], answer=fail)
    monkeypatch.setitem(ENDPOINTS, "/me", broken)
    answer = api.get("/me")
    assert code_of(answer) == (500, "internal_error")
    assert answer.headers["RateLimit-Remaining"] == "119"


def test_a_caller_who_hangs_up_midway_disturbs_nobody(sandbox, api):
    host, port = sandbox.api.removeprefix("http://").split("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(
            f"POST /api/v1/proxies HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {sandbox.key}\r\nContent-Length: 50\r\n\r\n{{".encode()
        )
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(
            f"POST /api/v1/proxies HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {sandbox.key}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert api.get("/me").status_code == 200


def test_a_host_header_cannot_change_what_is_called(api):
    """The path is the request line's, whatever else is sent."""
    answer = api.get("/nothing", headers={"Host": "x/api/v1/me?"})
    assert answer.status_code == 404


# Journal and account


def test_the_journal_has_every_call_and_no_secret(sandbox, api):
    api.get("/me")
    api.post("/proxies", json={"quantity": 0})
    httpx.get(f"{sandbox.api}/usage?limit=5", trust_env=False, timeout=60)
    calls = sandbox.journal()["calls"]
    assert [(one["method"], one["path"], one["status"], one["key_last4"]) for one in calls] == [
        ("GET", "/api/v1/me", 200, sandbox.key[-4:]),
        ("POST", "/api/v1/proxies", 400, sandbox.key[-4:]),
        ("GET", "/api/v1/usage", 401, ""),
    ]
    assert [one["seq"] for one in sandbox.journal(since=1)["calls"]] == [2, 3]
    assert sandbox.key not in json.dumps(calls)


def test_the_default_account_is_two_pools_of_a_gigabyte_or_more(sandbox):
    balances = sandbox.state()["balances_bytes"]
    assert len(balances) >= 2
    assert all(count >= GIGABYTE for count in balances.values())
    assert len(set(balances.values())) == len(balances)


def test_another_account_can_be_brought_along():
    pools = [Pool("solo", "Solo", ["rotating"], 5_000)]
    with Sandbox(pools=pools, clock=Clock(source=TurnedClock())) as sandbox, api_of(sandbox) as api:
        assert api.get("/balance").json() == {"balances": {"solo": 0.0}}
        assert api.post("/proxies", json={"quantity": 1}).json()["pool"] == "solo"


def test_the_same_seed_makes_the_same_key_and_another_seed_another():
    keys = []
    for seed in (1, 1, 2):
        with Sandbox(seed=seed) as sandbox:
            keys.append(sandbox.key)
    assert keys[0] == keys[1] != keys[2]
