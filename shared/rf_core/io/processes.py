"""Which processes of this machine still exist, and which crawls went with those that do not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from rf_core.picture import SILENT_SECONDS
from rf_core.snapshot import CrawlReport


def exists(pid: int) -> bool:
    """Tell whether a process has that number now. Where that cannot be asked, say yes."""
    if os.name != "posix" or pid <= 0:  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def gone(crawls: Iterable[CrawlReport], now: float) -> frozenset[str]:
    """Name the crawls that fell silent without an end, and whose process is not there any more.

    Args:
        now: Unix seconds.
    """
    here = socket.gethostname()
    return frozenset(
        crawl.id
        for crawl in crawls
        if crawl.finished_at is None
        and now - crawl.updated_at > SILENT_SECONDS
        and crawl.host == here
        and not exists(crawl.pid)
    )


def has_ended(holder: str) -> bool:
    """Tell of a session, by the name it holds leases under, that its process is not there any more.

    A session in a container of its own may be taken for one that has ended: only where two holders
    do no harm may this be asked.
    """
    pid = holder.split(" ")[-2:][0]
    return pid.isdecimal() and not exists(int(pid))
