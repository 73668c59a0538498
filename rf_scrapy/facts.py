"""The facts about a project that the rules of :mod:`rf_scrapy.checks` look at; no Scrapy needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rf_scrapy.components import COMPONENTS, Component

OLDEST_SCRAPY: Final = (2, 13)


@dataclass(frozen=True, slots=True)
class Listed:
    """One enabled component: import path, order, and the paths of the classes it derives from."""

    path: str
    order: float
    kinds: frozenset[str] = frozenset()

    def is_a(self, path: str) -> bool:
        """Whether it is that class, or derives from it."""
        return path == self.path or path in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The facts about a project, or about one of its spiders, that rules look at.

    Attributes:
        values: Scrapy settings that rules read, by name; others are left out.
        middlewares: Enabled downloader middlewares.
        extensions: Enabled extensions.
        handlers: Download handlers of http and https, by scheme.
        broken: Listed components that cannot be imported, and why.
        asyncio: Whether the crawl will have an asyncio event loop.
        unreadable: What stands in the way of reading our own settings, as sentence and way out.
        strangers: Settings that begin with `RF_` and mean nothing, with the nearest known name.
        rotates_by_requests: Whether lanes turn after a number of requests.
        key_in_settings: Whether `RF_API_KEY` stands in the Scrapy settings.
        account: The same as `unreadable` for the key and the profile.
        environment: Proxies that the environment names, by scheme.
        descriptors: How many files the process may have open; 0 when that is not known.
        leftovers: Files of JOBDIR and HTTPCACHE_DIR that hold proxy credentials or a key.
        spiders: Why the project's spiders cannot be loaded, or "".
        scrapy: The version of Scrapy.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    middlewares: tuple[Listed, ...] = ()
    extensions: tuple[Listed, ...] = ()
    handlers: Mapping[str, Listed] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    asyncio: bool = True
    unreadable: tuple[str, str] | None = None
    strangers: Mapping[str, str] = field(default_factory=dict)
    rotates_by_requests: bool = False
    key_in_settings: bool = False
    account: tuple[str, str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: int = 0
    leftovers: tuple[str, ...] = ()
    spiders: str = ""
    scrapy: tuple[int, ...] = OLDEST_SCRAPY

    def find(self, path: str) -> Listed | None:
        """Return the downloader middleware that is a certain class."""
        return next((one for one in self.middlewares if one.is_a(path)), None)

    def component(self, component: Component) -> Listed | None:
        """Return one of ours, where it is listed."""
        ours = self.extensions if component.setting == "EXTENSIONS" else self.middlewares
        return next((one for one in ours if any(one.is_a(p) for p in component.paths)), None)

    @property
    def switched_on(self) -> bool:
        """Whether anything of ours is listed and `RF_ENABLED` is not off."""
        return self.enabled and any(self.component(one) for one in COMPONENTS)

    @property
    def enabled(self) -> bool:
        """What `RF_ENABLED` says."""
        return bool(self.values.get("RF_ENABLED", True))
