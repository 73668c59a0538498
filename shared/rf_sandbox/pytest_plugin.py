"""A pytest fixture with a running sandbox, for users' own tests of their own spiders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def resifactory_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A fresh sandbox on free ports, with `RF_BASE_URL` and `RF_API_KEY` pointing at it."""
    from rf_sandbox.sandbox import Sandbox  # noqa: PLC0415 - a plugin must load in an instant

    with Sandbox() as running:
        for name, value in running.ready["env"].items():
            monkeypatch.setenv(name, value)
        yield running
