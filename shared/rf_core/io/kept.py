"""The inventories that are kept on this machine, for whoever must know what was generated."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from rf_core.inventory import Inventory
from rf_core.io.inventories import InventoryFolder, purpose_of
from rf_core.io.state import State


async def kept_inventories(
    state: State, folder: Path, *, key: str | None = None, most: int
) -> list[Inventory]:
    """Return what is kept, the newest first, of as many credentials at most.

    Args:
        folder: The state folder.
        key: A key's fingerprint; None for those of every key.
    """
    rows = await state.read(_rows, key)
    files = InventoryFolder(folder)
    found = []
    for file, purpose, count in rows:
        wanted = min(count, most)
        inventory = await asyncio.to_thread(files.load, file, purpose, 0, wanted)
        if inventory is not None:
            found.append(inventory)
            most -= wanted
        if most <= 0:
            break
    return found


def _rows(connection: sqlite3.Connection, key: str | None) -> list[tuple[str, str, int]]:
    rows = connection.execute(
        "SELECT file, key, targeting, pool, count FROM stocks WHERE count > 0 "
        "AND (key = ? OR ? IS NULL) ORDER BY made_at DESC",
        (key, key),
    )
    return [
        (file, purpose_of(owner, targeting, pool), count)
        for file, owner, targeting, pool, count in rows
    ]
