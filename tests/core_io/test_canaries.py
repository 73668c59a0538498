"""A key and a password that must not turn up anywhere: whatever prints an error, and prints all."""

import asyncio
import faulthandler
import io
import json
import logging
import pickle
import subprocess
import sys
import traceback
from dataclasses import asdict

import msgspec
import pytest
from rich.console import Console
from rich.traceback import Traceback
from support.apis import ScriptedApi, answer, refusal
from support.clients import KINDS, clock_for, open_client

from rf_core.errors import ResiFactoryError
from rf_core.io.client import Client
from rf_core.models import Order
from rf_tui.crash import write_report

KEY = "rf_live_canarycanarycanaryx7kQ"
PASSWORD = "sesame-canary-sesame"
CANARIES = (KEY, KEY[8:], PASSWORD)

ENTRY = {"host": "h", "port": 1, "username": "u", "password": PASSWORD}
BATCH = {
    "proxies": [ENTRY],
    "count": 1,
    "country": None,
    "is_demo": False,
    "pool": "shop",
    "format": "json",
}
LINES = {"format": "list", "proxies": f"h:1:u:{PASSWORD}\n", "count": 1}
TROUBLES = {
    "refused": refusal(401, "unauthorized"),
    "failed": refusal(500, "internal_error"),
    "limited": refusal(429, "rate_limited"),
    "redirected": answer(302, headers=["location: http://127.0.0.1:1/"]),
    "no json": answer(200, raw=b"<html>" + PASSWORD.encode()),
    "cut json": answer(200, raw=json.dumps(BATCH).encode()[:-20]),
    "no http": b"nonsense\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\nconnection: close\r\n\r\n{}",
    "reset": "reset",
    "hangs": "hang",
    "wrong count": answer(200, BATCH | {"count": 2}),
    "no port": answer(200, BATCH | {"proxies": [ENTRY, ENTRY | {"port": None}], "count": 2}),
    "no host": answer(200, BATCH | LINES | {"proxies": f"h:1:u:{PASSWORD}\n::u:{PASSWORD}\n"}),
    "no text": answer(
        200, raw=b'{"proxies": "h:1:u:' + PASSWORD.encode() + b'\xff\\n", "count": 1}'
    ),
    "too deep": answer(200, raw=b'{"proxies": ' + b"[" * 100_000),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


@pytest.fixture
async def client(kind, api, settings_for):
    async with open_client(
        kind, settings_for(api.url, KEY), windows=None, clock=clock_for(kind), attempts=2
    ) as opened:
        yield opened


def printed(error):
    """The error as all that print errors print it, variables included, from our code on."""
    found = error.__traceback__
    while found is not None and not found.tb_frame.f_globals["__name__"].startswith("rf_"):
        found = found.tb_next
    error.__traceback__ = found
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = io.StringIO()
    console = Console(file=shown, width=10_000, color_system=None)
    found = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=10_000,
        locals_max_string=100_000,
    )
    console.print(found)
    return "\n".join(
        [*report.format(), shown.getvalue(), str(error), repr(error), str(vars(error))]
    )


