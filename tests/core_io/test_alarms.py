"""Alerts of a machine: told once by any number of monitors, kept over restarts, acknowledged."""

import asyncio
import json
import sys
from dataclasses import replace

import pytest
from support.clocks import ManualClock

from rf_core.alert import Alert
from rf_core.alert_settings import AlertSettings, ForeignRule, LevelRule
from rf_core.io import alert_book, records
from rf_core.io.alarms import Alarms
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.units import GIGABYTE
from rf_sandbox.sandbox import Sandbox

LOW = LevelRule("below 1 GB", GIGABYTE, "premium")
GIB = GIGABYTE


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=12) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    servers.reset()
    return servers


class Monitor:
    """One of several on a machine: it looks, and counts how often it rings."""

    def __init__(self, session, *, has_bell=True):
        self.rings = 0
        alarms = Alarms(session, self._ring if has_bell else None)
        self.source = LiveSource(session, alarms=alarms)
        self.session = session

    def _ring(self):
        self.rings += 1

    async def look(self):
        return await self.source._look()


@pytest.fixture
async def monitor(settings_for, sandbox, clock):
    opened = []

    async def make(*, rules=(LOW,), has_bell=True, **options):
        settings = replace(
            settings_for(sandbox.api, sandbox.key),
            alerts=AlertSettings(rules=tuple(rules), **options),
        )
        session = await Session(settings, holder="monitor", clock=clock).__aenter__()
        opened.append(session)
        return Monitor(session, has_bell=has_bell)

    yield make
    for session in opened:
        await session.aclose()


@pytest.fixture
def clock():
    return ManualClock(1_800_000_000.0)


async def read(monitor, left, pool="premium"):
    """A balance is read, by whichever process of the machine."""
    session = monitor.session
    now = session.clock.wall()
    await session.state.run(records.put_balances, session.key, now, {pool: left})


def on(snapshot):
    return [(alert.pool, alert.rule) for alert in snapshot.alerts if alert.is_on]


def codes(snapshot):
    return [one.code for one in snapshot.findings if one.code.startswith("alert")]


async def test_several_monitors_ring_once(monitor, clock):
    monitors = [await monitor() for _ in range(3)]
    await read(monitors[0], 2 * GIB)
    for one in monitors:
        await one.look()
    clock.advance(10)
    await read(monitors[0], GIB - 1)
    seen = await asyncio.gather(*(one.look() for one in monitors))
    assert [on(snapshot) for snapshot in seen] == 3 * [[("premium", LOW.name)]]
    for _ in range(3):
        clock.advance(1)
        await asyncio.gather(*(one.look() for one in monitors))
    assert sum(one.rings for one in monitors) == 1
    assert codes(seen[0]) == ["alert_level"]
    assert "Pool premium is below 1 GB: 1024.00 MB left." in seen[0].findings[0].text


async def test_a_restart_neither_rings_again_nor_forgets_when_it_began(monitor, clock):
    first = await monitor()
    await read(first, GIB - 1)
    await first.look()
    assert first.rings == 1
    began = clock.wall()
    await first.session.aclose()
    clock.advance(60)
    second = await monitor()
    seen = await second.look()
    assert second.rings == 0
    assert [alert.since for alert in seen.alerts] == [began]


async def test_what_nobody_could_hear_rings_at_the_first_monitor_with_a_bell(monitor):
    recorder = await monitor(has_bell=False)
    await read(recorder, 5)
    await recorder.look()
    screen = await monitor()
    await screen.look()
    await screen.look()
    assert screen.rings == 1


async def test_somebody_elses_monitor_that_begins_it_does_not_take_the_bell_along(monitor, clock):
    screen, recorder = await monitor(), await monitor(has_bell=False)
    await read(screen, 2 * GIB)
    await screen.look()
    clock.advance(1)
    await read(screen, 5)
    await recorder.look()
    await screen.look()
    assert screen.rings == 1


