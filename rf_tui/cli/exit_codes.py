"""Exit codes are an interface: one table, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from rf_core.errors import (
    AccountDisabledError,
    DemoCredentialsError,
    InsufficientScopeError,
    OrderError,
    ResiFactoryError,
    SettingsError,
    StateError,
    UnauthorizedError,
)


class ExitCode(IntEnum):
    """What a command's end says to whoever called it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONDITION = 3
    KEY_REFUSED = 4
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed: network, server, bad answer",
    ExitCode.USAGE: "wrong usage or settings",
    ExitCode.CONDITION: "a condition you asked to be told about",
    ExitCode.KEY_REFUSED: "the key was refused (401, 403)",
    ExitCode.INTERRUPTED: "interrupted",
}

_BY_ERROR: Final[tuple[tuple[type[ResiFactoryError], ExitCode], ...]] = (
    (SettingsError, ExitCode.USAGE),
    (OrderError, ExitCode.USAGE),
    (StateError, ExitCode.USAGE),
    (UnauthorizedError, ExitCode.KEY_REFUSED),
    (AccountDisabledError, ExitCode.KEY_REFUSED),
    (InsufficientScopeError, ExitCode.KEY_REFUSED),
    (DemoCredentialsError, ExitCode.CONDITION),
    (ResiFactoryError, ExitCode.FAILED),
)


def exit_code_of(error: ResiFactoryError) -> ExitCode:
    """Return the exit code of an error."""
    return next(code for kind, code in _BY_ERROR if isinstance(error, kind))
