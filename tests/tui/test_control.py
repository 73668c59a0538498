"""Telling a crawl something: at the command line, and in the monitor after a second yes."""

import asyncio
import json
import os
import socket
import threading
import time
from dataclasses import replace

import pytest
from support import snapshots
from support.crawls import environment
from support.snapshots import NOW, Still

from rf_core.control import Answer
from rf_core.io import control
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.snapshot import CrawlReport
from rf_tui.app import MonitorApp
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS
from rf_tui.screens.control import ControlScreen
from rf_tui.widgets.canvas import Canvas


class Listener:
    """A crawl as far as the store knows it: it answers the first word that comes, and ends."""

    def __init__(self, folder, sandbox):
        self._settings = load_settings(environ=environment(folder, sandbox))
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.heard = []

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_exception):
        self._thread.join()

    async def _run(self):
        now = time.time()
        async with Session(self._settings, holder="crawl books") as session:
            await session.publish(
                CrawlReport(
                    id="0123456789ab", spider="books", project="shop", pid=os.getpid(),
                    host=socket.gethostname(), pool="premium", started_at=now, updated_at=now,
                )
            )  # fmt: skip
            self._ready.set()
            for _ in range(300):
                taken = await session.state.run(control.take_wishes, "0123456789ab", time.time())
                for wish in taken:
                    self.heard.append((wish.verb, wish.limit_bytes))
                    said = Answer(wish.verb != "budget", "So be it.")
                    await session.state.run(control.put_answer, wish.id, said)
                if taken:
                    return
                await asyncio.sleep(0.05)


def test_the_command_prints_what_the_crawl_says(rf, sandbox, tmp_path):
    with Listener(tmp_path, sandbox) as crawl:
        done = rf("crawls", "pause", "books")
    assert (done.returncode, crawl.heard) == (ExitCode.DONE, [("pause", None)])
    assert "crawl books (0123456789ab): So be it." in done.stderr
    assert done.stdout == ""
    with Listener(tmp_path, sandbox) as crawl:
        done = rf("crawls", "budget", "0123", "500MB", "--json")
    assert (done.returncode, crawl.heard) == (ExitCode.FAILED, [("budget", 500 << 20)])
    said = json.loads(done.stdout)
    assert set(said) == set(JSON_KEYS["crawls ORDER"])
    assert (said["done"], said["order"]) == (False, "budget")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stop",), "Which one?"),
        (("stop", "nobody"), "No crawl 'nobody' is running here"),
        (("budget", "books"), "A size belongs to budget"),
        (("stop", "books", "5MB"), "A size belongs to budget"),
        (("budget", "books", "much"), "no size"),
        (("explode", "books"), "explode"),
    ],
)
def test_what_cannot_be_meant_is_said(rf, arguments, said):
    done = rf("crawls", *arguments)
    assert done.returncode == ExitCode.USAGE
    assert said in done.stderr


class Told:
    """Hands that remember what they were told to do."""

    def __init__(self):
        self.told = []

    async def tell(self, crawl, verb, limit_bytes):
        self.told.append((crawl, verb, limit_bytes))
        return f"{verb}: so be it"


def app_on(snapshot, hands):
    return MonitorApp(Still(snapshot), interval=None, clock=lambda: NOW, hands=hands)


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


def question(app):
    assert isinstance(app.screen, ControlScreen)
    return app.screen.question()


async def test_nothing_is_told_before_a_second_yes():
    hands = Told()
    app = app_on(snapshots.busy(), hands)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(app, pilot)
        await pilot.press("tab", "tab", "x")
        assert "Tell crawl books." in question(app)
        await pilot.press("s")
        assert "Tell crawl books to stop?" in question(app)
        await pilot.press("escape")
        assert "Tell crawl books." in question(app)
        await pilot.press("y")
        assert isinstance(app.screen, ControlScreen)
        await pilot.press("p", "y")
        await settled(app, pilot)
        assert hands.told == [("a", "pause", None)]
        assert not isinstance(app.screen, ControlScreen)


async def test_a_budget_is_written_and_confirmed():
    hands = Told()
    app = app_on(snapshots.busy(), hands)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("tab", "tab", "enter", "x", "b", *"much", "enter")
        assert "write a size" in question(app).lower()
        await pilot.press(*(["backspace"] * 4), *"500MB", "enter")
        assert "no more than 500.00 MB in all?" in question(app)
        await pilot.press("y")
        await settled(app, pilot)
        assert hands.told == [("a", "budget", 500 << 20)]


async def test_a_masked_screen_asks_without_names():
    hands = Told()
    app = app_on(snapshots.busy(), hands)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("m", "tab", "tab", "x", "s")
        assert "books" not in question(app)
        assert "MB" not in question(app)
        await pilot.press("y")
        await settled(app, pilot)
        assert hands.told == [("a", "stop", None)]


async def test_without_a_crawl_or_with_one_that_has_ended_it_says_so():
    app = app_on(snapshots.busy(), Told())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("x")
        assert not isinstance(app.screen, ControlScreen)
        await pilot.press("tab", "tab", "down", "x")
        assert not isinstance(app.screen, ControlScreen)


async def test_a_paused_crawl_is_shown_as_paused_with_its_budget():
    shown = snapshots.busy()
    books = replace(shown.crawls[0], paused="asked to", budget_bytes=600 << 20)
    app = app_on(replace(shown, crawls=(books, *shown.crawls[1:])), Told())
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(app, pilot)
        text = app.screen_stack[0].query_one(Canvas).text
        assert "paused" in text
        await pilot.press("tab", "tab", "enter")
        text = app.screen_stack[0].query_one(Canvas).text
        assert "asked to" in text
        assert "600.00 MB in all" in text
