"""Files that a person takes from the monitor: private, and never in the place of another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rf_core.io.private_files import private_draft

_MOST_OF_A_NAME: Final = 1_000


def keep(folder: Path, contents: Mapping[str, str], *, at: float) -> list[Path]:
    """Write texts side by side and return where they are.

    Args:
        contents: What a file's name ends with, such as `pools.csv` → its text.
        at: Unix seconds, for the names.

    Raises:
        OSError: they cannot be written there.
    """
    begin = time.strftime("rf-%Y%m%d-%H%M%S", time.localtime(at))
    paths = [_free(folder, begin, end) for end in contents]
    for path, text in zip(paths, contents.values(), strict=True):
        with private_draft(path) as file:
            file.write(text.encode())
    return paths


def said(paths: list[Path], what: str) -> str:
    """Say what was written, and where, in a sentence."""
    if len(paths) == 1:
        return f"{what} in {paths[0].absolute()}, for your eyes only (0600)."
    names = ", ".join(path.name for path in paths)
    folder = paths[0].parent.absolute()
    return f"{what} in {len(paths)} files of {folder}, for your eyes only (0600): {names}."


def _free(folder: Path, begin: str, end: str) -> Path:
    """Find a name that is not taken."""
    for number in range(1, _MOST_OF_A_NAME):
        path = folder / (f"{begin}-{end}" if number == 1 else f"{begin}-{number}-{end}")
        if not path.exists() and not path.is_symlink():
            return path
    raise FileExistsError(17, "There are too many files of that second", str(folder))
