from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandboxes import api_of, settled_of
from support.wire import Wire

from rf_sandbox.accounts import Pool
from rf_sandbox.credentials import Credentials, Order, Ordered
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import Switches

ROTATING = Ordered("premium", "rotating", "us", "", 0)
STICKY = Ordered("premium", "sticky", "us", "CA", 10)
ORDERS = st.builds(
    Ordered,
    pool=st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
    proxy_type=st.sampled_from(["rotating", "sticky", "mobile_rotating", "mobile_sticky"]),
    country=st.sampled_from(["", "us", "de"]),
    state=st.sampled_from(["", "CA", "NY"]),
    minutes=st.integers(0, 1440),
)
READINGS = [
    Switches(rotating_same_username=same, hostile_passwords=hostile, opaque_names=opaque)
    for same, hostile, opaque in product(("no", "yes"), repeat=3)
]


def lines_of(credentials, ordered=ROTATING, count=1, *, key_id=1, now=0.0):
    batch = credentials.order(ordered, key_id=key_id, now=now, count=count)
    return batch.lines(0, count)


def facts_of(known):
    return Ordered(known.pool, known.proxy_type, known.country, known.state, known.minutes)


@given(ORDERS, st.sampled_from(READINGS), st.sampled_from(READINGS))
def test_a_credential_says_what_was_ordered_whatever_is_read_by_then(ordered, then, now):
    """C-063, C-072, C-073"""
    ((username, password),) = lines_of(Credentials(3, then), ordered)
    assert facts_of(Credentials(3, now).check(username, password)) == ordered


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 9), st.floats(0, 1e9)), min_size=1),
    st.sampled_from(READINGS),
    st.data(),
)
def test_a_credential_tells_when_it_was_made_and_with_which_key(orders, switches, data):
    """C-164, C-165: by one small record for each order."""
    credentials = Credentials(0, switches)
    batches = [
        credentials.order(STICKY, key_id=key_id, now=made, count=count)
        for count, key_id, made in orders
    ]
    assert len(credentials.orders) == len(orders)
    at = data.draw(st.integers(0, len(orders) - 1))
    count, key_id, made = orders[at]
    number = data.draw(st.integers(0, count - 1))
    (line,) = batches[at].lines(number, number + 1)
    known = credentials.check(*line)
    assert (known.made, known.key_id) == (made, key_id)


def test_records_that_were_kept_make_old_credentials_tell_the_same():
    """C-164, C-165"""
    first = Credentials(0)
    old = [lines_of(first, count=3, key_id=key, now=key * 100.0)[2] for key in (1, 2)]
    second = Credentials(0)
    second.remember(first.orders)
    assert [second.check(*line) for line in old] == [first.check(*line) for line in old]
    assert not {*lines_of(second, count=9)} & {*lines_of(Credentials(0), count=6)}


def test_a_credential_from_before_anybody_kept_records_still_works():
    known = Credentials(0).check(*lines_of(Credentials(0), count=5)[4])
    assert (known.made, known.key_id) == (None, None)
    later = Credentials(0)
    later.remember([Order(first=4, count=1, made=1.0, key_id=1)])
    lines = lines_of(Credentials(0), count=5)
    assert [later.check(*line).made for line in lines] == [None, None, None, 1.0, None]


@pytest.mark.parametrize("opaque", ["no", "yes"])
def test_no_user_name_is_given_twice(opaque):
    """C-072, C-073"""
    credentials = Credentials(0, Switches(opaque_names=opaque))
    names = {name for _ in range(5) for name, _ in lines_of(credentials, count=20_000)}
    assert len(names) == 100_000


@pytest.mark.parametrize("kind", ["rotating", "mobile_rotating", "sticky", "mobile_sticky"])
def test_a_rotating_order_may_repeat_one_line_and_a_sticky_one_never_does(kind):
    """C-072, the other reading: `rotating_same_username`."""
    credentials = Credentials(0, Switches(rotating_same_username="yes"))
    lines = lines_of(credentials, Ordered("premium", kind, "us", "", 10), 50)
    assert len(set(lines)) == (50 if "sticky" in kind else 1)
    assert lines[0] not in lines_of(credentials, count=2)


def test_opaque_names_tell_neither_country_nor_session_and_go_into_any_url():
    """C-073, the other reading: `opaque_names`."""
    credentials = Credentials(0, Switches(opaque_names="yes"))
    names = [name for name, _ in lines_of(credentials, STICKY, 500)]
    assert not any(word in name.lower() for name in names for word in ("premium", "-us", "-ca-"))
    assert {letter for name in names for letter in name} <= {
        *"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"
    }
    for at in range(len(names[0]) - 1):  # no column holds still: nothing of an order shows
        assert len({name[at] for name in names}) > 30


