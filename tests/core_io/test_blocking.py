"""The client without an event loop: threads, and what only they can do."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.clocks import BlockingManualClock
from support.sandboxes import proxies_of

from rf_core.errors import StateError
from rf_core.io.blocking import BlockingClock, BlockingState, finish
from rf_core.io.client import Client
from rf_core.io.stores import MemoryStore
from rf_core.io.windows import Windows
from rf_core.models import Order
from rf_sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=3) as running:
        yield running


@pytest.fixture
def settings(sandbox, settings_for):
    return settings_for(sandbox.api, sandbox.key)


def test_a_coroutine_that_waits_is_told_from_one_that_blocks():
    async def blocks():
        return 7

    async def waits():
        await asyncio.sleep(0)

    assert finish(blocks()) == 7
    with pytest.raises(RuntimeError, match="waits for an event loop"):
        finish(waits())


def test_a_script_asks_and_orders_without_an_event_loop(settings, sandbox):
    with Client(settings) as client:
        assert client.me().username
        assert "premium" in client.balance().balances
        assert client.pools().pool("premium") is not None
        assert client.usage().top_domains == ()
        (proxy,) = client.generate(Order(quantity=1)).proxies
        generate, reads = client.headroom()
    assert (generate.used, reads.used) == (1, 4)
    assert proxy.username != proxies_of(sandbox)[0][0]


def test_many_threads_share_a_client_and_its_window(settings, sandbox):
    """C-120: none is refused, none is lost"""
    sandbox.limit(reads=120, generate=20)
    before = sandbox.state()["violations"]
    with Client(settings) as client, ThreadPoolExecutor(16) as threads:
        names = set(threads.map(lambda _: client.me().username, range(60)))
        assert client.headroom()[1].used >= 60
    assert len(names) == 1
    assert sandbox.state()["violations"] == before


@pytest.mark.parametrize("kept", ["memory", "state.db"])
def test_no_thread_gets_a_slot_that_another_has(kept, tmp_path):
    clock = BlockingManualClock()
    state = BlockingState(tmp_path / "state")
    finish(state.open())
    windows = Windows(
        MemoryStore(clock) if kept == "memory" else state, "k", holder="t", clock=clock
    )

    def take(_):
        asked = {"priority": "normal", "within_seconds": 0.0, "timeout_seconds": 30}
        return finish(windows.acquire("reads", **asked)).taken.id

    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(take, range(120)))
    assert len(set(taken)) == 120
    assert finish(windows.headroom())[1].used == 120
    finish(state.close())


def test_closing_ends_the_wait_of_another_thread(settings):
    """It need not sit a full window out."""
    clock = BlockingClock()
    windows = Windows(MemoryStore(clock), "k", holder="t", clock=clock)
    for _ in range(20):
        asked = {"priority": "normal", "within_seconds": 0.0, "timeout_seconds": 30}
        finish(windows.acquire("generate", **asked))
    client = Client(settings, windows=windows, clock=clock)
    caught = []

    def order():
        try:
            client.generate(Order(), deadline_seconds=70)
        except StateError as error:
            caught.append(str(error))

    waiting = threading.Thread(target=order)
    waiting.start()
    began = time.monotonic()
    while not windows._store._ledger(windows._names["generate"]).line:
        assert time.monotonic() - began < 10
    client.close()
    client.close()
    waiting.join(10)
    assert caught == ["The client has been closed."]


def test_a_key_that_is_missing_is_said_before_anything_is_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("RF_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.delenv("RF_API_KEY", raising=False)
    with pytest.raises(Exception, match="No API key"):
        Client()
