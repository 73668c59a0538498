"""Small honest charts in block characters: a bar, a trend."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
_LEFT_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int) -> str:
    """A bar filled to a share of its width, to an eighth of a cell."""
    share = min(max(share, 0.0), 1.0)
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_LEFT_EIGHTHS[rest] if rest else "")
    return text.ljust(width, "░")


def trend(values: Sequence[float], width: int) -> str:
    """The last values as columns, from zero: a small change looks small."""
    shown = values[-width:] if width > 0 else ()
    top = max(shown, default=0.0)
    if top <= 0:
        return " " * width
    columns = (EIGHTHS[max(1, round(max(value, 0.0) / top * 8))] for value in shown)
    return "".join(columns).rjust(width)


def sampled(
    points: Sequence[tuple[float, float]], width: int, *, until: float | None = None
) -> list[float]:
    """Read off a value that holds until its next reading, at the end of each of `width` steps."""
    if not points:
        return []
    begin = points[0][0]
    span = max((points[-1][0] if until is None else until) - begin, 1e-9)
    values, at = [], 0
    for step in range(width):
        # The last step ends at the end itself, whatever the rounding of the others.
        moment = begin + span * (step + 1) / width if step + 1 < width else begin + span
        while at + 1 < len(points) and points[at + 1][0] <= moment:
            at += 1
        values.append(points[at][1])
    return values
