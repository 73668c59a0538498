"""The monitor in a browser: who gets in, what they see, how it ends."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys

import aiohttp
import pytest
from support.crawls import environment
from yarl import URL

from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.web import MOST_VIEWERS

RUN = "import sys; from rf_tui.cli.main import run; sys.exit(run())"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A monitor that is served, and its address."""
    folder = tmp_path_factory.mktemp("web")
    with Sandbox(seed=6) as sandbox:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "--web", "--interval", "0.2"],
            env=environment(folder, sandbox), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield URL(process.stdout.readline().strip())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == ExitCode.INTERRUPTED
            process.stdout.close()


@contextlib.asynccontextmanager
async def browser():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        yield session


def origin_of(page):
    return f"http://{page.host}:{page.port}"


async def screen_of(socket, wanted):
    """Read what a viewer is sent until it says that."""
    seen = b""
    async with asyncio.timeout(30):
        while not re.search(wanted, seen):
            message = await socket.receive()
            assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message
            seen += message.data if isinstance(message.data, bytes) else b""
    return seen


async def test_a_viewer_sees_the_dashboard_and_q_ends_it(page):
    async with browser() as session:
        async with session.get(page) as answer:
            text = await answer.text()
            assert answer.status == 200
            assert "ResiFactory" in text
            assert str(page / "ws").replace("http", "ws") in text
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "googleapis" not in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        async with session.get(page / "static/js/textual.js") as answer:
            assert answer.status == 200
        socket = await session.ws_connect(page / "ws", origin=origin_of(page))
        await screen_of(socket, rb"premium")
        await socket.send_json(["resize", {"width": 120, "height": 40}])
        await screen_of(socket, rb"BALANCE|WINDOW")
        await socket.send_json(["stdin", "g"])
        await screen_of(socket, rb"GENERATE")
        await socket.send_json(["stdin", "\x1b"])
        await screen_of(socket, rb"BALANCE|WINDOW")
        await socket.send_json(["stdin", "q"])
        async with asyncio.timeout(20):
            while not socket.closed:
                await socket.receive()


@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js", "/wrong/", "/wrong/ws"])
async def test_without_the_secret_of_this_run_there_is_nothing(page, path):
    async with browser() as session, session.get(page.with_path(path)) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "[::1]:1"])
async def test_another_name_that_leads_here_is_turned_away(page, host):
    async with browser() as session, session.get(page, headers={"Host": host}) as answer:
        assert answer.status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1", "null", None])
async def test_a_socket_is_opened_by_our_own_page_and_no_other(page, origin):
    async with browser() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(page / "ws", origin=origin)
        assert refused.value.status == 403


async def watching(session, page):
    """Open a viewer's socket; None when there are enough of them."""
    try:
        return await session.ws_connect(page / "ws", origin=origin_of(page))
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status != 503:
            raise
        return None


async def test_who_asks_for_the_socket_without_one_is_told_so(page):
    async with browser() as session:
        headers = {"Origin": origin_of(page)}
        async with session.get(page / "ws", headers=headers) as answer:
            assert answer.status == 426
            assert answer.headers["Upgrade"] == "websocket"


async def test_only_so_many_watch_at_once_and_who_leaves_makes_room(page):
    async with browser() as session:
        sockets = []
        while socket := await watching(session, page):
            sockets.append(socket)
            assert len(sockets) <= MOST_VIEWERS
        for socket in sockets:
            await socket.close()
        for _ in range(300):
            if again := await watching(session, page):
                await again.close()
                return
            await asyncio.sleep(0.1)
        pytest.fail("nobody makes room")


def test_a_port_that_is_taken_is_one_sentence(page, tmp_path):
    with Sandbox(seed=7) as sandbox:
        done = subprocess.run(
            [sys.executable, "-c", RUN, "--web", "--port", str(page.port)],
            env=environment(tmp_path, sandbox), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert f"Port {page.port} cannot be had" in done.stderr
    assert done.stdout == ""


def test_the_address_is_data_and_the_key_is_nowhere(tmp_path):
    with Sandbox(seed=8) as sandbox:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "--web"], env=environment(tmp_path, sandbox),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        url = process.stdout.readline().strip()
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", url)
        for text in (url, out, err):
            assert sandbox.ready["key"] not in text
