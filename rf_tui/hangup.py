"""Ends a program whose terminal is gone, though no signal said so: under `nohup` or `setsid`.

The toolkit would read its end for ever, at the cost of a core, and wait for ever to write.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
from collections.abc import Callable
from typing import Final

from rf_tui.cli.exit_codes import ExitCode

_PATIENCE_SECONDS: Final = 5.0


def mind_terminal(
    descriptor: int, loop: asyncio.AbstractEventLoop, end: Callable[[], None]
) -> None:
    """Watch a terminal, at no cost while it is there.

    Args:
        end: Called in the loop when it is gone. A program that has not ended some seconds later
            waits for the terminal itself, and is ended.
    """
    if hasattr(select, "poll"):
        arguments = (descriptor, loop, end)
        threading.Thread(target=_watch, args=arguments, name="hang-up", daemon=True).start()


def _watch(descriptor: int, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    watched = select.poll()
    watched.register(descriptor, 0)  # that it hung up is always told
    if any(told & select.POLLNVAL for _, told in watched.poll()):
        return  # a system that cannot watch terminals
    with contextlib.suppress(RuntimeError):  # it has just ended by itself
        loop.call_soon_threadsafe(end)
    threading.Event().wait(_PATIENCE_SECONDS)
    os._exit(ExitCode.INTERRUPTED)
