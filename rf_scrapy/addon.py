"""The one line: lists our components in the crawler's settings, where the user has not done so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rf_scrapy.components import BACKOFF, PROXY, REPORTER
from rf_scrapy.extension import CrawlReporter
from rf_scrapy.middleware import ProxyMiddleware
from rf_scrapy.policy import BackoffMiddleware

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

_CLASSES: Final = (
    (BACKOFF, BackoffMiddleware),
    (PROXY, ProxyMiddleware),
    (REPORTER, CrawlReporter),
)
"""What runs: the same three lines as by hand."""


class Addon:
    """Scrapy add-on: `ADDONS = {"rf_scrapy.Addon": 500}`."""

    def update_settings(self, settings: BaseSettings) -> None:
        """List our components; one the user has listed or switched off is left as it is."""
        for component, kind in _CLASSES:
            settings.setdefault_in_component_priority_dict(component.setting, kind, component.order)
