"""Which budget a crawl draws from: its own name's, its job's, or that of its spider's processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rf_core.io.purses import Name

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


def budget_name(settings: BaseSettings, spider: str, chosen: str | None) -> Name:
    """Name it.

    Args:
        chosen: `RF_BUDGET_NAME`: it is kept for as long as anybody uses the name.
    """
    if chosen is not None:
        return Name(chosen, is_kept=True)
    job = settings.get("JOBDIR")
    if job:
        return Name(f"job {Path(job).resolve()}", is_kept=True, ends=True)
    return Name(f"crawl {settings.get('BOT_NAME')}/{spider}", ends=True)
