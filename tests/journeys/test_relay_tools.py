"""Other people's tools under `rf run`, each compared with the gateway's own count: difference 0."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from support.crawls import environment, gateway_bytes
from support.invoking import RUN
from support.sandboxes import settled_of

from rf_sandbox.sandbox import Sandbox

SECONDS = 120

REQUESTS = """
import os, sys, requests
for url in sys.argv[1:]: print(requests.get(url, verify=os.environ["CA"], timeout=20).text)
"""
HTTPX = """
import os, ssl, sys, httpx
trusted = ssl.create_default_context(cafile=os.environ["CA"])
with httpx.Client(verify=trusted) as client:
    for url in sys.argv[1:]: print(client.get(url).text)
"""
AIOHTTP = """
import asyncio, os, ssl, sys, aiohttp
async def main():
    trusted = ssl.create_default_context(cafile=os.environ["CA"])
    async with aiohttp.ClientSession(trust_env=True) as session:
        for url in sys.argv[1:]:
            async with session.get(url, ssl=trusted) as answer: print(await answer.text())
asyncio.run(main())
"""
NODE_FETCH = """
const { fetch, setGlobalDispatcher, ProxyAgent } = require("undici");
setGlobalDispatcher(new ProxyAgent(process.env.https_proxy));
(async () => {
  for (const url of process.argv.slice(1)) console.log(await (await fetch(url)).text());
})();
"""
BROWSER = """
const { chromium } = require("playwright-core");
(async () => {
  const way = new URL(process.env.http_proxy);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--proxy-bypass-list=<-loopback>", "--disable-quic",
           "--disable-background-networking", "--disable-component-update"],
    proxy: { server: `http://${way.host}`, username: way.username, password: way.password },
  });
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  for (const url of process.argv.slice(1)) {
    await page.goto(url);
    console.log(await page.evaluate(() => document.body.innerText));
  }
  await browser.close();
})();
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=23) as running:
        yield running


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with undici and playwright-core, which no Python package brings."""
    folder = tmp_path_factory.mktemp("node")
    quiet = ("--no-audit", "--no-fund", "--no-save")
    done = subprocess.run(
        [tool("npm"), "install", *quiet, "undici@6", "playwright-core"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"this journey needs npm's undici and playwright-core: {done.stderr[-300:]}")
    return folder


def tool(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(f"this journey needs {names[0]}: install it, or run make test instead")
    return found


@pytest.fixture
def passes(tmp_path, sandbox):
    """Run a command on some pages under `rf run`; compare both counts, and what the site saw."""

    def run(*command, pages=("ip", "text/60000"), **extra):
        before, known = gateway_bytes(sandbox), len(settled_of(sandbox))
        sites = (sandbox.site_http, sandbox.site_https)
        urls = [f"{site}/{page}" for site in sites for page in pages]
        env = environment(tmp_path, sandbox, CA=sandbox.ca, NODE_EXTRA_CA_CERTS=sandbox.ca, **extra)
        done = subprocess.run(
            [sys.executable, "-c", RUN, "run", "--", *command, *urls],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = settled_of(sandbox)[known:]
        exits = {row["exit"] for row in rows}
        assert "127.0.0.1" not in exits
        assert [one for one in exits if f'"ip": "{one}"' in done.stdout], done.stdout[:500]
        listed = subprocess.run(
            [sys.executable, "-c", RUN, "crawls", "--json"],
            env=env, capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
        row = json.loads(listed.stdout)["crawls"][0]
        assert row["wire_bytes"] > 20_000
        assert gateway_bytes(sandbox) - before - row["wire_bytes"] == 0
        assert sum(one["bytes_up"] for one in rows if one["billed"]) == row["up_bytes"]

    return run


def test_curl(passes, sandbox):
    passes(tool("curl"), "-sS", "--cacert", sandbox.ca)


def test_wget(passes, sandbox):
    passes(tool("wget"), "-q", "-O", "-", "--tries=1", f"--ca-certificate={sandbox.ca}")


@pytest.mark.parametrize("code", [REQUESTS, HTTPX, AIOHTTP], ids=["requests", "httpx", "aiohttp"])
def test_python(passes, code):
    passes(sys.executable, "-c", code)


def test_nodes_fetch(passes, packages):
    passes(tool("node"), "-e", NODE_FETCH, NODE_PATH=str(packages / "node_modules"))


def test_a_browser(passes, packages):
    passes(
        tool("node"), "-e", BROWSER,
        NODE_PATH=str(packages / "node_modules"),
        CHROMIUM=tool("chromium", "chromium-browser", "google-chrome"),
    )  # fmt: skip
