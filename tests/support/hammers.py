"""Many processes on one key, and what the sandbox saw of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from rf_sandbox.sandbox import Sandbox

_HAMMER = Path(__file__).with_name("hammer.py")


class Hammers:
    """Processes that call as often as they may; none outlives the block."""

    def __init__(self, sandbox: Sandbox, folder: Path, window_seconds: float) -> None:
        self._sandbox = sandbox
        self._window_seconds = window_seconds
        self._env = {name: value for name, value in os.environ.items() if name[:3] != "RF_"}
        self._env |= sandbox.ready["env"] | {
            "RF_STATE_DIR": str(folder / "state"),
            "RF_CACHE_DIR": str(folder / "cache"),
            "RF_CONFIG": str(folder / "none.toml"),
        }
        self.started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self.started:
            process.kill()
            process.communicate(timeout=60)

    def start(self, count: int, seconds: float, *options: float) -> None:
        """Start so many, and wait until all of them hammer."""
        arguments = [str(number) for number in (seconds, self._window_seconds, *options)]
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, _HAMMER, *arguments],
                env=self._env,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.started.append(process)
        for process in self.started:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"

    def arrivals(self, path: str = "proxies") -> list[float]:
        """When calls came, by the sandbox's clock."""
        calls = self._sandbox.journal()["calls"]
        return sorted(call["at"] for call in calls if call["path"].endswith(f"/{path}"))


def share_used(times: list[float], limit: int, window: float, since: float = 0.0) -> float:
    """Of what a rolling window permits for ever: its length, by how long a slot's lap takes.

    The first calls, which find an empty window, are no merit and have no lap.
    """
    laps = [
        later - first for first, later in zip(times, times[limit:], strict=False) if later >= since
    ]
    return window * len(laps) / sum(laps)