async def test_one_that_is_acknowledged_is_quiet_until_it_begins_anew(monitor, clock):
    screen = await monitor()
    await read(screen, 5)
    await screen.look()
    session = screen.session
    done = await session.state.run(alert_book.acknowledge, session.key, clock.wall())
    assert done == 1
    seen = await screen.look()
    assert (on(seen), codes(seen)) == ([("premium", LOW.name)], [])
    clock.advance(10)
    await read(screen, 3 * GIB)
    seen = await screen.look()
    assert [alert.over_at for alert in seen.alerts] == [clock.wall()]
    clock.advance(3_000)
    await read(screen, 4)
    seen = await screen.look()
    assert (codes(seen), screen.rings) == (["alert_level"], 2)
    assert len(seen.alerts) == 2
    again = await session.state.run(
        alert_book.acknowledge, session.key, clock.wall(), pool="another"
    )
    assert again == 0


async def test_what_holds_again_within_minutes_is_the_same_alert_and_silent(monitor, clock):
    screen = await monitor()
    for left in (5, 3 * GIB, 5, 3 * GIB, 5):
        await read(screen, left)
        seen = await screen.look()
        clock.advance(100)
    assert screen.rings == 1
    assert len(seen.alerts) == 1
    assert seen.alerts[0].is_on


async def test_no_bell_where_the_profile_wants_none(monitor):
    screen = await monitor(bell=False)
    await read(screen, 5)
    assert codes(await screen.look()) == ["alert_level"]
    assert screen.rings == 0


async def test_the_command_is_run_once_and_its_failure_is_said(monitor, tmp_path, clock):
    out = tmp_path / "told"
    script = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read()); sys.exit('mail is down')"
    command = (sys.executable, "-c", script, str(out))
    monitors = [await monitor(command=command) for _ in range(2)]
    await read(monitors[0], 5)
    await asyncio.gather(*(one.look() for one in monitors))
    for one in monitors:
        await asyncio.gather(*one.source._alarms._running)
    (told,) = map(json.loads, out.read_text().splitlines())
    assert (told["pool"], told["kind"], told["left_bytes"]) == ("premium", "level", 5)
    assert told["since"] == clock.wall()
    assert told["key"].startswith("rf_live_…")
    assert monitors[0].session.settings.key.reveal() not in out.read_text()
    seen = await monitors[1].look()
    assert codes(seen) == ["alert_level", "alert_untold"]
    assert "ended with 1: mail is down" in seen.findings[1].text


async def test_a_monitor_that_ends_does_not_wait_for_a_slow_command(monitor):
    screen = await monitor(command=(sys.executable, "-c", "import time; time.sleep(60)"))
    await read(screen, 5)
    await screen.look()
    await asyncio.wait_for(screen.session.aclose(), 30)


async def test_a_stranger_is_foreign_in_the_snapshot_within_two_polls(monitor, clock):
    """5 MB in 5 minutes, by nobody of ours; a minute of quiet before it."""
    screen = await monitor(rules=[ForeignRule()])
    left, noise = 4 * GIB, None
    polls = 0
    for poll in range(60):
        leaked = max(0, poll - 8) * 8 * (5 << 20) // 300
        quantum = GIB // 10_000
        await read(screen, round((left - leaked) / quantum) * quantum)
        seen = await screen.look()
        (pool,) = seen.pools
        noise = pool.meters.noise_bytes if pool.meters else noise
        polls += noise is not None and leaked > noise
        if pool.meters and pool.meters.is_foreign:
            break
        clock.advance(8)
    assert pool.meters.is_foreign
    assert polls <= 2
    assert codes(seen) == ["alert_foreign"]
    assert screen.rings == 1
    assert pool.meters.excess_bytes == pytest.approx(leaked, abs=GIB // 5_000)


async def test_the_book_is_bounded(monitor, clock):
    session = (await monitor()).session
    for number in range(80):
        alert = Alert(f"p{number}", "x", "level", clock.wall())
        await session.state.run(
            alert_book.put_alerts, session.key, [alert], clock.wall(), rings=False, tells=False
        )
        over = replace(alert, over_at=clock.wall() + 1)
        await session.state.run(
            alert_book.put_alerts, session.key, [over], clock.wall(), rings=False, tells=False
        )
        clock.advance(86_400)
    listed = await session.state.read(alert_book.get_alerts, session.key)
    assert 28 <= len(listed) <= 32
