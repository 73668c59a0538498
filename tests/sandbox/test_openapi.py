"""The OpenAPI document against those who live by one: a validator, a fuzzer, a generated client."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from support.sandboxes import api_of

from rf_sandbox.accounts import Account, Pool, default_pools
from rf_sandbox.openapi import order_schema
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import PROFILES, of_profile
from rf_sandbox.validation import RefusedError, read_order

COMMANDS = Path(sys.executable).parent

USE_THE_CLIENT = """
import sys
from resi_client import AuthenticatedClient
from resi_client.api.default import generate_proxies, get_balance, get_me, get_pools, get_usage
from resi_client.models import Batch, Error, Order

with AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2]) as client:
    assert get_balance.sync(client=client).balances["premium"] == 2.0
    assert get_usage.sync(client=client, limit=5).top_domains == []
    assert [pool.id for pool in get_pools.sync(client=client).pools] == ["premium", "mobile"]
    assert get_me.sync(client=client).key.last4 == sys.argv[2][-4:]
    order = {"quantity": 2, "format": "json", "proxyType": "sticky", "sessionDuration": 3}
    batch = generate_proxies.sync(client=client, body=Order.from_dict(order))
    assert isinstance(batch, Batch) and len(batch.proxies) == 2 and batch.proxies[0].port
    refused = generate_proxies.sync(client=client, body=Order.from_dict({"quantity": 0}))
    assert isinstance(refused, Error) and refused.error.code == "invalid_request"
"""


def specification_of(sandbox, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(timeout=60, base_url=sandbox.api, trust_env=False, headers=headers) as client:
        return client.get("/openapi.json")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_document_is_openapi_3_1_in_both_profiles(profile):
    """C-004"""
    with Sandbox(profile=profile) as sandbox:
        document = specification_of(sandbox, sandbox.key).json()
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_it_needs_no_key_and_counts_nowhere(sandbox, api):
    """C-005, C-134, C-153"""
    answer = specification_of(sandbox)
    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers
    assert answer.json()["info"]["version"] == "1.0.0"
    with_key = specification_of(sandbox, sandbox.key)
    assert with_key.headers["RateLimit-Remaining"] == "120"
    assert api.get("/me").headers["RateLimit-Remaining"] == "119"


def test_it_may_need_a_key(sandbox):
    """C-005"""
    sandbox.switch(openapi_auth="yes")
    assert specification_of(sandbox).status_code == 401
    assert specification_of(sandbox, sandbox.key).status_code == 200


def test_its_choices_are_those_of_the_moment(sandbox):
    """C-049, C-004"""
    sandbox.patch_targeting(countries=["fr"], session_minutes={"min": 5, "max": 50})
    sandbox.patch_pool("mobile", accessible=False)
    order = specification_of(sandbox).json()["components"]["schemas"]["Order"]
    assert order["properties"]["country"]["enum"] == ["fr"]
    assert order["properties"]["pool"]["enum"] == ["premium"]
    assert {"type": "integer", "minimum": 5, "maximum": 50}.items() <= order["allOf"][1]["then"][
        "properties"
    ]["sessionDuration"].items()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"quantity": 10.0},
        {"quantity": 0},
        {"quantity": 418},
        {"country": "us", "state": "CA"},
        {"country": "us", "state": "ca"},
        {"country": "de", "state": "CA"},
        {"state": "CA"},
        {"proxyType": "sticky", "sessionDuration": 0},
        {"proxyType": "rotating", "sessionDuration": 0},
        {"proxyType": "rotating", "sessionDuration": 5},
        {"pool": "phones"},
        {"pool": "phones", "proxyType": "mobile_rotating"},
        {"pool": "phones", "proxyType": "mobile_rotating", "country": "gb"},
        {"pool": "premium", "proxyType": "mobile_rotating"},
        {"pool": "nowhere"},
        {"flavour": "mint"},
    ],
    ids=str,
)
def test_it_says_of_an_order_what_the_api_says(profile, body):
    """C-004, C-040, C-043, C-045, C-047"""
    pools = default_pools()
    pools["phones"] = Pool("phones", "Phones", ["mobile_rotating", "mobile_sticky"], 1)
    pools["phones"].excluded_countries = ["gb"]
    account, switches = Account(1, "somebody", pools), of_profile(profile)
    said = Draft202012Validator(order_schema(account, switches)).is_valid(body)
    try:
        read_order(body, account, switches)
    except RefusedError:
        assert not said
    else:
        assert said


@pytest.mark.parametrize("profile", PROFILES)
def test_a_fuzzer_that_reads_it_finds_nothing(profile, tmp_path):
    """C-004, C-007, C-108, C-140"""
    with Sandbox(profile=profile) as sandbox:
        sandbox.limit(generate=1_000_000, reads=1_000_000)
        done = subprocess.run(
            [
                COMMANDS / "schemathesis", "run", f"{sandbox.api}/openapi.json",
                "--checks", "all", "--max-examples", "25", "--seed", "7",
                "--header", f"Authorization: Bearer {sandbox.key}",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert sandbox.state()["violations"] == 0
    assert done.returncode == 0, done.stdout[-6_000:]
    assert "No issues found" in done.stdout
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout, done.stdout[-3_000:]


def test_a_generated_client_works(tmp_path):
    """C-004"""
    with Sandbox() as sandbox:
        document = tmp_path / "openapi.json"
        document.write_bytes(specification_of(sandbox).content)
        made = subprocess.run(
            [
                COMMANDS / "openapi-python-client", "generate", "--path", document,
                "--output-path", tmp_path / "resi_client", "--meta", "none",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout
        used = subprocess.run(
            [sys.executable, "-c", USE_THE_CLIENT, sandbox.api, sandbox.key],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert used.returncode == 0, used.stderr


@pytest.mark.parametrize("missing", ["no pools", "no types", "no countries"])
def test_an_account_with_next_to_nothing_still_has_a_document(missing, sandbox):
    """C-104"""
    if missing == "no countries":
        sandbox.patch_targeting(countries=[], us_states=[])
    for pool in ("premium", "mobile"):
        if missing == "no pools":
            sandbox.patch_pool(pool, accessible=False)
        if missing == "no types":
            sandbox.patch_pool(pool, proxy_types=[])
    validate(specification_of(sandbox).json())
    with api_of(sandbox) as api:
        listed = api.get("/pools").json()
        status = api.post("/proxies", json={"quantity": 1}).status_code
    assert status == {"no pools": 404, "no types": 400, "no countries": 200}[missing]
    assert (listed["pools"] == []) is (missing == "no pools")
