import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.accounts import Pool
from rf_sandbox.credentials import Credentials, Ordered

ORDERS = st.builds(
    Ordered,
    pool=st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
    proxy_type=st.sampled_from(["rotating", "sticky", "mobile_rotating", "mobile_sticky"]),
    country=st.sampled_from(["", "us", "de"]),
    state=st.sampled_from(["", "CA", "NY"]),
    minutes=st.integers(0, 1440),
)


@given(ORDERS)
def test_a_user_name_says_what_was_ordered_and_nothing_is_stored(ordered):
    """C-073"""
    username, password = Credentials(3).mint(ordered)
    assert Credentials(3).check(username, password) == ordered


def test_no_user_name_is_given_twice():
    """C-072"""
    credentials = Credentials(0)
    ordered = Ordered("premium", "rotating", "us", "", 0)
    names = {credentials.mint(ordered)[0] for _ in range(100_000)}
    assert len(names) == 100_000


FORGERIES = {
    "another type": lambda user, password: (user.replace("-r-", "-s-"), password),
    "a longer name": lambda user, password: (user + "x", password),
    "a shorter password": lambda user, password: (user, password[:-1]),
    "no password": lambda user, _: (user, ""),
    "no name": lambda _, password: ("", password),
    "not ASCII": lambda user, password: (user, password + "\N{SNOWMAN}"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_whoever_changes_a_credential_is_unknown(forgery):
    credentials = Credentials(0)
    user, password = credentials.mint(Ordered("premium", "rotating", "us", "", 0))
    assert credentials.check(*FORGERIES[forgery](user, password)) is None


def test_another_sandbox_does_not_know_it():
    given_ = Credentials(1).mint(Ordered("premium", "sticky", "us", "CA", 10))
    assert Credentials(2).check(*given_) is None


def test_demo_credentials_are_never_recognised():
    """C-068, C-070"""
    credentials = Credentials(0)
    demo = [credentials.demo(number) for number in range(100)]
    assert len({user for user, _ in demo}) == 100
    assert all(credentials.check(*one) is None for one in demo)


def test_a_pool_that_no_user_name_could_carry_is_refused():
    with pytest.raises(ValueError, match="letters"):
        Pool("my:pool", "Mine", ["rotating"], 1)
