"""Other people's clients through the gateway, with credentials exactly as they were printed.

Each is let through over http and https in all three formats, under both profiles: the adverse one
prints passwords that hold `:`, `@`, `/`, `%` and `#`, which a proxy URL must percent-encode.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from urllib.parse import quote

import aiohttp
import httpx
import pytest
import requests
from support.sandboxes import settled_of

from rf_sandbox.sandbox import Sandbox

FORMATS = ["list", "userpass", "json"]
SECONDS = 20

NODE = """
const http = require("http"), tls = require("tls"), fs = require("fs");
const [host, port, user, password, url, ca] = process.argv.slice(1);
const auth = "Basic " + Buffer.from(user + ":" + password).toString("base64");
const headers = { "Proxy-Authorization": auth };
const show = (answer) => answer.pipe(process.stdout);
const target = new URL(url);
if (target.protocol === "http:") {
  http.get({ host, port, path: url, headers: { ...headers, Host: target.host } }, show);
} else {
  http.request({ host, port, method: "CONNECT", path: target.host, headers }).on(
    "connect", (answer, socket) => {
      if (answer.statusCode !== 200) throw new Error("CONNECT " + answer.statusCode);
      const createConnection = () =>
        tls.connect({ socket, servername: target.hostname, ca: fs.readFileSync(ca) });
      http.get({ host: target.hostname, path: target.pathname, createConnection }, show);
    }).end();
}
"""


@pytest.fixture(scope="module", params=["documented", "adverse"])
def sandbox(request):
    with Sandbox(seed=11, profile=request.param) as running:
        running.switch(short_count="full", metering="wire")
        yield running


@pytest.fixture(params=FORMATS)
def credential(request, sandbox):
    """Host, port, user name and password, read by the documented rule of a format."""
    answer = httpx.post(
        f"{sandbox.api}/proxies",
        headers={"Authorization": f"Bearer {sandbox.key}"},
        json={"quantity": 1, "format": request.param},
        trust_env=False,
    )
    sandbox.limit(generate=1_000)
    proxies = answer.raise_for_status().json()["proxies"]
    match request.param:
        case "json":
            (entry,) = proxies
            return entry["host"], str(entry["port"]), entry["username"], entry["password"]
        case "userpass":
            pair, _, address = proxies.strip().rpartition("@")
            return (*address.split(":"), *pair.split(":", 1))
        case _:
            return tuple(proxies.strip().split(":", 3))


@pytest.fixture(params=["http", "https"])
def page(request, sandbox):
    site = sandbox.site_http if request.param == "http" else sandbox.site_https
    return f"{site}/ip"


def url_of(credential):
    host, port, user, password = credential
    return f"http://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}"


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"this journey needs {name}: install it, or run make test instead")
    return found


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_passed(sandbox, text, before):
    """The site saw an exit, and the gateway billed exactly one exchange to this credential."""
    address = json.loads(text)["ip"]
    assert address.startswith("127.")
    assert address != "127.0.0.1"
    rows = [row for row in settled_of(sandbox)[before:] if row["billed"]]
    assert [row["exit"] for row in rows] == [address]


@pytest.fixture
def passed(sandbox):
    before = len(settled_of(sandbox))
    return lambda text: assert_passed(sandbox, text, before)


def test_curl(sandbox, credential, page, passed):
    passed(run(tool("curl"), "-sS", "--cacert", sandbox.ca, "-x", url_of(credential), page))


def test_wget(sandbox, credential, page, passed):
    host, port, user, password = credential
    scheme = page.partition(":")[0]
    passed(
        run(
            tool("wget"), "-q", "-O", "-", "--tries=1", f"--ca-certificate={sandbox.ca}",
            "-e", "use_proxy=yes", "-e", f"{scheme}_proxy=http://{host}:{port}",
            f"--proxy-user={user}", f"--proxy-password={password}", page,
        )
    )  # fmt: skip


def test_node(sandbox, credential, page, passed):
    passed(run(tool("node"), "-e", NODE, *credential, page, sandbox.ca))


def test_requests(sandbox, credential, page, passed):
    proxies = dict.fromkeys(("http", "https"), url_of(credential))
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(page, proxies=proxies, verify=sandbox.ca, timeout=SECONDS).text
    passed(text)


def test_httpx(sandbox, credential, page, passed):
    trusted = ssl.create_default_context(cafile=sandbox.ca)
    with httpx.Client(proxy=url_of(credential), verify=trusted, trust_env=False) as client:
        text = client.get(page).text
    passed(text)


def test_aiohttp(sandbox, credential, page, passed):
    trusted = ssl.create_default_context(cafile=sandbox.ca)

    async def ask():
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(page, proxy=url_of(credential), ssl=trusted) as answer,
        ):
            return await answer.text()

    passed(asyncio.run(ask()))
