"""The live dashboard, opened: as little as can be is loaded before there is something to see."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Sequence

from rf_core.errors import SettingsError
from rf_core.io.configuration import key_bindings, state_folder
from rf_core.settings import Settings
from rf_tui.cli.exit_codes import ExitCode


def show(names: Sequence[str], settings: Settings | None, interval: float) -> int:
    """Show an account, or several by the names of their profiles, a tab each.

    Args:
        settings: Those of the only one; None where there are several, each with its own.
    """
    return asyncio.run(_show(names, settings, interval))


async def _show(names: Sequence[str], settings: Settings | None, interval: float) -> int:
    # What is loaded stays: looking it through for rubbish would only hold up the first text.
    gc.disable()
    from rf_tui.accounts import Account, Desk, profile  # noqa: PLC0415 - next to its only use
    from rf_tui.app import MonitorApp  # noqa: PLC0415 - loads Textual
    from rf_tui.handy import Places  # noqa: PLC0415 - same
    from rf_tui.preferences import FILE_NAME  # noqa: PLC0415 - same

    gc.freeze()
    gc.enable()
    folder = state_folder()
    places = Places(reports=folder, preferences=folder / FILE_NAME)
    async with contextlib.AsyncExitStack() as closing:
        if settings is None:
            accounts = {name: profile(name) for name in names}
        else:
            accounts = {"": Account(lambda: settings)}
        for account in accounts.values():
            closing.push_async_callback(account.aclose)
        desks = [Desk(name, account) for name, account in accounts.items()]
        app = MonitorApp(desks, interval=interval, places=places, wishes=_wishes())
        for account in accounts.values():
            account.ring = app.bell
        await app.run_async()
    return app.return_code or ExitCode.DONE


def _wishes() -> dict[str, str]:
    """Return which keys are bound anew; a file that cannot be used is spoken of elsewhere."""
    try:
        return key_bindings()
    except SettingsError:
        return {}
