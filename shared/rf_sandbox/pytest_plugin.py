"""A pytest fixture with a running sandbox, for users' own tests of their own spiders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from rf_sandbox.sandbox import Sandbox

MARKER: Final = "resifactory_sandbox"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): options of the sandbox that the fixture of that name starts: "
        "profile, seed, clock, pools, state and what else rf_sandbox.sandbox.Sandbox takes",
    )


@pytest.fixture
def resifactory_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """A fresh sandbox on free ports, with `RF_BASE_URL` and `RF_API_KEY` pointing at it.

    Its options come from the marker of the same name, the nearest one first.
    """
    from rf_sandbox.sandbox import Sandbox  # noqa: PLC0415 - a plugin must load in an instant

    options: dict[str, object] = {}
    for marker in request.node.iter_markers(MARKER):
        options = {**marker.kwargs, **options}
    with Sandbox(**options) as running:  # type: ignore[arg-type] # the user's own words
        for name, value in running.ready["env"].items():
            monkeypatch.setenv(name, value)
        yield running
