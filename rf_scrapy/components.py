"""The three components of the add-on: where each is listed, and that none runs without them all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from rf_core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a project that lists its components by hand."""

    name: str
    setting: str
    order: int
    module: str

    @property
    def paths(self) -> tuple[str, str]:
        """The import paths under which it may be listed."""
        return f"rf_scrapy.{self.name}", f"{self.module}.{self.name}"

    @property
    def line(self) -> str:
        """The line to add to settings.py."""
        return f'{self.setting} = {{"rf_scrapy.{self.name}": {self.order}}}'


BACKOFF: Final = Component("BackoffMiddleware", "DOWNLOADER_MIDDLEWARES", 560, "rf_scrapy.policy")
PROXY: Final = Component("ProxyMiddleware", "DOWNLOADER_MIDDLEWARES", 950, "rf_scrapy.middleware")
REPORTER: Final = Component("CrawlReporter", "EXTENSIONS", 0, "rf_scrapy.extension")

COMPONENTS: Final = (BACKOFF, PROXY, REPORTER)


def require(present: Collection[Component], *needed: Component) -> None:
    """Refuse to run when a component is listed without another it needs.

    Raises:
        SettingsError: naming the line to add.
    """
    missing = [component for component in needed if component not in present]
    if missing:
        what = "; ".join(f"rf_scrapy.{c.name} is missing from {c.setting}" for c in missing)
        raise SettingsError(f"{what}.", way_out=f"Add {'; '.join(c.line for c in missing)}.")
