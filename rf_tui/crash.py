"""What is left of a crash: a report without secrets, where only the user can read it."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from rf_core.redaction import Secret, redact
from rf_core.spellings import without


def write_report(
    error: BaseException, folder: Path | None, secrets: Iterable[Secret] = ()
) -> Path | None:
    """Write the traceback, without the values of variables, and return where it is.

    Args:
        secrets: What must not stand in it, however it is spelled there.
    """
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    name = time.strftime("crash-%Y%m%d-%H%M%S-")
    try:
        target = folder if folder is not None and folder.is_dir() else None
        descriptor, path = tempfile.mkstemp(prefix=name, suffix=".txt", dir=target)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(redact(without("".join(lines), secrets)))
    except OSError:
        return None
    return Path(path)


def sentence(error: BaseException, report: Path | None) -> str:
    """Say what happened and where more is."""
    where = f" The report is in {report}." if report else ""
    return f"rf: the monitor stopped on an error of its own ({type(error).__name__}).{where}"
