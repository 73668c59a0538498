"""Credentials in stock, as an order leaves them."""

from __future__ import annotations

from rf_core.io.demands import NewStock, Now, fill
from rf_core.io.inventories import InventoryFolder, purpose_of
from rf_core.io.state import State
from rf_core.redaction import fingerprint


async def put_into_stock(settings, inventory, pool="premium", targeting="[]"):
    key = fingerprint(settings.key)
    state = State(settings.state_dir)
    await state.open()
    folder = InventoryFolder(settings.state_dir)
    file, size = folder.save(inventory, purpose_of(key, targeting, pool))
    new = NewStock(
        key=key,
        targeting=targeting,
        pool=pool,
        is_default=False,
        kept=True,
        asked=len(inventory),
        count=len(inventory),
        taken=0,
        bytes=size,
        file=file,
        facts={},
    )
    await state.run(fill, new, [], Now(1_800_000_000.0, 1_000.0, "boot"))
    await state.close()
