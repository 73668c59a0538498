"""An order that is being written: every field judged as it is typed, by what the API lists."""

import json
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_core.models import MAX_QUANTITY
from rf_tui.order_form import FIELDS, Form, body_of, command_of, discovery_of, nearest
from rf_tui.order_rules import judged, may_send

BUSY = snapshots.busy()
LISTED = discovery_of(
    replace(BUSY, pools=(BUSY.pools[0], replace(BUSY.pools[1], proxy_types=("mobile_sticky",))))
)


def filled(**texts):
    form = Form()
    for number, (name, _) in enumerate(FIELDS):
        if name in texts:
            form = form.pointed(number).written(texts[name])
    return form


def verdict(name, **texts):
    return judged(filled(**texts), LISTED)[name]


def test_a_form_begins_with_an_order_that_may_be_sent():
    assert may_send(judged(Form(), LISTED))
    assert may_send(judged(Form(), None))
    assert json.loads(body_of(Form()))["quantity"] == 10


@pytest.mark.parametrize(
    ("name", "texts", "near"),
    [
        ("pool", {"pool": "walmart"}, ("walmart_premium",)),
        ("country", {"country": "uk"}, None),
        ("country", {"country": "d"}, ("de",)),
        ("state", {"country": "us", "state": "C"}, ("CA",)),
        ("state", {"state": "CA"}, None),
        ("type", {"pool": "retail_select", "type": "mobile"}, ("mobile_sticky",)),
        ("type", {"pool": "walmart_premium", "type": "mobile_sticky"}, None),
        ("minutes", {"type": "sticky", "minutes": "5000"}, ("720",)),
        ("minutes", {"type": "sticky", "minutes": "ten"}, None),
        ("quantity", {"quantity": "0"}, None),
        ("quantity", {"quantity": "1000001"}, None),
        ("format", {"format": "lost"}, ("list",)),
    ],
)
def test_what_is_not_listed_is_told_with_what_comes_close(name, texts, near):
    found = verdict(name, **texts)
    assert not found.is_good
    assert found.text
    if near is not None:
        assert found.nearest[: len(near)] == near
    assert not may_send(judged(filled(**texts), LISTED))


def test_a_field_is_not_blamed_for_another_one():
    verdicts = judged(filled(pool="nowhere", country="us", state="CA", type="sticky"), LISTED)
    assert [name for name, found in verdicts.items() if not found.is_good] == ["pool"]
    verdicts = judged(filled(country="xx", pool="retail_select", type="mobile_sticky"), LISTED)
    assert [name for name, found in verdicts.items() if not found.is_good] == ["country"]


def test_spelling_is_the_providers_and_minutes_are_not_sent_where_they_mean_nothing():
    order = filled(country=" US", state="ca", type="Sticky", minutes="30").order()
    assert (order.country, order.state, order.proxy_type) == ("us", "CA", "sticky")
    assert order.session_minutes == 30
    assert filled(type="rotating", minutes="30").order().session_minutes is None
    assert verdict("minutes", type="rotating", minutes="999999").is_good


def test_without_discovery_nothing_is_refused_and_the_api_decides():
    form = filled(pool="whatever", country="zz")
    assert may_send(judged(form, None))
    assert form.values(None) == []


def test_arrows_go_through_what_is_valid_and_around():
    form = Form()
    seen = []
    for _ in range(3):
        form = form.stepped(1, LISTED)
        seen.append(form.text("pool"))
    assert seen == ["walmart_premium", "retail_select", "walmart_premium"]
    assert filled(country="g").stepped(1, LISTED).text("country") == "gb"
    assert Form().pointed(7).stepped(1, LISTED) == Form().pointed(7)  # a file is anything


def test_types_to_choose_are_those_of_the_pool():
    assert filled(pool="retail_select").values(LISTED, "type") == ["mobile_sticky"]
    assert filled().values(LISTED, "type") == ["mobile_sticky", "rotating", "sticky"]
    assert filled(country="de").values(LISTED, "state") == []


@pytest.mark.parametrize(("quantity", "slots"), [("1", 1), ("250000", 1), ("250,001", 2)])
def test_every_quarter_million_costs_a_slot(quantity, slots):
    form = filled(quantity=quantity)
    assert form.slots == slots
    assert json.loads(body_of(form))["quantity"] <= MAX_QUANTITY


def test_the_command_that_does_the_same_is_one_a_shell_reads_back():
    form = filled(pool="a b", country="us", type="sticky", minutes="30", file="x y.txt")
    words = shlex.split(command_of(form))
    assert words[:2] == ["rf", "generate"]
    assert words[words.index("--pool") + 1] == "a b"
    assert words[words.index("-o") + 1] == "x y.txt"


def test_values_that_begin_like_it_come_first():
    assert nearest("re", ["premium", "retail", "replica"])[:2] == ("retail", "replica")
    assert nearest("", ["a"]) == ()


@given(
    st.lists(st.sampled_from(["type", "erase", "clear", "step", "move"]), max_size=40), st.text()
)
def test_no_key_breaks_the_form(keys, text):
    form = Form()
    for key in keys:
        form = {
            "type": lambda form: form.typed(text),
            "erase": lambda form: form.erased(),
            "clear": lambda form: form.cleared(),
            "step": lambda form: form.stepped(1, LISTED),
            "move": lambda form: form.moved(1),
        }[key](form)
        assert judged(form, LISTED)
        assert body_of(form)
        assert command_of(form)
        assert all(len(form.text(name)) <= 200 for name, _ in FIELDS)
