"""Both rate-limit windows as the slots of a rolling minute: each comes free at its own moment.

A line of cells stands for the time from now until the last slot is back. Slots move to the left and
leave one by one; a letter is one slot of whoever has that letter, a digit is so many in one cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rf_core.snapshot import Headroom
from rf_tui.cells import Line, Span, Style, fit
from rf_tui.charts import bar
from rf_tui.tables import Column, first_that_fits, table
from rf_tui.words import brief_seconds, wait_words

STRANGERS: Final = "strangers"
_STRANGER: Final = "?"
_FREE: Final = "·"
_MANY: Final = "+"
_SCARCE: Final = 0.2
_MARGIN: Final = 1 / 60
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_STRIP_FROM: Final = 70
"""Narrower screens say in words what others draw."""

_NAME: Final = 30
_MOST_HOLDERS: Final = 6
_POLLING: Final = frozenset({"poller", "monitor"})


@dataclass(frozen=True, slots=True)
class Held:
    """One slot that is held.

    Attributes:
        seconds: Until it comes free.
        letter: Whose it is.
    """

    seconds: float
    letter: str


def letters(window: Headroom) -> dict[str, str]:
    """Give each holder a letter of its own, the same at each look while the same ones hold."""
    given: dict[str, str] = {}
    for name, _ in sorted(window.holders):
        wanted = [char for char in name.split()[-1].lower() if char in _LETTERS] if name else []
        taken = set(given.values())
        free = (char for char in (*wanted, *_LETTERS, *_LETTERS.upper()) if char not in taken)
        given[name] = next(free, _MANY)
    return given


def held_slots(window: Headroom) -> list[Held]:
    """Every held slot that is known, soonest free first; strangers' come back all at once."""
    named = letters(window)
    names = [name for name, _ in window.holders]
    ours = [
        Held(seconds, named[names[place]] if place < len(names) else _MANY)
        for seconds, place in zip(window.frees_in_seconds, window.held_by, strict=False)
    ]
    theirs = [Held(window.foreign_for_seconds, _STRANGER)] * window.foreign
    return sorted([*ours, *theirs], key=lambda slot: slot.seconds)


def span_seconds(window: Headroom) -> float:
    """The time a line of cells stands for: a window and its margin."""
    return max(1.0, window.window_seconds * (1 + _MARGIN))


def strip(slots: Sequence[Held], over_seconds: float, cells: int) -> str:
    """Draw slots where they come free, from now at the left; later ones are in the last cell."""
    if cells < 1:
        return ""
    drawn: list[list[str]] = [[] for _ in range(cells)]
    for slot in slots:
        place = int(max(slot.seconds, 0.0) / over_seconds * cells)
        drawn[min(place, cells - 1)].append(slot.letter)
    return "".join(map(_cell, drawn))


def windows_panel(windows: Sequence[Headroom], width: int, *, detailed: bool = False) -> list[Line]:
    """Both windows: what is free, when the next slot is, which slots are held by whom until when.

    Args:
        detailed: Whether there is room for a line a holder.
    """
    over = max(map(span_seconds, windows), default=span_seconds(Headroom("", 0, 0)))
    is_narrow = width < _STRIP_FROM
    columns: tuple[Column[Headroom], ...] = (
        Column("WINDOW", lambda window, _: Span(window.group, "bold"), 10),
        Column("free", lambda window, _: Span(_free(window), _scarcity(window)), 10, align="right"),
        Column(
            "", lambda window, cells: Span(bar(_free_share(window), cells), _scarcity(window)),
            6, 8, 8, gives_way=1,
        ),
        Column("next slot", lambda window, _: Span(wait_words(window.next_slot_seconds)), 10),
        Column(
            "held by", lambda window, cells: Span(holders_briefly(window, cells), "dim"),
            14, 26, 100,
        )
        if is_narrow
        else Column(
            f"slots, each where it comes free within {brief_seconds(over)}",
            lambda window, cells: Span(strip(held_slots(window), over, cells)),
            16, 30, 61, short=f"slots until {brief_seconds(over)}",
        ),
    )  # fmt: skip
    lines = table(columns, windows, width)
    if is_narrow:
        return lines
    with_holders = [lines[0]]
    for window, line in zip(windows, lines[1:], strict=True):
        below = _holder_lines(window, over, line) if detailed else [_holders_line(window, width)]
        with_holders += [line, *below]
    return with_holders


def _holders_line(window: Headroom, width: int) -> Line:
    before = "   held by "
    return (Span(before + holders_briefly(window, width - len(before)), "dim"),)


def holders_briefly(window: Headroom, cells: int) -> str:
    """Say who holds how many, with their letters; what does not fit is counted."""
    named = letters(window)
    who = [f"{named[name]}={name} {number}" for name, number in window.holders]
    if window.foreign:
        who.append(f"{_STRANGER}={STRANGERS} {window.foreign}")
    if not who:
        return "nobody"
    shorter = [
        ", ".join([*who[:kept], f"+{len(who) - kept} more"]) for kept in range(len(who) - 1, 0, -1)
    ]
    return first_that_fits((", ".join(who), *shorter), cells)


def _holder_lines(window: Headroom, over: float, line: Line) -> list[Line]:
    """A line for each holder, its slots right below those of all."""
    before, cells = _strip_place(line)
    if not cells:
        return []
    named = letters(window)
    slots = held_slots(window)
    holders = [(name, named[name], number) for name, number in window.holders]
    if window.foreign:
        holders.append((STRANGERS, _STRANGER, window.foreign))
    shown = holders if len(holders) <= _MOST_HOLDERS else holders[: _MOST_HOLDERS - 1]
    lines: list[Line] = []
    for name, letter, number in shown:
        theirs = [slot for slot in slots if slot.letter == letter]
        until = f" until {brief_seconds(max(s.seconds for s in theirs))}" if theirs else ""
        what = f"   {letter} {fit(name, min(_NAME, before - 14))} {number:>4}"
        lines.append(
            (
                Span(fit(what, before), _whose(letter, name)),
                Span(strip(theirs, over, cells), _whose(letter, name)),
                Span(until, "dim"),
            )
        )
    if len(shown) < len(holders):
        rest = holders[len(shown) :]
        said = f"   and {len(rest)} more with {sum(number for *_, number in rest)}"
        lines.append((Span(said, "dim"),))
    return lines


def _strip_place(line: Line) -> tuple[int, int]:
    """Where the strip begins in a line of the table, and how wide it is: the last column."""
    before = sum(len(span.text) for span in line[:-1])
    return before, len(line[-1].text)


def _whose(letter: str, name: str) -> Style:
    if letter == _STRANGER:
        return "warn"
    return "dim" if name in _POLLING else "accent"


def _cell(held: Sequence[str]) -> str:
    if not held:
        return _FREE
    if len(held) == 1:
        return held[0]
    if set(held) == {_STRANGER}:
        return _STRANGER
    return str(len(held)) if len(held) < 10 else _MANY  # noqa: PLR2004 - one digit


def _free(window: Headroom) -> str:
    return f"{window.free} of {window.limit}"


def _free_share(window: Headroom) -> float:
    return window.free / window.limit if window.limit else 0.0


def _scarcity(window: Headroom) -> Style:
    if not window.free:
        return "bad"
    return "warn" if _free_share(window) < _SCARCE else "good"
