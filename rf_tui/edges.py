"""What stands above and below every page: whose it is, what is wrong, how old everything is."""

from __future__ import annotations

import textwrap
import time
from typing import Final

from rf_core.redaction import printable
from rf_core.snapshot import Finding, Snapshot
from rf_core.units import format_seconds
from rf_tui.cells import Line, Span, Style, width_of
from rf_tui.looks import Looks
from rf_tui.places import Whereabouts
from rf_tui.tables import first_that_fits
from rf_tui.words import brief_seconds

_SEVERITY: Final[dict[str, tuple[str, Style]]] = {
    "info": ("i", "accent"),
    "warning": ("!", "warn"),
    "error": ("✗", "bad"),
}
_STALE: Final = frozenset(
    {"api_unreachable", "api_failing", "key_refused", "account_disabled", "state_unusable"}
)
"""Findings that mean: what is shown is not from just now."""

_MOST_FINDINGS: Final = 3
_LINES_A_FINDING: Final = 3
_LINES_OF_FINDINGS: Final = 9
"""Those of all together, where there is room: a path may be long, and the way out comes last."""


def filter_lines(where: Whereabouts) -> list[Line]:
    """Say what is looked for, if something is."""
    if not where.filter:
        return []
    return [(Span(f" / {printable(where.filter, 60)}", "accent"), Span("   Esc: all", "dim"))]


def title_line(snapshot: Snapshot, width: int, looks: Looks) -> Line:
    """Say whose account it is, whether what is shown is what is, and the time."""
    clock = f"{time.strftime('%H:%M:%S', time.localtime(looks.now))} "
    state = _state(snapshot, looks)
    room = width - width_of(state.text) - len(clock) - 1
    account = printable(snapshot.account, 24)
    left = first_that_fits(
        [
            " " + "  ".join(part for part in parts if part)
            for parts in (
                ("ResiFactory", looks.label, account, snapshot.key),
                ("ResiFactory", looks.label, snapshot.key),
                ("ResiFactory", looks.label or snapshot.key),
                ("ResiFactory",),
                ("rf",),
            )
        ],
        room,
    )
    gap = max(1, room - width_of(left) + 1)
    return (Span(left, "bold"), Span(" " * gap), state, Span(clock, "dim"))


def _state(snapshot: Snapshot, looks: Looks) -> Span:
    """Whether what is shown is what is."""
    silent = looks.now - snapshot.taken_at
    if looks.paused_for is not None:
        return Span(f"‖ PAUSED {format_seconds(looks.paused_for)}  ", "warn")
    if looks.asking:
        return Span("◌ asking  ", "accent")
    if silent > looks.late_after:
        return Span(f"○ frozen {brief_seconds(silent)}  ", "bad")
    if _is_stale(snapshot):
        return Span("○ stale  ", "warn")
    if snapshot.balance_at is None:
        return Span("◌ reading  ", "accent")
    return Span("● live  ", "good")


def _is_stale(snapshot: Snapshot) -> bool:
    return any(finding.code in _STALE for finding in snapshot.findings)


def finding_lines(snapshot: Snapshot, width: int, height: int | None) -> list[Line]:
    """Say what is wrong with the way out, or that nothing is."""
    findings = snapshot.findings
    if not findings and snapshot.balance_at is None:
        return [(Span(" … asking the API", "dim"),)]
    if not findings:
        return [(Span(" ✓ all well", "good"),)]
    lines: list[Line] = []
    room = _LINES_OF_FINDINGS if height is None else min(_LINES_OF_FINDINGS, height // 3)
    shown = findings[:_MOST_FINDINGS]
    for finding in shown:
        lines += _finding(finding, width, max(_LINES_A_FINDING, room // len(shown)))
    if len(findings) > _MOST_FINDINGS:
        lines.append((Span(f"   and {len(findings) - _MOST_FINDINGS} more", "warn"),))
    return lines


def _finding(finding: Finding, width: int, most: int) -> list[Line]:
    mark, style = _SEVERITY[finding.severity]
    whole = printable(f"{finding.text} {finding.way_out}".strip(), 400)
    said = textwrap.wrap(whole, max(20, width - 4), max_lines=most, placeholder=" …")
    return [
        (Span(f" {mark} " if not number else "   ", style), Span(part, style))
        for number, part in enumerate(said)
    ]


def ages_line(snapshot: Snapshot, now: float, width: int) -> Line:
    """How old each part is, and what watching costs."""
    times = (
        ("balance", snapshot.balance_at),
        ("usage", snapshot.usage_at),
        ("pools", snapshot.discovery_at),
    )
    ages = " · ".join(
        f"{name} {'never' if at is None else brief_seconds(now - at)}" for name, at in times
    )
    cost = f"{snapshot.own_calls_per_minute:.0f} calls/min"
    text = first_that_fits(
        (f" ages: {ages} · watching costs {cost}", f" {ages} · {cost}", f" {ages}"), width
    )
    return (Span(text, "warn" if _is_stale(snapshot) else "dim"),)
