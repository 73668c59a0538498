"""`rf doctor`: what works, what does not, and the way out of it."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from rf_core import checkup
from rf_core.checkup import Check
from rf_core.io.checkup import Examined, examine
from rf_core.io.leakage import Looked, known_secrets, look_through
from rf_core.redaction import printable
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.extras import require
from rf_tui.cli.opening import json_option, profile_option
from rf_tui.cli.output import has_colours, is_for_a_person, print_json, terminal_width
from rf_tui.cli.teaching import taught

_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red"}
_AREA_WIDTH: Final = 12
_LEVEL_WIDTH: Final = 8
_MOST_LEAKS: Final = 20
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@taught(
    "doctor",
    ("rf doctor", "is everything as it should be?"),
    ("rf doctor --project .", "and this Scrapy project?"),
    ("rf doctor --leaks .scrapy", "are there secrets in JOBDIR, cache, logs?"),
    ("rf doctor --json | jq '.checks[] | select(.level != \"ok\")'", "only what is not"),
)
@profile_option
@json_option
@click.option("--project", type=_FOLDER, metavar="DIR", help="Check the Scrapy project there too.")
@click.option("--leaks", type=_FOLDER, metavar="DIR", help="Look for secrets in its files too.")
def doctor(*, profile: str | None, as_json: bool, project: Path | None, leaks: Path | None) -> int:
    """Check the key, the API, this machine, and on request a project and a folder.

    Makes three reads and no order: it spends nothing. Exit code 0 when nothing failed, 1 when
    something did, 4 when the API refused the key; 3 when secrets were found, whatever else is
    wrong, because that was asked for.
    """
    if project is not None:
        require("--project", "scrapy")
    return asyncio.run(_examine(_Report(as_json), profile, project, leaks))


async def _examine(
    report: _Report, profile: str | None, project: Path | None, leaks: Path | None
) -> int:
    examined = Examined()
    async for check in _checks(report, examined, profile, project, leaks):
        report.add(check)
    code = report.exit_code(examined)
    report.finish(code)
    return code


async def _checks(
    report: _Report,
    examined: Examined,
    profile: str | None,
    project: Path | None,
    leaks: Path | None,
) -> AsyncIterator[Check]:
    async for check in examine(profile, examined):
        yield check
    if project is not None:
        from rf_tui.cli.projects import check_project  # noqa: PLC0415 - only for --project

        for check in check_project(project):
            yield check
    if leaks is not None:
        known = await known_secrets(examined.settings, examined.hosts)
        kept = examined.settings.state_dir / "inventory" if examined.settings else None
        report.looked = looked = look_through(leaks, known, besides=kept)
        for check in checkup.leaks(looked.leaks):
            yield check
        for check in checkup.leak_summary(
            looked.files,
            looked.bytes,
            len(looked.unread),
            is_whole=looked.is_whole,
            leaky=len(looked.leaks),
        ):
            yield check


@dataclass(slots=True)
class _Report:
    """Prints findings as they come, or all of them as one object."""

    as_json: bool
    checks: list[Check] = field(default_factory=list)
    looked: Looked = field(default_factory=Looked)

    def add(self, check: Check) -> None:
        """Take in the next one."""
        self.checks.append(check)
        if self.as_json:
            return
        if not is_for_a_person():
            row = (check.area, check.level, check.text, check.way_out)
            click.echo("\t".join(printable(cell, 600) for cell in row))
            return
        leaks = sum(one.area == "leaks" and one.level == "failed" for one in self.checks)
        if check.area != "leaks" or check.level != "failed" or leaks <= _MOST_LEAKS:
            again = len(self.checks) > 1 and self.checks[-2].area == check.area
            for line in _lines(check, terminal_width(), again=again):
                click.echo(line)

    def exit_code(self, examined: Examined) -> ExitCode:
        """What the caller is told: secrets first, since they were asked for."""
        if self.looked.leaks:
            return ExitCode.CONDITION
        if examined.is_refused:
            return ExitCode.KEY_REFUSED
        failed = any(check.level == "failed" for check in self.checks)
        return ExitCode.FAILED if failed else ExitCode.DONE

    def finish(self, code: ExitCode) -> None:
        """Print the object, or for a person how it went."""
        if self.as_json:
            print_json(self._document(code))
        elif is_for_a_person():
            leaks = sum(map(len, self.looked.leaks.values()))
            if leaks > _MOST_LEAKS:
                click.echo(f"… and {leaks - _MOST_LEAKS} more; in a pipe all are named.", err=True)
            click.echo(_summary(self.checks), err=True)

    def _document(self, code: ExitCode) -> dict[str, Any]:
        return {
            "ok": code is ExitCode.DONE,
            "exit_code": int(code),
            "checks": [
                {
                    "area": check.area,
                    "level": check.level,
                    "text": check.text,
                    "way_out": check.way_out,
                }
                for check in self.checks
            ],
            "leaks": [
                {"file": file, "kind": leak.kind, "written": leak.written}
                for file, found in self.looked.leaks.items()
                for leak in found
            ],
        }


def _lines(check: Check, width: int, *, again: bool) -> list[str]:
    """One finding for a person: area and level once, then sentences that hang under each other."""
    margin = _AREA_WIDTH + _LEVEL_WIDTH + 2
    room = max(24, width - margin)
    text = textwrap.wrap(printable(check.text, 600), room, break_on_hyphens=False)
    way_out = textwrap.wrap(printable(check.way_out, 600), room - 2, break_on_hyphens=False)
    level = check.level.ljust(_LEVEL_WIDTH)
    if has_colours():
        level = click.style(level, fg=_COLOURS[check.level])
    first = ("" if again else check.area).ljust(_AREA_WIDTH)
    told = [*text, *(f"{'  ' if n else '→ '}{line}" for n, line in enumerate(way_out))]
    return [
        f"{first} {level} {told[0]}",
        *(" " * margin + line for line in told[1:]),
    ]


def _summary(checks: list[Check]) -> str:
    failed = sum(check.level == "failed" for check in checks)
    warnings = sum(check.level == "warning" for check in checks)
    if not failed and not warnings:
        return f"{len(checks)} things looked at, all is well."
    return f"{len(checks)} things looked at: {failed} failed, {warnings} to be warned of."
