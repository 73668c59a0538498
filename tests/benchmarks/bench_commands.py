"""What a command takes from the prompt to the prompt, over a bare interpreter.

Prints milliseconds and ratios, the best of several turns: `rf --help`, and facts that are stored
and fresh, which make no call: the sandbox's journal is asked. Processor time is said beside,
because it is what a busy machine leaves as it is.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.crawls import environment

from rf_sandbox.sandbox import Sandbox

TURNS = 15
RF = str(Path(sys.executable).with_name("rf"))
COMMANDS = (
    ("rf --help", ["--help"], 150),
    ("rf balance", ["balance"], 200),
    ("rf balance --json", ["balance", "--json"], 200),
    ("rf limits", ["limits"], None),
    ("rf usage", ["usage"], None),
    ("rf pools", ["pools"], None),
    ("rf crawls", ["crawls"], None),
)


def best(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """The shortest of several turns in milliseconds: by the clock, of processors."""
    walls, processors = [], []
    for _ in range(TURNS):
        before, began = _spent(), time.perf_counter()
        subprocess.run(command, env=env, check=True, capture_output=True)
        walls.append(time.perf_counter() - began)
        processors.append(_spent() - before)
    return 1_000 * min(walls), 1_000 * min(processors)


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Sandbox(seed=1) as sandbox:
        env = environment(Path(folder), sandbox)
        env["PATH"] = os.environ["PATH"]
        for command in (["balance"], ["usage"], ["pools"], ["me"]):
            subprocess.run([RF, *command], env=env, check=True, capture_output=True)
        bare = best([sys.executable, "-c", "pass"], env)
        print(f"{'a bare interpreter':22} {bare[0]:6.0f} ms  {bare[1]:6.0f} ms of processors")
        for name, arguments, bound in COMMANDS:
            calls = len(sandbox.journal()["calls"])
            asking = arguments[0] in {"balance", "usage", "pools"}
            fresh = ["--max-age", "3600"] if asking else []
            wall, processors = best([RF, *arguments, *fresh], env)
            calls = len(sandbox.journal()["calls"]) - calls
            wanted = f"  (at most {bound} ms)" if bound else ""
            assert calls == 0, f"{name} cost {calls} calls"
            print(
                f"{name:22} {wall:6.0f} ms  {processors:6.0f} ms of processors  "
                f"{wall / bare[0]:5.1f} x bare  {calls} calls{wanted}"
            )


if __name__ == "__main__":
    main()
