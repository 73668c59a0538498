"""The console script. `rf` alone on a terminal is the dashboard, and no command line is parsed.

That is what people wait for, and the library that parses takes a tenth of it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from rf_tui.cli.exit_codes import ExitCode


def run() -> int:
    """Run `rf`, as :func:`rf_tui.cli.main.run` does."""
    if len(sys.argv) == 1 and _is_plain_case():
        code = _dashboard()
        if code is not None:
            return code
    from rf_tui.cli.main import run as run_commands  # noqa: PLC0415 - see above

    return run_commands()


def _is_plain_case() -> bool:
    """Whether there is a terminal to draw on, and nobody completes a line."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return (
        os.environ.get("TERM", "") not in {"", "dumb"}
        and not any(name.endswith("RF_COMPLETE") for name in os.environ)
        and find_spec("textual") is not None
        and all(stream is not None and stream.isatty() for stream in streams)
    )


def _dashboard() -> int | None:
    """Show it; None leaves it to the long way, which says what is wrong and what to do."""
    from rf_core.errors import ResiFactoryError  # noqa: PLC0415 - see above
    from rf_core.io.configuration import load_settings  # noqa: PLC0415 - same

    try:
        settings = load_settings()
        settings.require_key()
    except ResiFactoryError:
        return None
    from rf_tui.cli.dashboard import show  # noqa: PLC0415 - same

    try:
        return show((), settings, 1.0)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
