"""Many processes with one key, each doing what it is told; and what the sandbox saw of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from rf_sandbox.sandbox import Sandbox

_CUSTOMER = Path(__file__).with_name("customer.py")


class Customer:
    """One process. `tell` it, and `hear` what came of it."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, _CUSTOMER],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, do: str, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process is gone"
        said: dict[str, Any] = json.loads(line)
        return said

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        self.tell(do, **what)
        return self.hear()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


class Customers:
    """Processes of one user on one machine; none outlives the block."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._env = {name: value for name, value in os.environ.items() if name[:3] != "RF_"}
        self._env |= sandbox.ready["env"] | {
            "RF_STATE_DIR": str(folder / "state"),
            "RF_CACHE_DIR": str(folder / "cache"),
            "RF_CONFIG": str(folder / "none.toml"),
        }
        self.started: list[Customer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for one in self.started:
            if one.process.poll() is None:
                one.kill()

    def start(self, count: int) -> list[Customer]:
        """Start so many, and wait until all of them have an open session."""
        new = [Customer(self._env) for _ in range(count)]
        self.started += new
        for one in new:
            assert one.process.stdout is not None
            assert one.process.stdout.readline() == "ready\n"
        return new

    def calls(self, path: str) -> list[dict[str, Any]]:
        """The calls of one endpoint that the sandbox got."""
        calls = self._sandbox.journal()["calls"]
        return [call for call in calls if call["path"].endswith(f"/{path}")]

    def wait_for_calls(self, path: str, count: int, seconds: float = 20.0) -> float:
        """Wait until so many have come; return how long that took."""
        began = time.monotonic()
        while len(self.calls(path)) < count:
            assert time.monotonic() - began < seconds, self.calls(path)
            time.sleep(0.01)
        return time.monotonic() - began
