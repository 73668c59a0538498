"""Other people's clients through the gateway, with credentials exactly as they were printed."""

import shutil
import subprocess

import httpx
import pytest

from rf_sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=11) as running:
        yield running


def order(sandbox, answer_format):
    answer = httpx.post(
        f"{sandbox.api}/proxies",
        headers={"Authorization": f"Bearer {sandbox.key}"},
        json={"quantity": 1, "format": answer_format},
        trust_env=False,
    )
    proxies = answer.raise_for_status().json()["proxies"]
    if answer_format == "json":
        (entry,) = proxies
        return "{username}:{password}@{host}:{port}".format(**entry)
    if answer_format == "userpass":
        return proxies.strip()
    host, port, user, password = proxies.strip().split(":", 3)
    return f"{user}:{password}@{host}:{port}"


@pytest.mark.parametrize("answer_format", ["list", "json", "userpass"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_curl_passes(sandbox, answer_format, secure):
    curl = shutil.which("curl")
    if curl is None:
        pytest.fail("this journey needs curl: install it, or run make test instead")
    site = sandbox.site_https if secure else sandbox.site_http
    proxy = f"http://{order(sandbox, answer_format)}"
    done = subprocess.run(
        [curl, "-sS", "--cacert", sandbox.ca, "-x", proxy, f"{site}/ip"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert '"ip": "127.' in done.stdout
    assert '"127.0.0.1"' not in done.stdout


@pytest.mark.parametrize("answer_format", ["list", "json", "userpass"])
def test_httpx_passes(sandbox, answer_format):
    proxy = f"http://{order(sandbox, answer_format)}"
    with httpx.Client(proxy=proxy, trust_env=False) as client:
        assert client.get(f"{sandbox.site_http}/ip").json()["ip"] != "127.0.0.1"
