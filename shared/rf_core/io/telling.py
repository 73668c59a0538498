"""Runs the command that tells somebody of an alert: the facts as JSON on its standard input.

No shell reads the arguments, no secret is in its environment, and it has ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from rf_core.redaction import Secret, holds_key, printable, redact

MOST_SECONDS: Final = 10.0
"""What takes longer is ended."""

_KEY_VARIABLE: Final = "RF_API_KEY"
_HEARD: Final = 400
_AFTER_SECONDS: Final = 0.2


async def tell(
    command: Sequence[str],
    facts: Mapping[str, Any],
    *,
    key: Secret | None = None,
    most_seconds: float = MOST_SECONDS,
) -> str:
    """Run a command with facts on its standard input; return why that failed, or "".

    Args:
        key: What must not be in its environment, under whatever name.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment_without(key, os.environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"{_name(command)} cannot be run: {printable(reason, 200)}."
    said = asyncio.create_task(_first_words(process.stderr))
    try:
        async with asyncio.timeout(most_seconds):
            await _feed(process.stdin, msgspec.json.encode(facts) + b"\n")
            code = await process.wait()
        await asyncio.wait({said}, timeout=_AFTER_SECONDS)
    except TimeoutError:
        return f"{_name(command)} took longer than {most_seconds:.0f} s and was ended."
    finally:
        _end(process)
        said.cancel()
        await asyncio.gather(said, return_exceptions=True)
        await process.wait()
    if not code:
        return ""
    heard = printable(redact(said.result()), 200) if not said.cancelled() else ""
    return f"{_name(command)} ended with {code}{f': {heard}' if heard else ''}."


def environment_without(key: Secret | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without any key, whatever variable it is in."""

    def hides(value: str) -> bool:
        return holds_key(value) or (key is not None and key.reveal() in value)

    return {
        name: value for name, value in environ.items() if name != _KEY_VARIABLE and not hides(value)
    }


async def _feed(stdin: asyncio.StreamWriter | None, text: bytes) -> None:
    """Write it all; who does not want to know need not listen."""
    if stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(text)
            await stdin.drain()
        stdin.close()


async def _first_words(stderr: asyncio.StreamReader | None) -> str:
    """Read all that it complains of, and keep the beginning of the last line."""
    kept = b""
    while stderr is not None and (piece := await stderr.read(4_096)):
        kept = (kept + piece)[-_HEARD:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _end(process: asyncio.subprocess.Process) -> None:
    """End it with all that it has started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _name(command: Sequence[str]) -> str:
    return printable(redact(command[0]), 80)
