"""Notices that an empty pool has a balance again, for as many as wait for it (C-071)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rf_core.errors import AccountDisabledError, ResiFactoryError, UnauthorizedError
from rf_core.io import answers
from rf_core.io.session import Session

PACE_SECONDS: Final = 15.0
"""A reading that is no older is not asked for again, whoever of this machine has asked for it."""

AT_ONCE_SECONDS: Final = 2.0
"""Whoever stops at a floor looks at the balance: what is paid from then on shows beside it."""

_GLANCE_SECONDS: Final = 1.0


async def topped_up(
    session: Session,
    pool: str,
    *,
    pace_seconds: float = PACE_SECONDS,
    glance_seconds: float = _GLANCE_SECONDS,
    in_trouble: Callable[[ResiFactoryError], None] = lambda _error: None,
) -> None:
    """Wait until a reading of the balances, taken from now on, shows that pool's above 0.

    Orders are live again then. Any number of waiting processes cost four reads a minute, and
    nothing while a monitor reads the balances as often. Trouble that may pass is waited out.

    Args:
        in_trouble: Told of that trouble, each time anew.

    Raises:
        UnauthorizedError: nobody will ever know.
        AccountDisabledError: likewise.
    """
    began = session.clock.wall()
    while True:
        pause = glance_seconds
        try:
            found = await answers.balances(session, pace_seconds)
        except (UnauthorizedError, AccountDisabledError):
            raise
        except ResiFactoryError as error:
            in_trouble(error)
            pause = pace_seconds
        else:
            if found.at > began and found.read.get(pool, 0) > 0:
                return
        await session.clock.sleep(pause)
