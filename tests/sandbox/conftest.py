import pytest
from support.sandboxes import (
    TurnedClock,
    api_of,
    assert_nothing_is_lost,
    proxies_of,
    settled_of,
)
from support.wire import Wire

from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture(scope="session")
def running():
    with Sandbox(seed=5) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running):
    """As new; at the end nothing may be lost, whatever the test did."""
    granted = running.reset()["balances_bytes"]
    running.granted = granted
    yield running
    assert_nothing_is_lost(running, running.granted)


@pytest.fixture
def api(sandbox):
    with api_of(sandbox) as client:
        yield client


@pytest.fixture
def proxies(sandbox):
    """Order credentials: `proxies(quantity, **order)` gives (user name, password) pairs."""
    return lambda quantity=1, **order: proxies_of(sandbox, quantity, **order)


@pytest.fixture
def wire(sandbox):
    """Open raw connections to the gateway."""
    opened = []

    def connect(**options):
        opened.append(Wire(sandbox.gateway, **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def settled(sandbox):
    return lambda: settled_of(sandbox)
