"""The monitor from beginning to end, as a person sees it: in a terminal, and in a browser.

Needs tmux for the one and Chromium for the other.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from support.crawls import environment

from rf_sandbox.sandbox import Sandbox

TMUX = shutil.which("tmux")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RF = Path(sys.executable).with_name("rf")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=12) as running:
        yield running


@pytest.fixture
def pane(tmp_path, sandbox):
    """A shell in a tmux server of our own, with the sandbox's settings; yields (send, look)."""
    if TMUX is None:
        pytest.fail("this journey needs tmux: install it, or run make test instead")
    env = environment(tmp_path, sandbox) | {"PATH": os.environ["PATH"], "PS1": "$ "}

    def tmux(*arguments):
        command = [TMUX, "-L", "rf-monitor-journey", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True, env=env, cwd=tmp_path
        )
        return done.stdout

    tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "34", "sh")
    try:
        yield (
            lambda *keys: tmux("send-keys", *keys),
            lambda: tmux("capture-pane", "-p"),
        )
    finally:
        tmux("kill-server")


def wait_for(look, pattern, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := re.search(pattern, look()):
            return found
        time.sleep(0.2)
    return pytest.fail(f"{pattern!r} did not appear:\n{look()}")


def test_watch_filter_drill_down_generate_export_record_replay_and_quit(pane, tmp_path, sandbox):
    send, look = pane
    send(f"{RF} record --interval 0.5 --seconds 25 night.rec & {RF}; echo EXIT=$?", "Enter")
    wait_for(look, r"premium +\d\.\d{4} GB")
    wait_for(look, "● live")
    before = wait_for(look, r"premium +([\d.]+) GB")[1]

    crawl = subprocess.Popen(
        [RF, "run", "--", sys.executable, "-c", SPENDING, sandbox.site_http],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(tmp_path, sandbox) | {"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        wait_for(look, r"run .* running", 30)
        end = time.monotonic() + 40
        while wait_for(look, r"premium +([\d.]+) GB")[1] == before:
            assert time.monotonic() < end, look()
            time.sleep(0.5)
    finally:
        crawl.wait(60)

    send("/")
    wait_for(look, "without it")
    send("premium")
    wait_for(look, "/ premium")
    send("Enter")
    wait_for(look, "▸premium")
    send("Enter")
    wait_for(look, "POOL premium")
    wait_for(look, "gateway")
    send("Escape")
    wait_for(look, "WINDOW")
    send("E")
    wait_for(look, "for your eyes only")
    (exported,) = tmp_path.glob("rf-*-overview.json")
    assert exported.stat().st_mode & 0o777 == 0o600
    assert json.loads(exported.read_text())["pools"]

    send("g")
    wait_for(look, "GENERATE credentials")
    send("Escape")
    wait_for(look, "● live")
    send("q")
    wait_for(look, "EXIT=0")

    wait_for(look, r"frames, .* in night.rec|EXIT=0", 40)
    send("clear; wait", "Enter")
    time.sleep(1)
    send(f"{RF} replay night.rec --speed 10; echo REPLAYED=$?", "Enter")
    wait_for(look, "replay 20", 40)
    wait_for(look, "premium")
    send("Right", "Right")
    wait_for(look, "premium")
    send("q")
    wait_for(look, "REPLAYED=0")


SPENDING = """
import os, sys, urllib.request
for _ in range(60):
    urllib.request.urlopen(sys.argv[1] + "/bytes/200000", timeout=30).read()
"""


class Tab:
    """One page of Chromium, spoken to over its debugging socket."""

    def __init__(self, socket):
        self._socket = socket
        self._last = 0
        self.events = []

    async def call(self, method, **parameters):
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self._socket.receive(30)).data)
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    async def value(self, expression):
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def press(self, key, code=0):
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    def reached(self, begin):
        """Addresses that do not begin so and were asked for, but for those the policy held back."""
        sent, held = {}, set()
        for event in self.events:
            facts = event.get("params", {})
            if event.get("method") == "Network.requestWillBeSent":
                sent[facts["requestId"]] = facts["request"]["url"]
            if (
                event.get("method") == "Network.loadingFailed"
                and facts.get("blockedReason") == "csp"
            ):
                held.add(facts["requestId"])
        return [
            url
            for name, url in sent.items()
            if name not in held and not url.startswith((begin, "data:", "about:"))
        ]

    async def picture(self):
        return (await self.call("Page.captureScreenshot"))["data"]


@contextlib.asynccontextmanager
async def chromium(folder):
    if CHROMIUM is None:
        pytest.fail("this journey needs Chromium: install it, or run make test instead")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
        f"--user-data-dir={folder}", "--window-size=1200,800", "about:blank",
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"ws://(\S+?)/", await process.stderr.readline())):
                assert process.returncode is None
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{found[1].decode()}/json") as answer:
                page = next(one for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def until(what, seconds=40):
    for _ in range(round(seconds / 0.3)):
        if found := await what():
            return found
        await asyncio.sleep(0.3)
    return pytest.fail("it did not happen in time")


async def test_in_a_browser_the_page_draws_takes_keys_and_reaches_nothing_outside(
    tmp_path, sandbox
):
    env = environment(tmp_path, sandbox) | {"PATH": os.environ["PATH"]}
    served = await asyncio.create_subprocess_exec(
        RF, "--web", "--interval", "0.5", env=env, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = (await served.stdout.readline()).decode().strip()
        async with chromium(tmp_path / "browser") as tab:
            await tab.call("Page.enable")
            await tab.call("Network.enable")
            await tab.call("Page.navigate", url=address)
            canvases = "document.querySelectorAll('.xterm-screen canvas, .xterm-rows > div').length"
            await until(lambda: tab.value(canvases))
            await until(lambda: tab.value("document.body.classList.contains('-first-byte')"))
            await asyncio.sleep(2)
            before = await tab.picture()
            place = {"x": 400, "y": 300, "button": "left", "clickCount": 1}
            for kind in ("mousePressed", "mouseReleased"):
                await tab.call("Input.dispatchMouseEvent", type=kind, **place)
            await tab.press("?", 191)
            await until(lambda: changed(tab, before))
            assert "Network.requestWillBeSent" in {one.get("method") for one in tab.events}
            assert tab.reached(address.rsplit("/", 2)[0]) == []
            await tab.press("q", 81)
            await until(lambda: tab.value("document.body.classList.contains('-closed')"))
    finally:
        served.terminate()
        await served.communicate()


async def changed(tab, before):
    return await tab.picture() != before
