"""How light the sandbox is: ready when, how large, and how a great order keeps others waiting."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

COMMAND = [sys.executable, "-c", "from rf_tui.cli.main import run; raise SystemExit(run())"]
STARTS = 5
LINES = 250_000
MEBIBYTE = 1024 * 1024


@contextmanager
def started():
    """Start `rf sandbox`; give its ready document, and the seconds until it was there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ready.json"
        began = time.perf_counter()
        process = subprocess.Popen(
            [*COMMAND, "sandbox", "--ready-file", path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not path.exists():
                time.sleep(0.002)
            seconds = time.perf_counter() - began
            yield json.loads(path.read_text()), seconds, process.pid
        finally:
            process.terminate()
            process.wait(10)


def bare_interpreter() -> float:
    """Seconds that Python itself takes: the floor of any start."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def resident(pid: int) -> float:
    """Resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def stalls(ready, answer_format: str) -> tuple[float, list[float]]:
    """Order a quarter of a million; return its seconds, and those of the reads meanwhile."""
    headers = {"Authorization": f"Bearer {ready['key']}"}
    control = {"Authorization": f"Bearer {ready['control_token']}"}
    with httpx.Client(base_url=ready["control"], headers=control, trust_env=False) as client:
        client.patch("/limits", json={"generate": 1_000, "reads": 1_000_000})
    taken: list[float] = []

    def order() -> None:
        body = {"quantity": LINES, "format": answer_format}
        began = time.perf_counter()
        # In a process of its own: what the client does must not count.
        code = (
            "import http.client, sys, json\n"
            "c = http.client.HTTPConnection(sys.argv[1], timeout=120)\n"
            "c.request('POST', '/api/v1/proxies', sys.argv[2], json.loads(sys.argv[3]))\n"
            "r = c.getresponse(); n = 0\n"
            "while piece := r.read(65536): n += len(piece)\n"
            "assert n > 10_000_000, n\n"
        )
        head = headers | {"Content-Type": "application/json"}
        address = ready["api"].split("/")[2]
        subprocess.run(
            [sys.executable, "-c", code, address, json.dumps(body), json.dumps(head)], check=True
        )
        taken.append(time.perf_counter() - began)

    waits = []
    with httpx.Client(base_url=ready["api"], headers=headers, trust_env=False) as client:
        client.get("/me")
        thread = threading.Thread(target=order)
        thread.start()
        while thread.is_alive():
            began = time.perf_counter()
            client.get("/me")
            waits.append(time.perf_counter() - began)
            time.sleep(0.002)
        thread.join()
    return taken[0], waits


def main() -> None:
    floors = [bare_interpreter() for _ in range(STARTS)]
    times, sizes = [], []
    for _ in range(STARTS):
        with started() as (_ready, seconds, pid):
            times.append(seconds)
            sizes.append(resident(pid))
    ready_in = statistics.median(times)
    print(
        f"ready in {ready_in:.2f} s (max {max(times):.2f}; wanted < 0.8), "
        f"{ready_in / statistics.median(floors):.0f} x a bare interpreter"
    )
    print(f"idle {statistics.median(sizes):.0f} MiB (wanted < 80)")
    with started() as (ready, _seconds, pid):
        for answer_format in ("list", "json", "userpass"):
            seconds, waits = stalls(ready, answer_format)
            waits.sort()
            print(
                f"{LINES:,} proxies as {answer_format}: {seconds:.1f} s; {len(waits)} reads "
                f"meanwhile, p50 {waits[len(waits) // 2] * 1000:.1f} ms, "
                f"p99 {waits[int(len(waits) * 0.99)] * 1000:.1f} ms, max {waits[-1] * 1000:.1f} ms "
                "(wanted < 50)"
            )
        print(f"afterwards {resident(pid):.0f} MiB")


if __name__ == "__main__":
    main()
