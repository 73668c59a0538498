"""A recording of thirty days: how large, how long a second takes to write, how long to find one."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import snapshots
from support.snapshots import NOW

from rf_core.io.recorder import Recorder
from rf_core.io.recordings import Recording

DAYS = 30
STEP = 60
"""After a day one frame a minute is kept, so a month is written as if it were that old already."""

BUSY_SECONDS = 3_600


def moments(begin, seconds, step, chance):
    """Ten crawls on three pools, every number of which moves."""
    shown = snapshots.crowded()
    pools = shown.pools[:3]
    crawls = list(shown.crawls[:10])
    domains = list(shown.domains[:30])
    left = [pool.balance_bytes for pool in pools]
    for second in range(0, seconds, step):
        at = begin + second
        for number, crawl in enumerate(crawls):
            crawls[number] = replace(
                crawl, down_bytes=crawl.down_bytes + chance.randrange(2_000_000 * step),
                requests=crawl.requests + chance.randrange(90 * step), updated_at=at,
                bytes_per_second=chance.random() * 2e6,
            )  # fmt: skip
        for number, domain in enumerate(domains):
            domains[number] = replace(domain, bytes=domain.bytes + chance.randrange(500_000 * step))
        left = [count - chance.randrange(300_000 * step) for count in left]
        now = tuple(
            replace(pool, balance_bytes=count, balance_at=at, history=((at, count),))
            for pool, count in zip(pools, left, strict=True)
        )
        yield replace(
            shown, taken_at=at, pools=now, crawls=tuple(crawls), domains=tuple(domains)
        )  # fmt: skip


def main():
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "month.rec"
        took, plain = [], 0
        with Recorder(path, most_bytes=10**12) as recorder:
            for snapshot in moments(NOW, DAYS * 86_400, STEP, chance):
                recorder.write(snapshot)
            for snapshot in moments(NOW + DAYS * 86_400, BUSY_SECONDS, 1, chance):
                began = time.process_time()
                recorder.write(snapshot)
                took.append(time.process_time() - began)
                plain = max(plain, len(msgspec.json.encode(snapshot)))
        frames = DAYS * 86_400 // STEP + BUSY_SECONDS
        size = path.stat().st_size
        print(
            f"{DAYS} days in {frames:,} frames: {size / 1e6:.1f} MB, {size / frames:.0f} bytes each"
        )
        print(f"a frame as plain JSON is {plain:,} bytes: {plain * frames / size:.1f} x as much")
        print(f"writing one takes {statistics.median(took) * 1e3:.2f} ms of processor time")
        began = time.perf_counter()
        with Recording(path) as recording:
            opened = time.perf_counter() - began
            found = []
            for _ in range(50):
                moment = chance.uniform(recording.begin, recording.end)
                began = time.perf_counter()
                recording.at(moment)
                found.append(time.perf_counter() - began)
        middle = statistics.median(found)
        print(f"opened in {opened * 1e3:.1f} ms, any moment in {middle * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
