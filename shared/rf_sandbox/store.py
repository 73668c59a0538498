"""The directory that a sandbox's state is kept in: its owner's alone, locked, written whole.

``state.json`` holds what changes rarely, replaced at once or not at all. What happens all the time
is a line each in ``log-N.jsonl``; ``base-N.jsonl`` stands for all that was before ``log-N``, and
``start-N.jsonl`` for nothing until ``state.json`` says that N is the first that counts. Lines are
handed to the system as they are made: a process that is killed loses none.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

FORMAT: Final = 1
_FACTS: Final = "state.json"
_UNFINISHED: Final = "state.new"
_LOCK: Final = "lock"
_NUMBERED: Final = re.compile(r"(log|base|start)-([0-9]{1,9})\.jsonl")
_PRIVATE: Final = 0o600


class StateError(Exception):
    """The directory cannot be used; the message is one sentence and the way out."""


class Store:
    """One directory, held until it is closed.

    Attributes:
        facts: What `state.json` says; None in a new directory.
        logged: Bytes in the logs that the newest base does not stand for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] | None = None
        self.logged = 0
        self._first = 1
        self._number = 0
        self._log: int | None = None
        self._lock: int | None = None
        _claim(folder)
        try:
            self._lock = _locked(folder)
            self._read_facts()
            self._number = max((number for _, number in self._files()), default=self._first - 1)
        except BaseException:
            self.close()
            raise

    def records(self) -> Iterator[Any]:
        """Every line that counts, oldest first. The last one of a file may be torn: dropped.

        Raises:
            StateError: another line is not JSON.
        """
        files = self._files()
        bases = [number for kind, number in files if kind == "base" and number >= self._first]
        base = max(bases, default=self._first)
        start = "base" if bases else "start"
        if (start, base) in files:
            yield from _lines(self._path(start, base))
        for kind, number in sorted(files):
            if kind == "log" and number >= base:
                self.logged += self._path("log", number).stat().st_size
                yield from _lines(self._path("log", number))

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Replace `state.json`."""
        document = {"format": FORMAT, "first_log": self._first, **facts}
        write_private(self.folder / _FACTS, json.dumps(document, indent=1).encode())

    def append(self, lines: bytes) -> None:
        """Write lines, whole or not at all.

        Raises:
            OSError: no room, most likely.
        """
        if self._log is None:
            self._next_log()
        assert self._log is not None  # noqa: S101 - narrows for the type checker
        before = os.fstat(self._log).st_size
        try:
            left = memoryview(lines)
            while left:
                left = left[os.write(self._log, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._log, before)
            raise
        self.logged += len(lines)

    def rewrite(self) -> Rewrite:
        """Begin a base of this very moment; lines go to the next log from now on."""
        self._next_log()
        self.logged = 0
        number = self._number
        return Rewrite(self._path("base", number), lambda: self._remove_before(number))

    def start_over(self, facts: dict[str, Any], lines: bytes) -> None:
        """Forget everything but this, at once or not at all."""
        self._next_log()
        write_private(self._path("start", self._number), lines)
        before, self._first = self._first, self._number
        try:
            self.write_facts(facts)
        except OSError:
            self._first = before
            raise
        self.logged = 0
        self._remove_before(self._number)

    def close(self) -> None:
        """Let go of the directory. Repeatable."""
        for descriptor in (self._log, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._log = self._lock = None

    def _read_facts(self) -> None:
        path = self.folder / _FACTS
        try:
            facts = json.loads(path.read_bytes())
            known = isinstance(facts, dict) and facts.get("format")
            if known == FORMAT:
                self._first = int(facts["first_log"])
                int(facts["seed"]), str(facts["profile"])
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged(path, error) from None
        if known != FORMAT:
            message = (
                f"{path} is of another version ({known!r}, not {FORMAT}): start the version that "
                "wrote it, or choose another directory."
            )
            raise StateError(message)
        self.facts = facts

    def _next_log(self) -> None:
        number = self._number + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        log = os.open(self._path("log", number), flags, _PRIVATE)
        if self._log is not None:
            os.close(self._log)
        self._log, self._number = log, number

    def _remove_before(self, number: int) -> None:
        """Remove what counts no more, and what was never finished."""
        for kind, older in self._files():
            if older < number:
                self._path(kind, older).unlink(missing_ok=True)
        for unfinished in self.folder.glob("*.new"):
            unfinished.unlink(missing_ok=True)

    def _files(self) -> list[tuple[str, int]]:
        found = (_NUMBERED.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted((match[1], int(match[2])) for match in found if match)

    def _path(self, kind: str, number: int) -> Path:
        return self.folder / f"{kind}-{number}.jsonl"


class Rewrite:
    """A base that is being written, in as many pieces as its writer likes."""

    def __init__(self, path: Path, done: Callable[[], None]) -> None:
        self._path = path
        self._new = path.with_suffix(".new")
        self._done = done
        self._file: int | None = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)

    def write(self, lines: bytes) -> None:
        """Write a piece."""
        left = memoryview(lines)
        while left and self._file is not None:
            left = left[os.write(self._file, left) :]

    def finish(self) -> None:
        """Let it stand for all that was before."""
        self.close()
        self._new.replace(self._path)
        self._done()

    def close(self) -> None:
        """Give it up, unless it is finished. Repeatable."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def damaged(path: Path, why: object) -> StateError:
    """Say that a file cannot be read, and what to do."""
    return StateError(
        f"{path} is damaged ({why}): put a good copy back, or move {path.parent} away to start "
        "anew."
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as file:
        file.write(content)
    new.replace(path)


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield msgspec.json.decode(line)
            except (ValueError, RecursionError) as error:
                why = f"line {number}: {error}"
                raise damaged(path, why) from None


def _claim(folder: Path) -> None:
    """Make the directory, or make sure that it is ours to write in.

    Raises:
        StateError: it is not.
    """
    other = "choose another directory."
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.lstat().st_uid
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        message = f"{folder} cannot be used ({error.strerror}): {other}"
        raise StateError(message) from None
    if folder.is_symlink():
        message = f"{folder} is a link: name the directory that it leads to."
        raise StateError(message)
    if hasattr(os, "getuid") and owner != os.getuid():
        message = f"{folder} belongs to another user: {other}"
        raise StateError(message)
    if names - {_LOCK, _UNFINISHED} and _FACTS not in names:
        message = f"{folder} holds other files and no {_FACTS}: choose an empty directory."
        raise StateError(message)
    folder.chmod(0o700)


def _locked(folder: Path) -> int:
    """Hold the directory for as long as this process lives.

    Raises:
        StateError: another sandbox does.
    """
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where nobody is kept out

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return lock
    except OSError:
        os.close(lock)
        message = f"{folder} is in use by another sandbox: stop that one, or choose another."
        raise StateError(message) from None
    return lock
