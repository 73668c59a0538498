"""What a rule about a project is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rf_scrapy.facts import Project


class Severity(StrEnum):
    """Whether a crawl can start all the same."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which rule says so, what it is, and the line to change."""

    rule: str
    severity: Severity
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}"


class Wrong(NamedTuple):
    """What is wrong, and the line to change."""

    what: str
    way_out: str


Look = Callable[[Project], Iterable[Wrong]]
"""What is wrong and the way out, as often as it is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, how grave it is, what it is for, and how it looks.

    Attributes:
        always: Whether it looks even where the add-on is switched off.
    """

    name: str
    severity: Severity
    meaning: str
    look: Look
    always: bool = False
