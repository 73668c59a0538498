"""No key and no password in anything that a monitor leaves behind, however it is written there."""

import base64
from dataclasses import replace
from urllib.parse import quote

import msgspec
import pytest
from support import snapshots
from support.generates import CANARY as PASSWORD
from support.generates import Api
from support.invoking import invoke
from support.snapshots import NOW, Still

from rf_core.io.recorder import Recorder
from rf_core.io.recordings import Recording
from rf_core.models import Order
from rf_core.redaction import Secret
from rf_core.snapshot import Finding
from rf_core.spellings import without
from rf_sandbox.sandbox import Sandbox
from rf_tui.accounts import Desk, profile
from rf_tui.app import MonitorApp
from rf_tui.handy import Places

KEY = "rf_live_c4n4ry/+c4n4ry==secret"


def ways(secret):
    """A secret as it may be written: plain, for a URL, in hex, in base64 at any offset."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), raw.hex().encode()}
    for offset in range(3):
        padded = base64.b64encode(b"\0" * offset + raw)
        found.add(padded[4 if offset else 0 : -4])
    return {one for one in found if one}


def holds(data, secret):
    return [one for one in ways(secret) if one in data]


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_pictures_and_exports_hold_no_key_even_where_a_stranger_wrote_it(tmp_path):
    """A server that sends the key back in a sentence, a label, a name, an address."""
    key = KEY.replace("/", "_").replace("+", "-").replace("=", "_")
    shown = snapshots.busy()
    url = f"http://user:{key}@gw.example"
    pools = (replace(shown.pools[0], label=f"label {key}", host=url), *shown.pools[1:])
    crawls = (replace(shown.crawls[0], spider=f"books {key}"), *shown.crawls[1:])
    finding = Finding("error", "x", f"Refused: {key}.", f"See {url}.")
    moment = replace(shown, pools=pools, crawls=crawls, findings=(finding,))
    places = Places(exports=tmp_path, preferences=tmp_path / "monitor.json")
    app = MonitorApp(Still(moment), interval=None, clock=lambda: NOW, places=places)
    async with app.run_test(size=(200, 58)) as pilot:
        await settled(app, pilot)
        for keys in (["i", "e", "E"], ["down", "c", "enter", "i", "e", "E"], ["escape", "m", "i"]):
            await pilot.press(*keys)
            await settled(app, pilot)
        copied = app.clipboard.encode()
    files = list(tmp_path.iterdir())
    assert len(files) >= 8
    for data in (copied, *(path.read_bytes() for path in files)):
        assert holds(data, key) == []


async def test_with_the_generator_open_no_picture_is_drawn_and_no_table_written(tmp_path):
    places = Places(exports=tmp_path)
    app = MonitorApp(
        Still(snapshots.busy()), interval=None, clock=lambda: NOW, places=places, generates=Api()
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("g")
        await pilot.pause()
        assert app.check_action("picture", ()) is False
        await pilot.press("ctrl+e", "i", "E", "c")
        await settled(app, pilot)
        assert holds(app.clipboard.encode(), PASSWORD) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def account(tmp_path, monkeypatch):
    with Sandbox(seed=9) as running:
        config = tmp_path / "config.toml"
        config.write_text(f'[profiles.one]\nkey = "env:ONE"\nbase_url = "{running.ready["api"]}"\n')
        config.chmod(0o600)
        monkeypatch.setenv("ONE", running.ready["key"])
        monkeypatch.setenv("RF_CONFIG", str(config))
        monkeypatch.setenv("RF_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("RF_CACHE_DIR", str(tmp_path / "cache"))
        yield running, profile("one", patience_seconds=10.0)


async def test_a_recording_of_an_account_that_has_ordered_holds_neither(account, tmp_path):
    sandbox, opened = account
    try:
        await opened.snapshot()
        made = await opened.generates.generate(Order(quantity=5))
        passwords = [proxy.password.reveal() for proxy in made.batch().proxies]
        with Recorder(tmp_path / "night.rec") as recorder:
            recorder.write(await opened.refresh())
    finally:
        await opened.aclose()
    with Recording(tmp_path / "night.rec") as recording:
        shown = msgspec.json.encode(recording.at(recording.end))
    assert b"premium" in shown
    for secret in (sandbox.ready["key"], *passwords):
        assert holds(shown, secret) == []
        assert holds((tmp_path / "night.rec").read_bytes(), secret) == []


async def test_a_crash_report_holds_the_key_in_no_spelling(account, tmp_path, capsys):
    sandbox, opened = account
    key = sandbox.ready["key"]
    said = " ".join(way.decode() for way in sorted(ways(key)))
    reports = tmp_path / "reports"
    reports.mkdir()
    look = opened.snapshot

    async def broken():
        await look()
        raise RuntimeError(f"cannot read {said}")

    opened.snapshot = broken
    app = MonitorApp([Desk("one", opened)], interval=None, places=Places(reports=reports))
    with pytest.raises(Exception, match="cannot read"):
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(app, pilot)
    await opened.aclose()
    (report,) = reports.iterdir()
    assert "cannot read" in report.read_text()
    printed = capsys.readouterr()
    for data in (report.read_bytes(), printed.out.encode(), printed.err.encode()):
        assert holds(data, key) == []


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "z", "zz", "zzz"])
@pytest.mark.parametrize("secret", [KEY, "päss/word:@%+ 1", "12345678"])
def test_a_secret_is_found_however_it_is_spelled(secret, before, after):
    text = (before + secret + after).encode()
    spelled = [
        text.decode(), quote(text), quote(text, safe="").lower(), text.hex(), text.hex().upper(),
        base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode(),
    ]  # fmt: skip
    for one in spelled:
        assert holds(without(f"<{one}>", [Secret(secret)]).encode(), secret) == []


def test_what_everybody_may_know_of_a_crash_stays_readable():
    text = 'File "rf_tui/app.py", line 12, in _paint'
    assert without(text, [Secret(KEY), Secret("app")]) == text


@pytest.mark.parametrize(
    "command",
    [("--once",), ("--json",), ("--plain", "--ticks", "2", "--interval", "0.2"),
     ("--plain", "--json", "--ticks", "2", "--interval", "0.2")],
)  # fmt: skip
def test_no_face_of_the_monitor_prints_the_key(command, tmp_path):
    with Sandbox(seed=9) as sandbox:
        done = invoke(tmp_path, sandbox, *command)
        assert done.returncode == 0, done.stderr
        assert "premium" in done.stdout
        for data in (done.stdout, done.stderr):
            assert holds(data.encode(), sandbox.ready["key"]) == []
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert holds(path.read_bytes(), sandbox.ready["key"]) == [], path


def test_the_search_would_find_them():
    for way in ways(KEY):
        assert holds(b"before" + way + b"after", KEY)
    assert holds(base64.b64encode(b"user:" + KEY.encode()), KEY)
