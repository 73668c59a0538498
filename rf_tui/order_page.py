"""The generator as lines: the form, what its fields may hold, what it costs, what came of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from rf_core.call import GENERATE
from rf_core.redaction import printable
from rf_core.snapshot import Headroom, Snapshot
from rf_core.units import format_seconds
from rf_tui.cells import Line, Span, Style, clip, fit, width_of
from rf_tui.charts import bar
from rf_tui.order_form import FIELDS, FieldName, Form, body_of, command_of, discovery_of
from rf_tui.order_rules import Verdict, judged, may_send
from rf_tui.tables import first_that_fits
from rf_tui.words import wait_words

StageName = Literal["writing", "asking", "sending", "done", "failed"]

_LABEL: Final = 12
_TEXT: Final = 26
_MOST_VALID_LINES: Final = 3
_WIDEST_BAR: Final = 40
_TITLE_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """How far it is.

    Attributes:
        count: Credentials that have come.
        asked: How many are wanted.
        seconds: For how long it has been under way, or took.
        about: What came, or what went wrong, in a sentence.
        said: What was done with it last, or "".
        lines: The first of what came, masked unless somebody wants to see it.
        warns: Whether `about` is bad news.
    """

    name: StageName = "writing"
    count: int = 0
    asked: int = 0
    seconds: float = 0.0
    about: str = ""
    said: str = ""
    lines: tuple[str, ...] = field(default=(), repr=False)
    warns: bool = False


@dataclass(frozen=True, slots=True)
class OrderPicture:
    """What is on the screen, and which line shows which row of the form."""

    lines: list[Line]
    rows: Mapping[int, int]


def order_picture(
    form: Form, snapshot: Snapshot, stage: Stage, width: int, height: int
) -> OrderPicture:
    """Draw the generator, exactly `height` lines of at most `width` cells."""
    verdicts = judged(form, discovery_of(snapshot))
    window = next((one for one in snapshot.windows if one.group == GENERATE), None)
    below = _stage_lines(form, stage, window, width)
    about = [] if stage.lines else _about(form, snapshot, verdicts, window, width)
    rows = [_row(form, number, verdicts, width) for number in range(len(FIELDS))]
    room = max(1, height - _TITLE_LINES)
    if len(rows) + len(about) + len(below) + 2 <= room:
        lines = [*rows, (), *about, (), *below]
        first = 0
    else:
        below = below[: max(1, room - len(rows) - 1, room // 2)]
        kept = min(len(rows), max(1, room - len(below)))
        first = min(max(0, form.at - kept + 1), len(rows) - kept)
        about = about[: max(0, room - kept - len(below))]
        lines = [*rows[first : first + kept], *about, *below]
    lines = [_title(window, width), (), *lines]
    lines += [()] * (height - len(lines))
    shown = {_TITLE_LINES + n - first: n for n in range(first, len(rows))}
    return OrderPicture(
        [clip(line, width) for line in lines[:height]],
        {number: row for number, row in shown.items() if number < _TITLE_LINES + len(rows) - first},
    )


def _title(window: Headroom | None, width: int) -> Line:
    left = " GENERATE credentials"
    said = "" if window is None else f"generate: {_free(window)} "
    gap = width - width_of(left) - width_of(said)
    if gap < 1:
        return (Span(left, "head"),)
    return (Span(left, "head"), Span(" " * gap), Span(said, "dim"))


def _free(window: Headroom) -> str:
    if window.free:
        return f"{window.free} of {window.limit} slots free"
    return f"no slot free, the next {wait_words(window.next_slot_seconds)}"


def _row(form: Form, number: int, verdicts: Mapping[FieldName, Verdict], width: int) -> Line:
    name, label = FIELDS[number]
    is_here = number == form.at
    mark = "▸" if is_here else " "
    if name == "send":
        return _send_row(mark, label, verdicts, is_here=is_here)
    text = form.text(name)
    room = max(8, min(_TEXT, width - _LABEL - 6))
    written = text[-(room - 1) :] if is_here and width_of(text) >= room else text
    cursor = "▏" if is_here else ""
    verdict = verdicts[name]
    sign, style = _sign(text, verdict)
    near = f"nearest: {', '.join(verdict.nearest)}" if verdict.nearest else verdict.text
    return (
        Span(f"{mark}{label:<{_LABEL}}", "chosen" if is_here else "dim"),
        Span(" "),
        Span(fit(written + cursor, room), "bold" if is_here else ""),
        Span(f" {sign} ", style),
        Span(printable(near), style if not verdict.is_good else "dim"),
    )


def _sign(text: str, verdict: Verdict) -> tuple[str, Style]:
    if not verdict.is_good:
        return "✗", "bad"
    return ("✓", "good") if text else ("·", "dim")


def _send_row(
    mark: str, label: str, verdicts: Mapping[FieldName, Verdict], *, is_here: bool
) -> Line:
    ready = may_send(verdicts)
    bad = sum(not verdict.is_good for verdict in verdicts.values())
    said = "Enter asks once more, then sends" if ready else f"{bad} to be mended first"
    return (
        Span(f"{mark}[ {label} ]", "chosen" if is_here else "bold" if ready else "dim"),
        Span(f"  {said}", "dim" if ready else "warn"),
    )


def _about(
    form: Form,
    snapshot: Snapshot,
    verdicts: Mapping[FieldName, Verdict],
    window: Headroom | None,
    width: int,
) -> list[Line]:
    """What is wrong, what the field may hold, what sending costs, what would be sent."""
    here = verdicts.get(form.name)
    return [
        *(_entry("WRONG", here.text, width, "bad") if here and not here.is_good else ()),
        *_valid(form, snapshot, width),
        *_entry("COST", _cost(form, window), width),
        *_entry("SENDS", f"POST /proxies {body_of(form)}", width),
        *_entry("SAME AS", command_of(form), width),
    ]


def _valid(form: Form, snapshot: Snapshot, width: int) -> list[Line]:
    values = form.values(discovery_of(snapshot))
    if form.name == "send":
        return []
    if not values:
        said = "" if snapshot.targeting else "what the API lists is not read yet: it will decide"
        return _entry("VALID", said, width) if said else []
    if form.name in {"minutes", "quantity"}:
        return _entry("VALID", f"{values[0]} to {values[-1]}; ← → take {' '.join(values)}", width)
    begins = [value for value in values if value.startswith(form.text(form.name).strip().lower())]
    some = begins if form.text(form.name).strip() and 1 < len(begins) < len(values) else values
    of = f"{len(some)} of {len(values)}: " if len(some) < len(values) else ""
    return _entry("VALID", of + " ".join(printable(value, 60) for value in some), width)


def _entry(name: str, text: str, width: int, style: Style = "") -> list[Line]:
    wrapped = textwrap.wrap(
        printable(text, 2_000), max(20, width - 12), max_lines=_MOST_VALID_LINES, placeholder=" …"
    )
    return [
        (Span(f" {name if not number else '':<8} ", "dim"), Span(part, style))
        for number, part in enumerate(wrapped)
    ]


def _cost(form: Form, window: Headroom | None) -> str:
    if not form.quantity:
        return "nothing yet"
    slots = f"{form.slots} slot{'s' if form.slots > 1 else ''} of the generate window"
    if window is None:
        return f"{slots}; no gigabytes"
    if form.slots > window.free:
        when = wait_words(window.next_slot_seconds)
        return f"{slots}, {window.free} of {window.limit} free: waits, the next {when}"
    left = window.free - form.slots
    return f"{slots}: {window.free} of {window.limit} are free, {left} after it; no gigabytes"


def _stage_lines(form: Form, stage: Stage, window: Headroom | None, width: int) -> list[Line]:
    match stage.name:
        case "writing":
            said = first_that_fits(
                (
                    " ↑ ↓ field   ← → valid values   type, Backspace, Ctrl+U   Esc leaves",
                    " ↑↓ field  ←→ values  Esc leaves",
                    " Esc leaves",
                ),
                width,
            )
            return [(Span(said, "dim"),)]
        case "asking":
            return _asking(form, window, width)
        case "sending":
            return _sending(stage, window, width)
        case "failed":
            return [
                *_wrapped(" ✗ ", stage.about, "bad", width),
                (Span(" any key: back to the form", "dim"),),
            ]
        case "done":
            return _done(stage, width)
        case _:
            assert_never(stage.name)


def _asking(form: Form, window: Headroom | None, width: int) -> list[Line]:
    what = f"Order {form.quantity:,} credentials? It takes {_cost(form, window)}."
    return [
        *_wrapped(" ? ", what, "accent", width),
        (Span("   Enter or y sends it; any other key does not", "bold"),),
    ]


def _sending(stage: Stage, window: Headroom | None, width: int) -> list[Line]:
    share = stage.count / stage.asked if stage.asked else 0.0
    cells = max(4, min(_WIDEST_BAR, width - 40))
    said = f" {stage.count:,} of {stage.asked:,}  {format_seconds(stage.seconds)}"
    wait = ""
    if not stage.count and window is not None and not window.free:
        wait = f"   waits for a slot: the next {wait_words(window.next_slot_seconds)}"
    return [
        (Span(f" {bar(share, cells)}", "good"), Span(said), Span(wait, "warn")),
        (Span("   Esc gives it up; its slot is spent", "dim"),),
    ]


def _done(stage: Stage, width: int) -> list[Line]:
    keys = first_that_fits(
        (
            "   c copies   x writes the file   v shows or masks   f another format   Esc: the form",
            "   c copy  x write  v show/mask  f format  Esc back",
            " c x v f Esc",
        ),
        width,
    )
    told = _wrapped(" ! ", stage.about, "warn", width)
    lines = [
        *(told if stage.warns else _wrapped(" ✓ ", stage.about, "good", width)),
        (Span(keys, "dim"),),
        *(_wrapped("   ", stage.said, "accent", width) if stage.said else []),
    ]
    more = stage.count - len(stage.lines)
    lines += [(Span(f"   {printable(line, 400)}"),) for line in stage.lines]
    if stage.lines and more > 0:
        lines.append((Span(f"   … and {more:,} more", "dim"),))
    return lines


def _wrapped(mark: str, text: str, style: Style, width: int) -> list[Line]:
    parts: Sequence[str] = textwrap.wrap(printable(text, 600), max(12, width - 4)) or [""]
    return [
        (Span(mark if not number else "   ", style), Span(part, style))
        for number, part in enumerate(parts)
    ]
