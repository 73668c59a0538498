"""What one update of a forecast costs, on as many readings as are kept; best of many."""

import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.drains import FAMILIES, case

from rf_core.forecast import forecast
from rf_core.io.records import KEPT_READINGS

ROUNDS = 30


def main():
    for name in FAMILIES:
        seen = case(name, 3)
        gap = (seen.readings[-1].at - seen.readings[0].at) / (len(seen.readings) - 1)
        before = [
            type(first)(first.at - gap * n, first.balance_bytes, first.spent_bytes)
            for first in seen.readings[:1]
            for n in range(KEPT_READINGS - len(seen.readings), 0, -1)
        ]
        readings = [*before, *seen.readings]
        took = []
        for _ in range(ROUNDS):
            began = time.process_time()
            forecast(readings, now=seen.now, changes=(), chance=Random(1))
            took.append(time.process_time() - began)
        print(f"{name:14} {len(readings)} readings: {min(took) * 1e3:.2f} ms an update")


if __name__ == "__main__":
    main()
