"""Days of a pool that only our crawls use, as two meters show them."""

import math

from rf_core.drain import Reading
from rf_core.units import BALANCE_QUANTUM, GIGABYTE

DAY = 86_400
BUSY, IDLE = 8.0, 30.0


def played_day(chance):
    """One day's readings: crawls of all sizes come and go; the provider is late, seldom, or not."""
    lag, cadence = chance.choice([0, 0, 0, 45, 300]), chance.choice([0, 0, 60])
    rates = [0.0] * (DAY + 1)
    at = 0
    while at < DAY:
        at += round(chance.expovariate(1 / 3_600))
        rate = chance.choice([20_000.0, 200_000.0, 2e6])
        for second in range(at, min(DAY, at + round(chance.expovariate(1 / 2_400)))):
            rates[second] += rate * chance.expovariate(1)
        at += 600
    totals = [0.0]
    for rate in rates:
        totals.append(totals[-1] + rate)

    def total(moment):
        moment = min(max(moment, 0.0), DAY)
        whole = int(moment)
        return totals[whole] + (totals[whole + 1] - totals[whole]) * (moment - whole)

    readings, now = [], 0.0
    while now < DAY:
        seen = now - lag
        if cadence:
            seen = math.floor(seen / cadence) * cadence
        left = 10_000 * GIGABYTE - total(seen)
        readings.append(
            Reading(
                now,
                round(left / BALANCE_QUANTUM) * BALANCE_QUANTUM,
                round(total(now - chance.random())),
            )
        )
        now += (BUSY if rates[int(now)] else IDLE) * chance.uniform(0.95, 1.05)
    return readings
