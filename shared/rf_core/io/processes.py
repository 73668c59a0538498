"""Whether a process of this machine still exists."""

from __future__ import annotations

import os


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
