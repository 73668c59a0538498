"""Follows a reference in a profile to the key: `env:`, `file:`, `keyring:`, `cmd:`.

The only module that imports keyring, and only when a profile asks for it.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rf_core.errors import SettingsError
from rf_core.redaction import printable
from rf_core.variables import KEYRING_SERVICE

_COMMAND_SECONDS: Final = 20.0
_LONGEST_FILE: Final = 65_536
_ROOT: Final = 0


def follow(reference: str, environ: Mapping[str, str]) -> str | None:
    """Return what a reference leads to, or None when the text is no reference.

    Raises:
        SettingsError: it leads nowhere, or to a place that others can read.
    """
    kind, colon, rest = reference.partition(":")
    ways: Mapping[str, Callable[[], str]] = {
        "env": lambda: _variable(rest, environ),
        "file": lambda: read_private(Path(rest).expanduser(), secret=True),
        "keyring": lambda: _keyring(rest),
        "cmd": lambda: _output(rest),
    }
    return ways[kind]() if colon and kind in ways else None


def read_private(path: Path, *, secret: bool) -> str:
    """Read a small text file after a look at who else can.

    The very file that is read is looked at, wherever a symbolic link leads.

    Args:
        secret: Whether it holds the key. Otherwise others may read it, but not write to it: it
            says which command is run and which file is read.

    Raises:
        FileNotFoundError: there is none.
        SettingsError: others can read or write it, it is somebody else's, or no text.
    """
    what = f"The key's file {path}" if secret else str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = getattr(error, "strerror", None) or str(error)
        message = f"{what} cannot be read: {reason}."
        raise SettingsError(message, way_out="Mend its name or its permissions.") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            message = f"{what} cannot be read: it is no file."
            raise SettingsError(message, way_out="Point to a file of yours.")
        if os.name == "posix":
            _check(path, facts, secret=secret)
        content = os.read(descriptor, _LONGEST_FILE + 1)
    finally:
        os.close(descriptor)
    text = _text(content)
    if text is None:
        message = f"{what} cannot be read: it is no text of any sensible length."
        way_out = "It should hold the key and nothing else." if secret else "Mend it."
        raise SettingsError(message, way_out=way_out)
    return text


def _text(content: bytes) -> str | None:
    try:
        return content.decode() if len(content) <= _LONGEST_FILE else None
    except UnicodeDecodeError:
        return None


def _check(path: Path, facts: os.stat_result, *, secret: bool) -> None:
    mode, quoted = stat.S_IMODE(facts.st_mode), shlex.quote(str(path))
    if facts.st_uid not in {os.geteuid(), _ROOT}:
        message = f"{path} belongs to another user, who could put anything into it."
        way_out = f"Make it yours: cp {quoted} {quoted}.mine && mv -f {quoted}.mine {quoted}"
        raise SettingsError(message, way_out=way_out)
    if secret and mode & 0o077:
        message = f"{path} holds the API key and others can read it."
        raise SettingsError(message, way_out=f"Run: chmod 600 {quoted}")
    if mode & 0o022:
        message = f"{path} says where the API key is and others can write to it."
        raise SettingsError(message, way_out=f"Run: chmod go-w {quoted}")


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        message = f"The profile's key is in {printable(name)}, which is not set."
        raise SettingsError(message, way_out=f"export {printable(name)}=rf_live_…")
    return environ[name]


def _keyring(name: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - an extra, for those whose profile asks for it
    except ImportError:
        message = "A key from the keyring needs keyring."
        way_out = 'Run: pip install "resifactory-toolkit[keyring]"'
        raise SettingsError(message, way_out=way_out) from None
    shown = printable(name)
    try:
        key = keyring.get_password(KEYRING_SERVICE, name)
    except Exception as error:  # noqa: BLE001 - each system's keyring has errors of its own
        message = f"The keyring does not give {shown!r} out: {type(error).__name__}."
        way_out = "Unlock it, or use env:, file: or cmd: in the profile."
        raise SettingsError(message, way_out=way_out) from None
    if not key:
        message = f"There is no {shown!r} in the keyring."
        way_out = f"Run: keyring set {KEYRING_SERVICE} {shlex.quote(shown)}"
        raise SettingsError(message, way_out=way_out)
    return key


def _output(command: str) -> str:
    """Return the first line that a command writes, as password stores keep the secret there."""
    words: list[str] = []
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, IndexError, ValueError) as error:
        name = printable(words[0]) if words else "(empty)"
        message = f"The profile's command for the key failed: {name}: {type(error).__name__}."
        raise SettingsError(message, way_out="Run it by hand to see why.") from None
    return next((line for line in done.stdout.splitlines() if line.strip()), "")
