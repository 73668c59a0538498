"""What `scrapy rf check` says of a project, asked in a process of its own.

The project's settings are code: they run apart from us, and our key is not in their environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rf_core.checkup import Check, Level
from rf_core.redaction import printable, redact

_SECONDS: Final = 120.0
_COMMAND: Final = ("-m", "scrapy", "rf", "check", "--json")
_ABOUT_THE_KEY: Final = "account"
"""The rule that looks for a key, which was taken away; the doctor has looked for it already."""


def check_project(folder: Path) -> Iterator[Check]:
    """Walk over what is wrong with the Scrapy project in a folder."""
    folder = folder.resolve()
    if not any((parent / "scrapy.cfg").exists() for parent in (folder, *folder.parents)):
        text = f"There is no Scrapy project in {folder}: it has no scrapy.cfg."
        yield Check("project", "failed", text, "Name the folder that holds scrapy.cfg.")
        return
    env = {name: value for name, value in os.environ.items() if name != "RF_API_KEY"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, without a shell
            [sys.executable, *_COMMAND],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"The project in {folder} does not load within {_SECONDS:.0f} s."
        yield Check("project", "failed", text, "Run `scrapy list` there to see why.")
        return
    document = _document(done.stdout)
    if document is None:
        lines = (done.stdout + done.stderr).strip().splitlines()
        said = printable(redact(lines[-1] if lines else ""), 300)
        text = f"The project in {folder} cannot be loaded: {said or 'it says nothing'}."
        yield Check("project", "failed", text, "Run `scrapy rf check` there to see all of it.")
        return
    yield from _told(document)


def _document(stdout: str) -> dict[str, Any] | None:
    """The last line: what settings print of their own stands before it."""
    try:
        found = json.loads(next(iter(stdout.strip().splitlines()[-1:]), ""))
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("findings"), list) else None


def _told(document: dict[str, Any]) -> Iterator[Check]:
    findings = [one for one in document["findings"] if one["rule"] != _ABOUT_THE_KEY]
    if not findings:
        name = printable(str(document.get("project", "")), 80)
        yield Check("project", "ok", f"{name}: nothing keeps a crawl from starting.")
    for one in findings:
        spiders = ", ".join(one["spiders"])
        where = f" (in {spiders})" if spiders else ""
        level: Level = "failed" if one["severity"] == "error" else "warning"
        yield Check("project", level, f"{one['what']}{where}", one["way_out"])
