"""`scrapy rf check`: says what is wrong with a project before it spends anything."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from rf_scrapy.checks import Severity

if TYPE_CHECKING:
    from rf_scrapy.projects import Told

_WRONG: Final = 2
_ASKED_TO_BE_TOLD: Final = 3


class Command(ScrapyCommand):
    """Registered as `rf` among the commands of Scrapy, in every project."""

    requires_project = False
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """What stands after the command's name."""
        return "check [--json] [--strict] [SPIDER ...]"

    def short_desc(self) -> str:
        """One line for the list of commands."""
        return "Check a project for what keeps rf_scrapy from working, before anything is spent"

    def long_desc(self) -> str:
        """A paragraph for its help."""
        return (
            f"{self.short_desc()}. Looks at the project's settings and at every spider's own and "
            "sends nothing. Ends with 0 when a crawl can start, with 2 when it cannot, and with 3 "
            "under --strict when it can and something is to be said all the same."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add what `scrapy rf` takes beside Scrapy's own options."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one object")
        parser.add_argument("--strict", action="store_true", help="exit with 3 on warnings")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check, print, and set the exit code.

        Raises:
            UsageError: it is not `check` that was asked for, or no such spider.
        """
        if not args or args[0] != "check":
            message = "write: scrapy rf check"
            raise UsageError(message)
        from rf_scrapy.projects import check_settings  # noqa: PLC0415 - every command loads this file

        assert self.settings is not None  # noqa: S101 - set by Scrapy before, narrows for the type checker
        try:
            found = check_settings(self.settings, args[1:])
        except KeyError as error:
            raise UsageError(str(error.args[0]), print_help=False) from error
        errors = [one for one in found if one.finding.severity is Severity.ERROR]
        if opts.json:
            sys.stdout.write(f"{_document(self.settings['BOT_NAME'], found)}\n")
        else:
            _print(found)
        if errors:
            self.exitcode = _WRONG
        elif found and opts.strict:
            self.exitcode = _ASKED_TO_BE_TOLD


def _document(project: str, found: list[Told]) -> str:
    document = {
        "project": project,
        "ok": not any(one.finding.severity is Severity.ERROR for one in found),
        "findings": [
            {
                "rule": one.finding.rule,
                "severity": one.finding.severity.value,
                "spiders": list(one.spiders),
                "what": one.finding.what,
                "way_out": one.finding.way_out,
            }
            for one in found
        ],
    }
    return json.dumps(document, ensure_ascii=False)


def _print(found: list[Told]) -> None:
    """For a person lines with room between them, for a pipe tabs; nothing wrong is narration."""
    for one in found:
        finding, spiders = one.finding, ", ".join(one.spiders)
        if sys.stdout.isatty():
            where = f" (in {spiders})" if spiders else ""
            sys.stdout.write(f"{finding.severity}: {finding.rule}{where}\n")
            sys.stdout.write(f"  {finding.what}\n  {finding.way_out}\n")
        else:
            row = (finding.severity, finding.rule, spiders, finding.what, finding.way_out)
            sys.stdout.write("\t".join(row) + "\n")
    if not found:
        sys.stderr.write("Nothing is wrong: a crawl can start.\n")
