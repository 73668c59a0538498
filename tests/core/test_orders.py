"""Orders against what the API lists, before a call is spent."""

import pytest

from rf_core import parsing
from rf_core.errors import OrderError
from rf_core.models import Order
from rf_core.orders import check

DOCUMENT = {
    "pools": [
        {"id": "shop_premium", "label": "", "host": "", "proxy_types": ["rotating", "sticky"]},
        {"id": "mobile", "label": "", "host": "", "proxy_types": ["mobile_sticky"]},
    ],
    "targeting": {
        "countries": ["us", "gb", "de"],
        "us_states": ["CA", "TX"],
        "session_minutes": {"min": 5, "max": 60},
        "carriers": [],
    },
}
DISCOVERY = parsing.discovery(DOCUMENT)


def refused(order, discovery=DISCOVERY):
    with pytest.raises(OrderError) as caught:
        check(order, discovery)
    return caught.value


def test_an_order_is_put_into_the_providers_spelling():
    """C-037 C-048"""
    assert check(Order(country=" US ", state="ca"), DISCOVERY) == Order(country="us", state="CA")


def test_a_session_length_means_nothing_to_a_rotating_type():
    """C-045"""
    assert check(Order(session_minutes=99_999), DISCOVERY).session_minutes is None


@pytest.mark.parametrize(
    ("order", "field", "valid"),
    [
        (Order(pool="shop"), "pool", ("shop_premium", "mobile")),
        (Order(pool="mobile", proxy_type="rotating"), "proxy_type", ("mobile_sticky",)),
        (Order(country="fr"), "country", ("us", "gb", "de")),
        (Order(country="us", state="ZZ"), "state", ("CA", "TX")),
        (
            Order(proxy_type="sticky", session_minutes=61),
            "session_minutes",
            ("5", "60"),
        ),
    ],
)
def test_what_is_not_listed_is_refused_with_what_is(order, field, valid):
    """C-042 C-044 C-049"""
    error = refused(order)
    assert error.field == field
    assert error.valid == valid
    assert all(value in str(error) for value in valid)


def test_a_near_miss_is_guessed():
    assert "Did you mean shop_premium?" in str(refused(Order(pool="shop_premum")))


def test_a_long_list_is_cut():
    countries = tuple(f"c{number:03}" for number in range(200))
    targeting = parsing.discovery(
        DOCUMENT | {"targeting": DOCUMENT["targeting"] | {"countries": list(countries)}}
    ).targeting
    many = type(DISCOVERY)(pools=DISCOVERY.pools, targeting=targeting)
    error = refused(Order(country="xx"), many)
    assert "and 176 more" in str(error)
    assert error.valid == countries


@pytest.mark.parametrize(("country", "state"), [("de", "CA"), (None, "CA")])
def test_a_state_needs_country_us(country, state):
    """C-047"""
    assert refused(Order(country=country, state=state), None).field == "state"


@pytest.mark.parametrize("quantity", [0, -1, 250_001])
def test_a_quantity_out_of_range_is_refused_without_discovery_too(quantity):
    """C-039"""
    assert refused(Order(quantity=quantity), None).field == "quantity"


@pytest.mark.parametrize("quantity", [1, 250_000])
def test_both_ends_of_the_range_are_good(quantity):
    """C-039"""
    assert check(Order(quantity=quantity), DISCOVERY).quantity == quantity


def test_without_discovery_the_api_decides():
    """C-049: nothing is hard-coded"""
    order = Order(pool="anything", country="zz", proxy_type="satellite")
    assert check(order, None) == order


def test_without_a_pool_any_pools_type_may_be_meant():
    """C-036: the default pool is not known"""
    assert check(Order(proxy_type="mobile_sticky"), DISCOVERY).pool is None


def test_a_key_without_pools_is_told_so():
    """C-104"""
    nothing = type(DISCOVERY)(pools=(), targeting=DISCOVERY.targeting)
    assert "no pools" in str(refused(Order(), nothing))


def test_a_strangers_text_cannot_write_on_the_terminal():
    assert "\x1b" not in str(refused(Order(pool="\x1b[2Jgone")))
