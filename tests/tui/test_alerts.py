"""Alerts at the command line and in the monitor: seen, acknowledged, told once."""

import asyncio
import json
import re
import time

from support import snapshots
from support.crawls import environment
from support.snapshots import NOW, Still

from rf_core.alert import Alert
from rf_core.io import alert_book, records
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.units import GIGABYTE
from rf_tui.app import MonitorApp
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS
from rf_tui.widgets.canvas import Canvas


def profile_with(tmp_path, text):
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    path.chmod(0o600)
    return {"RF_CONFIG": str(path)}


def begun(folder, sandbox, *alerts):
    """What a monitor has left behind."""

    async def write():
        settings = load_settings(environ=environment(folder, sandbox))
        async with Session(settings, holder="monitor") as session:
            await session.state.run(
                alert_book.put_alerts,
                session.key,
                alerts,
                time.time(),
                rings=False,
                tells=False,
            )

    asyncio.run(write())


def test_what_is_on_is_listed_and_acknowledged_and_has_its_exit_code(rf, sandbox, tmp_path):
    nothing = rf("alerts")
    assert (nothing.returncode, nothing.stdout) == (ExitCode.DONE, "")
    assert "No alert is on" in nothing.stderr
    begun(
        tmp_path,
        sandbox,
        Alert("premium", "below 2 GB", "level", time.time() - 90, "Pool premium is below 2 GB."),
        Alert("budget", "foreign use", "foreign", time.time() - 5, "Somebody else took 5 MB."),
    )
    listed = rf("alerts")
    assert listed.returncode == ExitCode.CONDITION
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ["budget", "foreign use", "on"],
        ["premium", "below 2 GB", "on"],
    ]
    one = rf("alerts", "acknowledge", "--pool", "premium", "--json")
    assert "1 acknowledged" in one.stderr
    (alert,) = json.loads(one.stdout)["alerts"]
    assert (alert["state"], one.returncode) == ("acknowledged", ExitCode.DONE)
    assert {f"alerts[].{name}" for name in alert} == set(JSON_KEYS["alerts"])
    assert rf("alerts").returncode == ExitCode.CONDITION
    assert rf("alerts", "acknowledge").returncode == ExitCode.DONE


def test_a_line_per_tick_rings_nothing_in_a_pipe_and_runs_the_command_once(rf, tmp_path):
    out = tmp_path / "told"
    extra = profile_with(
        tmp_path,
        f"""
        [alerts]
        rules = [{{ below = "100000 GB", pool = "premium" }}]
        command = ["sh", "-c", "cat >> '{out}'", "$0"]
        """,
    )
    done = rf("monitor", "--plain", "--ticks", "3", "--interval", "0.2", **extra)
    assert done.returncode == ExitCode.DONE
    assert "\a" not in done.stdout + done.stderr
    assert done.stdout.count("warning: Pool premium is below 100000 GB") == 1
    again = rf("monitor", "--plain", "--ticks", "1", **extra)
    assert "warning: Pool premium is below" in again.stdout
    (facts,) = map(json.loads, out.read_text().splitlines())
    assert (facts["pool"], facts["kind"]) == ("premium", "level")
    assert rf("alerts", **extra).stdout.startswith("premium\tbelow 100000 GB\ton")


def test_a_recording_without_a_screen_tells_too(rf, tmp_path):
    out = tmp_path / "told"
    extra = profile_with(
        tmp_path,
        f"""
        [alerts]
        rules = [{{ below = "100000 GB" }}]
        command = ["tee", "-a", '{out}']
        """,
    )
    done = rf("record", str(tmp_path / "x.rec"), "--seconds", "0.5", **extra)
    assert done.returncode == ExitCode.DONE
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert {facts["rule"] for facts in told} == {"below 100000 GB"}
    assert len({facts["pool"] for facts in told}) == len(told) >= 2
    shown = json.loads(rf("replay", str(tmp_path / "x.rec"), "--json").stdout)
    assert {alert["rule"] for alert in shown["alerts"]} == {"below 100000 GB"}


def test_alerts_that_cannot_be_meant_are_refused_with_an_example(rf, tmp_path):
    extra = profile_with(tmp_path, "[alerts]\nrules = [{ within = 'soon' }]\n")
    done = rf("alerts", **extra)
    assert done.returncode == ExitCode.USAGE
    assert "write a time" in done.stderr


def test_the_two_meters_are_in_the_object_and_in_the_lines(rf, sandbox, tmp_path):
    async def write():
        settings = load_settings(environ=environment(tmp_path, sandbox))
        async with Session(settings, holder="monitor") as session:
            for ago, taken in ((100, 0), (60, 0), (20, 80 << 20)):
                left = {"premium": 2 * GIGABYTE - taken}
                at = time.time() - ago
                await session.state.run(records.put_balances, session.key, at, left)

    asyncio.run(write())
    seen = json.loads(rf("monitor", "--json", RF_BASE_URL="http://127.0.0.1:9/api/v1").stdout)
    (pool,) = (pool for pool in seen["pools"] if pool["id"] == "premium")
    assert pool["meters"]["verdict"] == "foreign"
    assert pool["meters"]["excess_bytes"] == 80 << 20
    assert "alert_foreign" in {finding["code"] for finding in seen["findings"]}
    plain = rf("monitor", "--plain", "--ticks", "1", RF_BASE_URL="http://127.0.0.1:9/api/v1")
    assert re.search(r"meters=foreign excess_bytes=83886080\b", plain.stdout)


class Pressed:
    """Hands that remember what they were told to do."""

    def __init__(self):
        self.acknowledged = []

    async def acknowledge(self, alert):
        self.acknowledged.append(alert)
        return "1 alert acknowledged"


def shown(app):
    return app.screen_stack[0].query_one(Canvas).text


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_a_shows_alerts_and_acknowledges_the_one_that_is_chosen():
    hands = Pressed()
    app = MonitorApp(Still(snapshots.degraded()), interval=None, clock=lambda: NOW, hands=hands)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("a")
        assert "foreign use" in shown(app)
        assert "IN WORDS" in shown(app)
        await pilot.press("down", "down", "a")
        await settled(app, pilot)
        assert [alert.rule for alert in hands.acknowledged] == ["empty within 2h"]
        await pilot.press("escape", "a")
        await pilot.press("escape")


async def test_without_a_choice_all_are_acknowledged_and_enter_opens_the_pool():
    hands = Pressed()
    app = MonitorApp(Still(snapshots.degraded()), interval=None, clock=lambda: NOW, hands=hands)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("a", "a")
        await settled(app, pilot)
        assert hands.acknowledged == [None]
        await pilot.press("down", "enter")
        assert "POOL walmart_premium" in shown(app)
