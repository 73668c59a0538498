"""From an answer's bytes to an inventory, against `json.loads` and a list of dataclasses.

Each side runs in processes of its own, in turn; the best time of each counts, and the peak of
memory that the work itself adds. Times are the processor's, so that a busy machine changes nothing
but the noise. Nothing is asserted.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

QUANTITY = 250_000
ROUNDS = 3
FORMATS = ("json", "list")

PRELUDE = """
import asyncio, gc, json, resource, sys, time
from array import array
sys.path.insert(0, {tests!r})
from benchmarks.bench_inventory import pieces_of, peak_of
name = sys.argv[1]
pieces = pieces_of(name)
"""

WORK = {
    "dataclasses": """
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    username: str
    password: str

def work():
    body = bytearray()
    for piece in pieces():
        body += piece
    entries = json.loads(body)["proxies"]
    if isinstance(entries, str):
        fields = (line.split(":", 3) for line in entries.split("\\n") if line)
        return [Proxy(h, int(p), u, w) for h, p, u, w in fields]
    return [Proxy(e["host"], e["port"], e["username"], e["password"]) for e in entries]
""",
    "inventory": """
import msgspec
from rf_core.harvest import Harvest

def work():
    harvest = Harvest()
    for piece in pieces():
        harvest.feed(piece)
    document = msgspec.json.decode(harvest.close())
    for _ in harvest.settle(document):
        pass
    return harvest.delivery(document).proxies
""",
}
MEASURE = """
def measured():
    began = time.process_time()
    result = work()
    return time.process_time() - began, result

if sys.argv[2] == "time":
    seconds, result = measured()
    assert len(result) == {quantity}, len(result)
    print(json.dumps([seconds]))
else:
    before = peak_of()
    seconds, result = measured()
    print(json.dumps([peak_of() - before]))
"""
LOOP = """
import msgspec
from rf_core.harvest import Harvest

async def main():
    harvest, longest, began = Harvest(), 0.0, time.thread_time()

    def turn():
        nonlocal longest, began
        now = time.thread_time()
        longest, began = max(longest, now - began), now

    for piece in pieces():
        began = time.thread_time()  # making a piece is the benchmark's own work
        harvest.feed(piece)
        turn()
        await asyncio.sleep(0)
    document = msgspec.json.decode(harvest.close())
    for _ in harvest.settle(document):
        turn()
        await asyncio.sleep(0)
    inventory = harvest.delivery(document).proxies
    turn()
    return longest

print(json.dumps([asyncio.run(main())]))
"""
ACCESS = """
import random
exec({inventory!r})
inventory = work()
numbers = random.Random(1).choices(range(len(inventory)), k=100_000)
best = 1e9
for _ in range(7):
    began = time.process_time()
    for number in numbers:
        inventory[number]
    best = min(best, time.process_time() - began)
print(json.dumps([best / len(numbers) * 1e6]))
"""


def pieces_of(name):
    """Return what hands out the answer's body as it would arrive, in pieces of 64 KiB."""
    body = Path(f"{name}.body")

    def pieces():
        with body.open("rb") as file:
            while piece := file.read(65_536):
                yield piece

    return pieces


def peak_of():
    """The most memory this process has had, in bytes, by the kernel's own mark."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1_024


def write_bodies(folder):
    lines = [
        ("gate.resifactory.example", 8_000, f"user-country-us-session-{n:012x}", f"{n * 7:018x}")
        for n in range(QUANTITY)
    ]
    facts = {"count": QUANTITY, "country": "us", "is_demo": False, "pool": "premium"}
    entries = [
        {"host": host, "port": port, "username": user, "password": word}
        for host, port, user, word in lines
    ]
    text = "\n".join(f"{host}:{port}:{user}:{word}" for host, port, user, word in lines)
    for name, proxies in (("json", entries), ("list", text)):
        document = {"proxies": proxies} | facts | {"format": name}
        (folder / f"{name}.body").write_text(json.dumps(document))


def run(folder, code, *arguments):
    tests = str(Path(__file__).resolve().parents[1])
    code = PRELUDE.format(tests=tests) + code
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)[0]


def best(folder, sides, *arguments):
    """Run each side in turn, some rounds of it; return the best of each."""
    results = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, code in sides.items():
            results[name].append(run(folder, code, *arguments))
    return {name: min(values) for name, values in results.items()}


def main():
    import tempfile  # noqa: PLC0415 - the measured processes import this module, too

    measure = MEASURE.format(quantity=QUANTITY)
    sides = {name: code + measure for name, code in WORK.items()}
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        write_bodies(folder)
        for name in FORMATS:
            size = (folder / f"{name}.body").stat().st_size / 1e6
            print(f"{QUANTITY:,} credentials as {name}, {size:.1f} MB:")
            seconds = best(folder, sides, name, "time")
            peak = best(folder, sides, name, "memory")
            print(
                f"  time    {seconds['inventory'] * 1e3:6.0f} ms against "
                f"{seconds['dataclasses'] * 1e3:6.0f} ms: "
                f"{seconds['inventory'] / seconds['dataclasses']:.2f}"
            )
            print(
                f"  memory  {peak['inventory'] / 1e6:6.0f} MB against "
                f"{peak['dataclasses'] / 1e6:6.0f} MB: "
                f"{peak['inventory'] / peak['dataclasses']:.2f}"
            )
            held = best(folder, {"loop": LOOP}, name)["loop"]
            print(f"  the loop is held for {held * 1e3:.1f} ms at most")
        access = best(folder, {"access": ACCESS.format(inventory=WORK["inventory"])}, "json")
        print(f"random access: {access['access']:.2f} µs")


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"({time.perf_counter() - began:.0f} s)")
