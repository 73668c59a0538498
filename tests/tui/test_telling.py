"""The snapshot in lines and as one object."""

import json
from dataclasses import replace

from support import snapshots
from support.snapshots import NOW

from rf_core.snapshot import Finding
from rf_tui.telling import document, news, tick_line


def test_a_tick_is_one_line_of_words_and_integers():
    line = tick_line(snapshots.busy())
    assert "\n" not in line
    assert " pool=walmart_premium left_bytes=1534066688 drain=draining " in line
    assert " window=reads free=105 limit=120 " in line
    assert " crawl=books state=running wire_bytes=545259520 requests=21004 " in line
    assert " crawl=prices state=finished " in line
    assert line.endswith(" balance_age_seconds=5")


def test_strangers_text_stays_one_word_of_the_line():
    plain = tick_line(replace(snapshots.hostile(), windows=(), crawls=()))
    names = [word for word in plain.split(" ") if word.startswith("pool=")]
    assert len(names) == len(snapshots.HOSTILE)
    assert not [char for char in tick_line(snapshots.hostile()) if ord(char) < 32]


def test_a_finding_is_told_when_it_comes_and_when_it_goes():
    before = (Finding("error", "api_unreachable", "No answer. Balances are 12 s old."),)
    older = (replace(before[0], text="No answer. Balances are 14 s old."),)
    assert news((), before) == ["error: No answer. Balances are 12 s old."]
    assert news(before, older) == []
    assert news(older, ()) == ["over: No answer. Balances are 14 s old."]


def test_the_object_has_what_the_screen_has():
    whole = json.loads(json.dumps(document(snapshots.busy())))
    assert whole["pools"][0]["left_bytes"] == snapshots.busy().pools[0].left_bytes
    assert whole["windows"][1]["free"] == 105
    assert whole["crawls"][0]["wire_bytes"] == 520 << 20
    assert whole["age_seconds"] == {"balance": 5.0, "usage": 12.0, "pools": 300.0}
    assert whole["taken_at"] == NOW


def test_the_object_of_a_hostile_account_is_still_json():
    assert json.loads(json.dumps(document(snapshots.hostile())))["pools"]
