"""What a person takes from the screen, and chooses about it."""

import csv
import json
import re
from datetime import date
from decimal import Decimal

import pytest
from support import snapshots
from support.snapshots import NOW, Still

from rf_core.prices import Price
from rf_tui.app import MonitorApp
from rf_tui.handy import Places
from rf_tui.widgets.canvas import Canvas


def app_on(tmp_path, moment=None, **options):
    places = Places(exports=tmp_path, preferences=tmp_path / "monitor.json")
    source = Still(moment or snapshots.busy())
    return MonitorApp(source, interval=None, clock=lambda: NOW, places=places, **options)


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


def shown(app):
    return app.screen_stack[0].query_one(Canvas).text


def said(app):
    return [notice.message for notice in app._notifications]


def taken(folder, end):
    (path,) = folder.glob(f"rf-*{end}")
    assert path.stat().st_mode & 0o777 == 0o600
    return path


async def test_the_chosen_row_goes_to_the_clipboard(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("c")
        assert said(app) == ["Choose a row first: ↓ or a click does."]
        await pilot.press("down", "c")
        assert app.clipboard.startswith("pool=walmart_premium label=Walmart_Premium ")


async def test_e_writes_the_table_of_the_chosen_row(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("down", "e")
        await settled(app, pilot)
        path = taken(tmp_path, "pools.csv")
        assert said(app) == [f"2 rows of pools are in {path}, for your eyes only (0600)."]
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [row["pool"] for row in rows] == ["walmart_premium", "retail_select"]


async def test_with_nothing_chosen_every_table_of_the_page_is_written_beside_what_is_there(
    tmp_path,
):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for _ in range(3):
            await pilot.press("e")
            await settled(app, pilot)
        names = sorted(path.name for path in tmp_path.glob("rf-*.csv"))
        assert len(names) == 12
        assert {re.split(r"\d-", name)[-1] for name in names} == {
            "crawls.csv", "domains.csv", "pools.csv", "windows.csv"
        }  # fmt: skip


async def test_shift_e_writes_the_page_as_one_object(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("E")
        await settled(app, pilot)
        document = json.loads(taken(tmp_path, "overview.json").read_text())
        assert document["page"] == "overview"
        assert document["pools"][1]["left_bytes"] == 6 << 30


async def test_i_draws_the_screen_and_the_picture_fetches_nothing(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("i")
        await settled(app, pilot)
        svg = taken(tmp_path, "screen.svg").read_text()
        assert "walmart_premium" in svg
        assert re.findall(r"https?://(?!www\.w3\.org)\S+", svg) == []


async def test_where_nothing_can_be_written_a_sentence_says_so(tmp_path):
    app = app_on(tmp_path / "missing")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("i")
        await settled(app, pilot)
        (sentence,) = said(app)
        assert f"Nothing was written to {tmp_path / 'missing'}: No such file" in sentence
        assert "Start rf in a folder of yours" in sentence


async def test_a_masked_screen_gives_nothing_away_in_any_form(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("tab", "m", "c", "e", "E", "i")
        await settled(app, pilot)
        texts = [path.read_text() for path in tmp_path.glob("rf-*")]
        assert len(texts) == 3
        for text in (*texts, app.clipboard, shown(app)):
            assert "pool-1" in text
            for name in ("walmart", "books", "jane_doe", "1.43", "x7kQ", str(6 << 30)):
                assert name not in text.lower()
        assert "masked" in shown(app)
        await pilot.press("m")
        assert "▸walmart_premium" in shown(app)


async def test_units_go_round_and_dollars_are_among_them_where_there_is_a_price(tmp_path):
    prices = (Price(Decimal(3), date(2026, 1, 1)),)
    for options, others in (({}, 5), ({"prices": prices}, 6)):
        app = app_on(tmp_path, **options)
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(app, pilot)
            seen = []
            for _ in range(others):
                seen.append(shown(app))
                await pilot.press("u")
            assert "6.0000 GB" in shown(app)
            assert "6,442,450,944 B" in seen[4]
            assert ("$18.00" in seen[-1]) is bool(options)


async def test_order_unit_theme_and_mask_are_kept_for_the_next_time(tmp_path):
    app = app_on(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("down", "s", "u", "m")
        app.theme = "high-contrast"
        await pilot.pause()
    again = app_on(tmp_path)
    async with again.run_test(size=(120, 40)) as pilot:
        await settled(again, pilot)
        assert again.theme == "high-contrast"
        assert "left▾" in shown(again)
        assert "masked" in shown(again)
        assert again.amounts.unit == "GB"


async def test_without_colours_the_theme_is_the_terminals_own(tmp_path, monkeypatch):
    (tmp_path / "monitor.json").write_text('{"theme": "nord"}')
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        assert app.theme == "ansi-dark"
    assert json.loads((tmp_path / "monitor.json").read_text()) == {"theme": "nord"}


async def test_looks_come_more_often_or_less(tmp_path):
    app = app_on(tmp_path)
    app._interval = 1.0
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert app._interval == 5.0
        assert said(app)[-1] == "A look every 5.0 s."
        await pilot.press(*["less_than_sign"] * 9)
        assert app._interval == 0.2


def luminance(colour):
    parts = [part / 255 for part in colour.get_truecolor()]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("style", ["", "dim", "bold", "head", "good", "warn", "bad", "accent"])
async def test_high_contrast_is_what_its_name_says(tmp_path, style):
    app = app_on(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = "high-contrast"
        await pilot.pause()
        canvas = app.query_one(Canvas)
        drawn = canvas.get_component_rich_style(f"canvas--{style}") if style else canvas.rich_style
        light, dark = sorted((luminance(drawn.color), luminance(drawn.bgcolor)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 7
