"""What the package offers by name."""

import subprocess
import sys

import pytest

import rf_core


@pytest.mark.parametrize("name", rf_core.__all__)
def test_every_name_it_offers_can_be_had(name):
    assert getattr(rf_core, name) is not None


def test_a_name_it_does_not_offer_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rf_core.nothing  # noqa: B018 - asking is the point


def test_importing_it_loads_none_of_what_it_offers():
    code = "import sys, rf_core; print([n for n in sys.modules if n.startswith('rf_core.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
