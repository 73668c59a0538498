"""`rf` as a user runs it on a sandbox; and a pilot as patient as the machine is slow."""

import asyncio
from functools import partial

import pytest
from support.invoking import invoke
from textual.pilot import Pilot

from rf_sandbox.sandbox import Sandbox
from rf_tui.watching import Watching

ROUNDS = 4
"""A key goes from the app to the screen, to a widget, back to the app and to what is painted."""

_wait_for_screen = Pilot._wait_for_screen


async def _until_served(pilot, seconds=60.0):
    """Wait until all has been dealt with that was on its way, however long that takes.

    Textual's own pilot goes on when the process has used little time for a moment: on a machine
    that is busy with something else, that is before it has begun.
    """
    app = pilot.app
    if isinstance(app, Watching) and app.is_running:
        began = asyncio.ensure_future(app.begun.wait())
        failed = asyncio.ensure_future(app._exception_event.wait())
        await asyncio.wait((began, failed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in (began, failed):
            one.cancel()
    served = True
    for _ in range(ROUNDS):
        served = await _wait_for_screen(pilot, seconds) and served
    return served


async def _until_pressed(self, *keys):
    for key in keys:
        await self._app._press_keys([key])
        await _until_served(self)


@pytest.fixture(autouse=True)
def patient_pilot(monkeypatch):
    monkeypatch.setattr(Pilot, "_wait_for_screen", _until_served)
    monkeypatch.setattr(Pilot, "press", _until_pressed)


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=3) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    """As new for each test."""
    servers.reset()
    return servers


@pytest.fixture
def rf(tmp_path, sandbox, monkeypatch):
    """In this process, and without a terminal unless one is asked for."""
    monkeypatch.chdir(tmp_path)
    return partial(invoke, tmp_path, sandbox)
