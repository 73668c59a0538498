"""How credentials are printed: as bytes, some hundred at a time, to stdout or a private file."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import click

from rf_core.io.private_files import private_draft


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Write some more."""
        ...

    def flush(self) -> object:
        """Write all of it."""
        ...


@contextlib.contextmanager
def open_sink(file: Path | None) -> Iterator[Sink]:
    """Where credentials go, as bytes: no terminal's encoding may spoil a password."""
    if file is None:
        yield getattr(sys.stdout, "buffer", None) or TextSink()
        return
    try:
        with private_draft(file) as stream:
            yield stream
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or str(error)) from error


class TextSink:
    """Standard output where it takes text alone."""

    def write(self, data: bytes, /) -> int:
        """Write it."""
        return sys.stdout.write(data.decode())

    def flush(self) -> None:
        """Write all of it."""
        sys.stdout.flush()


class Printer:
    """Writes credentials in one format, some hundred at a time.

    Args:
        in_object: Whether they are the first field of an object that has others.
    """

    def __init__(self, sink: Sink, name: str, *, in_object: bool) -> None:
        self._sink = sink
        self._in_object = in_object
        self._quoted = in_object and name != "json"
        self._in_array = in_object or name == "json"
        self._begun = False

    def write(self, lines: list[str]) -> None:
        """Write some more."""
        if not lines:
            return
        if self._quoted:
            lines = [json.dumps(line) for line in lines]
        if self._in_array:
            text = (",\n" if self._begun else self._opening()) + ",\n".join(lines)
        else:
            text = "\n".join(lines) + "\n"
        self._begun = True
        self._sink.write(text.encode())

    def end(self, facts: Mapping[str, Any] | None) -> None:
        """Close what is open."""
        if self._in_array:
            text = "" if self._begun else self._opening()
            closing = json.dumps(facts)[1:] if facts else ""
            self._sink.write(f"{text}\n]{', ' if facts else ''}{closing}\n".encode())
        self._sink.flush()

    def _opening(self) -> str:
        return '{"proxies": [\n' if self._in_object else "[\n"
