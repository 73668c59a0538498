import pytest

from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def sandbox():
    """One sandbox a test: balances and windows are its own."""
    with Sandbox(seed=7) as running:
        yield running
