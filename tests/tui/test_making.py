"""What an order brings: how it is asked for, masked, copied and written."""

import json
import stat

import pytest
from support.generates import CANARY, Api, made_of, proxies

from rf_core.errors import OrderError, TransportError
from rf_core.inventory import Delivery, Inventory
from rf_core.models import MAX_QUANTITY, Order, Proxy
from rf_core.redaction import Secret
from rf_tui.making import MOST_COPIED_BYTES, Made, copied, export, make, shown


async def test_a_large_order_is_several_calls_and_only_the_first_is_urgent():
    api, made = Api(), Made(2 * MAX_QUANTITY + 5)
    await make(api, Order(pool="premium"), made)
    assert api.asked == [
        (MAX_QUANTITY, "interactive"), (MAX_QUANTITY, "normal"), (5, "normal")
    ]  # fmt: skip
    assert made.calls == 3
    assert made.count == 9 + 9 + 5


async def test_repeats_are_left_out_and_counted():
    class Repeating(Api):
        async def generate(self, order, harvest=None, *, priority="normal"):
            delivery = await super().generate(order, harvest, priority=priority)
            again = Inventory.of([*delivery.proxies, delivery.proxies[0]])
            return Delivery(again, delivery.facts)

    made = Made(4)
    await make(Repeating(), Order(), made)
    assert (made.count, made.repeats) == (4, 1)


async def test_demo_credentials_end_it_after_one_call():
    api, made = Api(is_demo=True), Made(2 * MAX_QUANTITY)
    await make(api, Order(), made)
    assert len(api.asked) == 1
    assert made.is_demo


async def test_what_came_before_a_failure_is_kept():
    made = Made(2 * MAX_QUANTITY)
    with pytest.raises(TransportError):
        await make(Api(fails_at=2), Order(), made)
    assert made.count == 9


@pytest.mark.parametrize("name", ["list", "userpass", "url", "json"])
def test_what_is_shown_has_stars_until_somebody_wants_to_see_it(name):
    made = made_of(proxies(30))
    masked = "\n".join(shown(made, name, 5, revealed=False))
    assert masked.count("gw.example") == 5
    assert CANARY not in masked
    assert "session-0" not in masked
    assert "****" in masked
    assert CANARY in "\n".join(shown(made, name, 5, revealed=True))


def test_a_short_user_name_is_not_shown_at_all():
    made = made_of(proxies(1, username="bob"))
    assert shown(made, "list", 5, revealed=False) == ["gw.example:8000:****:****"]


def test_made_cannot_print_its_credentials():
    assert CANARY not in repr(made_of(proxies(3)))
    assert "session" not in repr(made_of(proxies(3)))


@pytest.mark.parametrize("name", ["list", "userpass", "url", "json"])
def test_a_clipboard_gets_whole_lines_and_no_more_than_it_takes(name):
    text, number = copied(made_of(proxies(5_000)), name)
    assert len(text.encode()) <= MOST_COPIED_BYTES
    assert 200 < number < 5_000
    if name == "json":
        assert len(json.loads(text)) == number
    else:
        assert len(text.splitlines()) == number
        assert text.endswith("\n")


def test_a_few_are_copied_whole():
    text, number = copied(made_of(proxies(3)), "list")
    assert number == 3
    assert text.splitlines()[0] == f"gw.example:8000:user-country-us-session-0:{CANARY}"


def test_a_file_is_for_its_owner_alone_and_has_all_of_them(tmp_path):
    file = tmp_path / "proxies.txt"
    made = made_of(proxies(2_000))
    made.inventories.append(Inventory.of(proxies(500, first=2_000)))
    assert export(made, "list", file) == 2_500
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(file.read_text().splitlines())) == 2_500


def test_a_file_that_cannot_hold_them_all_is_not_there(tmp_path):
    file = tmp_path / "proxies.txt"
    made = made_of([*proxies(3), Proxy("gw.example", 1, "a:b", Secret("x"))])
    with pytest.raises(OrderError, match="colon"):
        export(made, "list", file)
    assert list(tmp_path.iterdir()) == []