def chained(error):
    """The error and whatever it leads to."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def assert_silent(text):
    assert [canary for canary in CANARIES if canary in text] == []


@pytest.mark.parametrize(
    ("ask", "trouble"),
    [("order", name) for name in TROUBLES]
    + [("read", name) for name, told in TROUBLES.items() if PASSWORD not in str(told)],
)
async def test_no_error_of_a_call_leads_to_the_key_or_a_password(api, client, trouble, ask, caplog):
    """C-008: neither its text nor the variables of the code it came through"""
    caplog.set_level(logging.DEBUG)
    api.script = [TROUBLES[trouble]]
    call = client.generate(Order(), deadline_seconds=0.2)
    if ask == "read":
        call.close()
        call = client.balance(deadline_seconds=0.2)
    with pytest.raises(ResiFactoryError) as caught:
        await call
    assert_silent(printed(caught.value))
    for error in chained(caught.value):
        for frame, _ in traceback.walk_tb(error.__traceback__):
            module = frame.f_globals["__name__"].partition(".")[0]
            assert module not in {"httpx", "httpcore", "h11", "anyio"}, module
    assert_silent(caplog.text)


async def test_nobody_there_leads_to_neither(client, api):
    await api.__aexit__()
    with pytest.raises(ResiFactoryError) as caught:
        await client.me()
    assert [type(error).__name__ for error in chained(caught.value)] == ["TransportError"]
    assert_silent(printed(caught.value))


async def test_a_call_that_is_cancelled_leaves_no_frames_that_know_it(api, settings_for):
    api.script = ["hang"]
    async with open_client("async", settings_for(api.url, KEY), windows=None) as client:
        call = asyncio.ensure_future(client.me())
        await api.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
    assert_silent(printed(caught.value))


async def test_what_nobody_expected_keeps_its_traceback_as_text(api, client, monkeypatch):
    """A fault of our own can still be found; variables are not in it."""

    class Broken:
        def begin(self):
            raise ZeroDivisionError

    api.script = [answer(200, BATCH)]
    with pytest.raises(ZeroDivisionError) as caught:
        await client.generate_into(Broken(), Order())
    assert_silent(printed(caught.value))
    (note,) = caught.value.__notes__
    assert "in begin" in note


async def test_the_wire_is_logged_without_them(api, client, caplog):
    """httpx, httpcore and asyncio, all of them talkative"""
    caplog.set_level(logging.DEBUG)
    api.script = [answer(200, BATCH)]
    await client.generate(Order())
    assert "send_request_headers" in caplog.text
    assert_silent(caplog.text)


async def test_nothing_that_serialises_values_takes_them_along(api, client, settings_for):
    api.script = [answer(200, BATCH)]
    batch = await client.generate(Order())
    settings = settings_for(api.url, KEY)
    for value in (batch, settings):
        assert_silent(repr(value) + repr(asdict(value)) + str(value) + format(value))
        with pytest.raises(TypeError):
            msgspec.json.encode(value)
        with pytest.raises(TypeError):
            json.dumps(asdict(value))
        with pytest.raises(TypeError):
            pickle.dumps(value)
    assert_silent(repr(batch.answer) + str(batch.answer) + batch.answer.excerpt())
    assert_silent(repr(vars(client)) + repr(client))


async def test_a_crash_report_holds_neither(api, client, tmp_path):
    api.script = [TROUBLES["wrong count"]]
    try:
        await client.generate(Order())
    except ResiFactoryError as error:
        crash = RuntimeError(f"while calling with {KEY} as http://u:{PASSWORD}@h:1/")
        crash.__cause__ = error
        report = write_report(crash, tmp_path)
    assert_silent(report.read_text())


async def test_a_dump_of_all_threads_holds_neither(api, settings_for, tmp_path):
    """What `faulthandler` writes while a call that blocks is under way"""
    api.script = ["hang"]
    async with open_client("sync", settings_for(api.url, KEY), windows=None, attempts=1) as client:
        call = asyncio.ensure_future(client.me(deadline_seconds=1.0))
        await api.asked.wait()
        with (tmp_path / "dump").open("w+") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            dump = file.read()
        with pytest.raises(ResiFactoryError):
            await call
    assert "calling.py" in dump
    assert_silent(dump)


def test_a_program_that_dies_of_an_error_says_neither(tmp_path):
    """Uncaught, with rich printing every variable"""
    program = """
import rich.traceback; rich.traceback.install(show_locals=True, width=1000)
from rf_core.io.client import Client
client = Client(windows=None, attempts=1)
client.me()
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", program],
        env={
            "RF_API_KEY": KEY,
            "RF_BASE_URL": "http://127.0.0.1:9/api/v1",
            "RF_CONFIG": str(tmp_path / "none.toml"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert_silent(done.stdout + done.stderr)


def test_a_call_that_was_interrupted_says_neither(settings_for):
    """Ctrl+C in the midst of a call that blocks"""

    def interrupted(request):
        assert KEY in request.headers["Authorization"]
        raise KeyboardInterrupt

    settings = settings_for("http://127.0.0.1:9/api/v1", KEY)
    with Client(settings, windows=None) as client:
        client._core._opened()._http.handle_request = interrupted
        with pytest.raises(KeyboardInterrupt) as caught:
            client.me()
    assert_silent(printed(caught.value))
