"""Draws how often intervals of a runway hold, beside how often they are meant to.

Run it with `--write` after changing how a forecast is made.
"""

import sys
from pathlib import Path
from random import Random

from support.drains import FAMILIES, case

from rf_core.forecast import forecast

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "calibration.svg"
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
SEEDS = range(10_000, 10_200)
"""Not those that the constants of the forecast were chosen by, which began at 0."""
_SIZE, _EDGE = 420, 50
_LOW = 0.4


def held(name: str, seeds: range = SEEDS) -> list[float]:
    """Return for each level how often the interval held."""
    counts = [0] * len(LEVELS)
    for seed in seeds:
        seen = case(name, seed)
        for place, level in enumerate(LEVELS):
            found = forecast(
                seen.readings, now=seen.now, changes=(), chance=Random(name), coverage=level
            )
            runway = found.runway
            counts[place] += runway.low_seconds <= seen.lasted <= runway.high_seconds
    return [count / len(seeds) for count in counts]


def _across(level):
    return round(_EDGE + (level - _LOW) / (1 - _LOW) * (_SIZE - 2 * _EDGE), 1)


def _down(share):
    return round(_SIZE - _across(max(_LOW, share)), 1)


def drawn(lines) -> str:
    """Draw one line for each kind of drain."""
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" '
            'font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{_SIZE}" height="{_SIZE}" fill="white"/>',
        (
            f'<path d="M{_across(_LOW)} {_down(_LOW)}L{_across(1)} {_down(1)}" stroke="black" '
            'stroke-dasharray="4 3"/>'
        ),
    ]
    for level in (*LEVELS, 1.0):
        parts += [
            f'<text x="{_across(level)}" y="{_SIZE - 28}" text-anchor="middle">{level:.0%}</text>',
            f'<text x="{_EDGE - 8}" y="{_down(level) + 4}" text-anchor="end">{level:.0%}</text>',
        ]
    for name, shares in lines.items():
        points = " ".join(
            f"{_across(level)},{_down(share)}" for level, share in zip(LEVELS, shares, strict=True)
        )
        colour = "#c2410c" if FAMILIES[name].bursty else "#2563eb"
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" opacity="0.6">'
            f"<title>{name}</title></polyline>"
        )
    parts += [
        f'<text x="{_SIZE / 2}" y="{_SIZE - 8}" text-anchor="middle">meant to hold</text>',
        f'<text x="{_EDGE}" y="24">held; blue: steady, noisy, changing; red: in bursts</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    found = {name: held(name) for name in FAMILIES}
    for name, shares in found.items():
        print(f"{name:14}", " ".join(f"{share:5.0%}" for share in shares))
    if "--write" in sys.argv:
        PICTURE.write_text(drawn(found))
