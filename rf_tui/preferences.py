"""What a person has chosen in the monitor, kept for the next time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rf_core.io.private_files import private_draft
from rf_tui.amounts import UNITS, Unit
from rf_tui.places import SORTS, Panel

FILE_NAME: Final = "monitor.json"
_LONGEST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choices that outlive the program.

    Attributes:
        masked: It outlives it too: who shares a screen and starts again still shares it.
    """

    theme: str = ""
    unit: Unit = "auto"
    sorts: Mapping[Panel, str] = field(default_factory=lambda: MappingProxyType({}))
    masked: bool = False


def load(path: Path | None) -> Preferences:
    """Read what was kept; what cannot be read, or means nothing, was never chosen."""
    if path is None:
        return Preferences()
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LONGEST))
    except (OSError, ValueError):
        return Preferences()
    return _read(document if isinstance(document, dict) else {})


def save(path: Path | None, preferences: Preferences) -> None:
    """Keep them, in a file that is private; where that cannot be, they are not kept."""
    if path is None:
        return
    document = {
        "theme": preferences.theme,
        "unit": preferences.unit,
        "sorts": dict(preferences.sorts),
        "masked": preferences.masked,
    }
    with contextlib.suppress(OSError), private_draft(path) as file:
        file.write(json.dumps(document).encode())


def _read(document: dict[str, Any]) -> Preferences:
    theme, unit, sorts = (document.get(name) for name in ("theme", "unit", "sorts"))
    known: dict[Panel, str] = {}
    if isinstance(sorts, dict):
        known = {panel: sorts[panel] for panel in SORTS if sorts.get(panel) in SORTS[panel]}
    return Preferences(
        theme=theme if isinstance(theme, str) else "",
        unit=unit if unit in UNITS else "auto",
        sorts=MappingProxyType(known),
        masked=document.get("masked") is True,
    )
