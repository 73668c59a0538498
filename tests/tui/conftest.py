"""`rf` as a user runs it who has pasted what a sandbox printed."""

from functools import partial

import pytest
from support.invoking import invoke

from rf_sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=3) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    """As new for each test."""
    servers.reset()
    return servers


@pytest.fixture
def rf(tmp_path, sandbox, monkeypatch):
    """In this process, and without a terminal unless one is asked for."""
    monkeypatch.chdir(tmp_path)
    return partial(invoke, tmp_path, sandbox)
