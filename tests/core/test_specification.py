"""What a served OpenAPI document says otherwise than we know."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.specification import ENDPOINTS, Differences, differences
from rf_sandbox.accounts import Account, default_pools
from rf_sandbox.openapi import specification
from rf_sandbox.switches import of_profile


def served(profile="documented"):
    account = Account(42, "jane", default_pools())
    return copy.deepcopy(specification(account, of_profile(profile)))


@pytest.mark.parametrize("profile", ["documented", "adverse"])
def test_the_documented_api_is_what_we_know(profile):
    """C-004"""
    assert differences(served(profile)) == Differences()


def test_what_is_new_is_named():
    """C-147 C-148"""
    document = served()
    document["paths"]["/reports"] = {"get": {"responses": {}}}
    order = document["components"]["schemas"]["Order"]["properties"]
    order["carrier"] = {"type": "string"}
    order["format"]["enum"].append("csv")
    document["components"]["schemas"]["Me"]["properties"]["plan"] = {"type": "string"}
    assert differences(document).new == (
        "the endpoint GET /reports",
        "the parameter carrier of POST /proxies",
        "the value csv of format",
        "plan in the answer of GET /me",
    )
    assert differences(document).gone == ()


def test_what_is_gone_is_named():
    document = served()
    del document["paths"]["/usage"]
    del document["components"]["schemas"]["Order"]["properties"]["state"]
    pools = document["components"]["schemas"]["Pools"]["properties"]["pools"]["items"]
    del pools["properties"]["host"]
    assert differences(document) == Differences(
        (),
        (
            "the endpoint GET /usage",
            "the parameter state of POST /proxies",
            "pools[].host in the answer of GET /pools",
        ),
    )


def test_schemas_may_be_put_together_in_any_way():
    document = served()
    me = document["components"]["schemas"].pop("Me")
    properties = me.pop("properties")
    document["components"]["schemas"]["Me"] = {
        "allOf": [
            {"$ref": "#/components/schemas/Id"},
            {"anyOf": [{"properties": {n: v}} for n, v in properties.items() if n != "id"]},
        ]
    }
    document["components"]["schemas"]["Id"] = {"properties": {"id": properties["id"]}}
    assert differences(document) == Differences()


def test_a_document_that_turns_in_circles_ends():
    document = served()
    document["components"]["schemas"]["Me"] = {"$ref": "#/components/schemas/Me"}
    document["components"]["schemas"]["Balance"] = {
        "properties": {"balances": {"$ref": "#/components/schemas/Balance"}}
    }
    assert "id in the answer of GET /me" in differences(document).gone


@pytest.mark.parametrize("document", [{}, {"openapi": 3}, {"openapi": "3.1.0", "paths": []}])
def test_what_is_no_such_document_is_not_compared(document):
    assert differences(document) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.sampled_from(["paths", "components"]), st.sampled_from(sorted(ENDPOINTS)), json)
def test_no_document_is_too_strange(where, name, value):
    document = served()
    method, _, path = name.partition(" ")
    if where == "paths":
        document["paths"][path][method.lower()] = value
    else:
        document["components"]["schemas"] = value
    differences(document)
