import json

import httpx
import pytest
from support.sandboxes import api_of

from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def control(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.control_token}"}
    with httpx.Client(
        timeout=60, base_url=sandbox.control, headers=headers, trust_env=False
    ) as client:
        yield client


ROUTES = [
    ("GET", "/state"),
    ("GET", "/traffic"),
    ("GET", "/journal"),
    ("POST", "/top-up"),
    ("POST", "/account"),
    ("POST", "/keys"),
    ("POST", "/keys/1/revoke"),
    ("PATCH", "/pools/premium"),
    ("PATCH", "/targeting"),
    ("PATCH", "/limits"),
    ("POST", "/reset"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic {}", "{}x"])
def test_nobody_gets_in_without_the_token(sandbox, method, path, token):
    headers = {"Authorization": token.format(sandbox.control_token)}
    before = sandbox.state()
    answer = httpx.request(method, sandbox.control + path, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert sandbox.state() == before


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:80", ""])
def test_a_host_that_is_not_this_machine_is_refused(control, host):
    """DNS rebinding."""
    assert control.get("/state", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_every_name_of_this_machine_is_accepted(control, host):
    assert control.get("/state", headers={"Host": host}).status_code == 200


def test_state_has_exact_balances_and_no_secret(control, sandbox):
    document = control.get("/state").json()
    assert document == sandbox.state()
    assert document["violations"] == 0
    assert all(isinstance(count, int) for count in document["balances_bytes"].values())
    assert document["keys"][0]["last4"] == sandbox.key[-4:]
    assert sandbox.key not in json.dumps(document)
    assert document["limits"] == {
        "generate": 20,
        "reads": 120,
        "window_seconds": 60.0,
        "algorithm": "log",
    }


def test_a_top_up_adds_to_the_byte(control, sandbox):
    before = sandbox.state()["balances_bytes"]["premium"]
    answer = control.post("/top-up", json={"pool": "premium", "bytes": 12_345})
    assert answer.json()["balances_bytes"]["premium"] == before + 12_345
    sandbox.set_balance("premium", before)


def test_windows_show_who_used_what(control, api):
    api.get("/me")
    api.get("/me")
    assert control.get("/state").json()["windows"] == {"1/reads": {"limit": 120, "used": 2}}


def test_keys_are_made_with_their_secret_told_once_and_revoked(control, sandbox):
    made = control.post("/keys", json={"name": "mine", "scopes": ["usage:read"]}).json()
    with api_of(sandbox, made["key"]) as api:
        assert api.get("/me").json()["key"]["name"] == "mine"
        assert control.post(f"/keys/{made['id']}/revoke").status_code == 200
        assert api.get("/me").status_code == 401
    assert made["key"] not in control.get("/state").text
    default = control.post("/keys").json()
    assert default["scopes"] == ["proxies:generate", "usage:read", "pools:read"]


def test_the_account_the_pools_and_the_targeting_change(control, api, sandbox):
    """C-019, C-049, C-043"""
    control.post("/account", json={"disabled": True})
    assert api.get("/me").status_code == 403
    control.post("/account", json={"disabled": False})
    control.patch("/pools/premium", json={"proxy_types": ["mobile_sticky"], "label": "Phones"})
    control.patch("/targeting", json={"countries": ["fr"], "carriers": ["acme"]})
    document = api.get("/pools").json()
    assert document["pools"][0]["proxy_types"] == ["mobile_sticky"]
    assert document["pools"][0]["label"] == "Phones"
    assert document["targeting"]["countries"] == ["fr"]
    assert document["targeting"]["carriers"] == ["acme"]
    assert document["targeting"]["us_states"] == ["CA", "TX", "NY", "FL", "WA"]
    order = {"quantity": 1, "country": "fr", "proxyType": "mobile_sticky"}
    assert api.post("/proxies", json=order).status_code == 200
    assert api.post("/proxies", json={"quantity": 1}).status_code == 400


BAD = [
    ("POST", "/top-up", {"pool": "premium", "bytes": 0}),
    ("POST", "/top-up", {"pool": "premium", "bytes": -5}),
    ("POST", "/top-up", {"pool": "premium", "bytes": 1.5}),
    ("POST", "/top-up", {"pool": "premium", "bytes": True}),
    ("POST", "/top-up", {"pool": "nowhere", "bytes": 1}),
    ("POST", "/top-up", {"pool": "premium", "byte": 1}),
    ("POST", "/top-up", {}),
    ("POST", "/top-up", [1]),
    ("POST", "/account", {}),
    ("POST", "/account", {"disabled": "yes"}),
    ("POST", "/keys", {"scopes": ["everything"]}),
    ("POST", "/keys", {"scopes": "usage:read"}),
    ("POST", "/keys/99/revoke", {}),
    ("PATCH", "/pools/nowhere", {}),
    ("PATCH", "/pools/premium", {"balance_bytes": "much"}),
    ("PATCH", "/pools/premium", {"balance_bytes": 5, "proxy_types": ["warp"]}),
    ("PATCH", "/pools/premium", {"colour": "red"}),
    ("PATCH", "/targeting", {"countries": "us"}),
    ("PATCH", "/targeting", {"carriers": ["a"], "countries": [1]}),
    ("PATCH", "/limits", {"generate": 0}),
    ("PATCH", "/limits", {"generate": 3, "reads": "many"}),
    ("PATCH", "/limits", {"window_seconds": 0}),
    ("PATCH", "/limits", {"algorithm": "guess"}),
    ("GET", "/traffic?since=x", None),
    ("GET", "/journal?since=", None),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD, ids=str)
def test_what_makes_no_sense_is_400_in_words_and_changes_nothing(
    control, sandbox, method, path, body
):
    before = sandbox.state()
    answer = control.request(method, path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert sandbox.state() == before


def test_unknown_names_are_named(control):
    answer = control.patch("/limits", json={"generate": 5, "speed": 1})
    assert "speed" in answer.json()["error"]["message"]


def test_a_body_that_is_no_json_is_400(control):
    for raw in (b"{", b"\xff", b"[" * 50_000, b"1", b'"x"'):
        assert control.post("/top-up", content=raw).status_code == 400


def test_limits_may_be_changed_one_at_a_time(control):
    control.patch("/limits", json={"generate": 5})
    control.patch("/limits", json={"window_seconds": 1.5})
    limits = control.get("/state").json()["limits"]
    assert limits == {
        "generate": 5,
        "reads": 120,
        "window_seconds": 1.5,
        "algorithm": "log",
    }


def test_a_reset_makes_everything_as_it_was(sandbox, control, api, proxies, wire):
    before = sandbox.state()
    [user] = proxies()
    line = wire()
    line.get(f"{sandbox.site_http}/bytes/100000", user)
    line.connect("localhost", int(sandbox.site_http.rsplit(":", 1)[1]), user)
    sandbox.disable_account()
    sandbox.make_key("usage:read")
    sandbox.limit(generate=1, window_seconds=5)
    sandbox.patch_pool("mobile", balance_bytes=7, proxy_types=["rotating"], label="x")
    control.patch("/targeting", json={"countries": []})
    assert control.post("/reset").json() == before
    assert sandbox.traffic()["traffic"] == sandbox.journal()["calls"] == []
    assert line.get_inside("/ip", "localhost").status == 200, "a tunnel lives on, uncounted"
    assert sandbox.state()["balances_bytes"] == before["balances_bytes"]
    assert len(api.get("/pools").json()["targeting"]["countries"]) == 6


def test_methods_of_the_library_answer_as_the_control_api(sandbox, control, api):
    api.get("/me")
    assert sandbox.journal() == control.get("/journal").json()
    assert sandbox.traffic() == control.get("/traffic").json()
    assert sandbox.limit(reads=7)["limits"] == control.get("/state").json()["limits"]


def test_a_sandbox_that_does_not_run_says_so():
    closed = Sandbox()
    with pytest.raises(RuntimeError, match="with statement"):
        closed.state()
    with Sandbox() as opened:
        pass
    opened.close()
    with pytest.raises(RuntimeError, match="not running"):
        opened.state()


def test_the_sites_log_tells_who_asked_for_what(sandbox, wire, proxies):
    (credential,) = proxies(1)
    exits = [
        wire().get(f"{sandbox.site_http}/bytes/{n}", credential).status and n for n in (1, 2, 3)
    ]
    log = sandbox.site_log()["requests"]
    assert [entry["target"] for entry in log] == [f"/bytes/{n}" for n in exits]
    rows = sandbox.traffic()["traffic"]
    assert [entry["client"] for entry in log] == [row["exit"] for row in rows]
    assert sandbox.site_log(log[1]["seq"])["requests"] == log[2:]