def test_hostile_passwords_hold_every_mark_at_every_end():
    """C-063, the other reading: `hostile_passwords`."""
    credentials = Credentials(0, Switches(hostile_passwords="yes"))
    lines = lines_of(credentials, count=500)
    assert all(set(":@/%#") <= set(password) for _, password in lines)
    assert {password[0] for _, password in lines} >= set(":@/%#")
    assert not any(set(":@/%#") & set(name) for name, _ in lines)


FORGERIES = {
    "another type": lambda user, password: (user.replace("-r-", "-s-"), password),
    "a longer name": lambda user, password: (user + "x", password),
    "a shorter password": lambda user, password: (user, password[:-1]),
    "no password": lambda user, _: (user, ""),
    "no name": lambda _, password: ("", password),
    "not ASCII": lambda user, password: (user, password + "\N{SNOWMAN}"),
    "no dash": lambda user, password: (user.replace("-", ""), password),
    "a password in capitals": lambda user, password: (user, password.swapcase()),
}


@pytest.mark.parametrize("switches", READINGS, ids=range(8))
@pytest.mark.parametrize("forgery", FORGERIES)
def test_whoever_changes_a_credential_is_unknown(forgery, switches):
    credentials = Credentials(0, switches)
    for line in lines_of(credentials, count=20):
        forged = FORGERIES[forgery](*line)
        assert forged == line or credentials.check(*forged) is None


@given(st.text(max_size=60).filter(lambda text: text.isprintable()), st.text(max_size=30))
def test_nobody_guesses_a_credential(username, password):
    assert Credentials(0).check(username, password) is None


def test_another_sandbox_does_not_know_it():
    assert Credentials(2).check(*lines_of(Credentials(1), STICKY)[0]) is None


def test_demo_credentials_are_never_recognised():
    """C-068, C-070"""
    credentials = Credentials(0)
    demo = [credentials.demo(number) for number in range(100)]
    assert len({user for user, _ in demo}) == 100
    assert all(credentials.check(*one) is None for one in demo)
    assert all(credentials.is_demo(*one) for one in demo)
    assert not credentials.is_demo(*lines_of(credentials)[0])


def test_a_pool_that_no_user_name_could_carry_is_refused():
    with pytest.raises(ValueError, match="letters"):
        Pool("my:pool", "Mine", ["rotating"], 1)


# As they are printed, through the gateway


def ordered_in(api, form, **order):
    """Order two lines; read them by the documented rules."""
    answer = api.post("/proxies", json={"quantity": 2, "format": form, **order}).json()
    match form:
        case "json":
            return [(entry["username"], entry["password"]) for entry in answer["proxies"]]
        case "list":
            return [tuple(line.split(":", 3)[2:]) for line in answer["proxies"].split("\n")]
        case _:
            users = [line.rsplit("@", 1)[0] for line in answer["proxies"].split("\n")]
            return [tuple(user.split(":", 1)) for user in users]


def status_of(sandbox, credential):
    with Wire(sandbox.gateway) as wire:
        return wire.get(f"{sandbox.site_http}/ip", credential).status


@pytest.mark.parametrize("form", ["list", "userpass", "json"])
def test_every_reading_of_names_and_passwords_works_as_printed(sandbox, api, form):
    """C-063, C-072, C-073, in all three formats."""
    sandbox.switch(hostile_passwords="yes", opaque_names="yes", rotating_same_username="yes")
    lines = ordered_in(api, form)
    assert lines[0] == lines[1]
    sandbox.switch(hostile_passwords="no", opaque_names="no", rotating_same_username="no")
    lines += ordered_in(api, form, proxyType="sticky")
    assert len(set(lines)) == 3
    assert [status_of(sandbox, line) for line in lines] == [200] * 4


def test_credentials_outlive_their_key_or_die_with_it(sandbox):
    """C-013, C-165: `revoke_kills_proxies`."""
    made = sandbox.make_key("proxies:generate")
    with api_of(sandbox, made["key"]) as api:
        mine = ordered_in(api, "json")[0]
    with api_of(sandbox) as api:
        others = ordered_in(api, "json")[0]
    sandbox.revoke_key(made["id"])
    assert status_of(sandbox, mine) == 200
    sandbox.switch(revoke_kills_proxies="yes")
    assert [status_of(sandbox, mine), status_of(sandbox, others)] == [407, 200]
    refused = settled_of(sandbox)[1]
    assert (refused["status"], refused["username"], refused["billed"]) == (407, mine[0], False)


def test_a_quarter_of_a_million_lines_are_told_by_one_record():
    """C-077"""
    with Sandbox() as sandbox, api_of(sandbox) as api:
        text = api.post("/proxies", json={"quantity": 250_000}).json()["proxies"]
        assert len(set(text.split("\n"))) == 250_000
        assert len(sandbox._servers.world.credentials.orders) == 1
