"""Reads the facts that the rules of :mod:`rf_scrapy.checks` look at from a crawler's settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.request import getproxies

from scrapy.settings import BaseSettings
from scrapy.utils.misc import load_object

from rf_core.errors import SettingsError
from rf_core.io.configuration import load_settings
from rf_core.settings import Settings
from rf_scrapy import compat
from rf_scrapy.facts import Listed, Project
from rf_scrapy.others import ASYNCIO_REACTOR
from rf_scrapy.settings import KEY_SETTING, CrawlSettings, read_settings, unknown_settings

_VALUES: Final = (
    "CONCURRENT_REQUESTS",
    "PLAYWRIGHT_LAUNCH_OPTIONS",
    "RF_LIVE_PROXIES",
    "RF_ROTATE",
)
_FLAGS: Final = ("COOKIES_ENABLED", "HTTPCACHE_ENABLED", "HTTPPROXY_ENABLED")
_SECRET: Final = re.compile(
    rb"rf_live_[a-z0-9_-]{8}|proxy-authorization.{1,32}?basic\s+[a-z0-9+/=]{8}",
    re.IGNORECASE | re.DOTALL,
)
_FILES: Final = 50
_BYTES: Final = 1 << 18
_LEFTOVERS_TOLD: Final = 2


def will_have_asyncio(settings: BaseSettings) -> bool:
    """Whether a crawl with these settings gets an asyncio event loop."""
    if not settings.getbool("TWISTED_REACTOR_ENABLED", True):
        return True
    reactor = settings.get("TWISTED_REACTOR")
    return bool(reactor) and _described(reactor, 0, {}).is_a(ASYNCIO_REACTOR)


def project_of(settings: BaseSettings, *, asyncio: bool, with_account: bool) -> Project:
    """Return the facts about a project whose settings, add-ons included, stand as given.

    Args:
        asyncio: Whether the crawl will have, or has, an asyncio event loop.
        with_account: Whether to look for the key and the profile as well.
    """
    read, unreadable = _ours(settings)
    broken: dict[str, str] = {}
    return Project(
        values=_values(settings, read),
        middlewares=tuple(_listed(settings, "DOWNLOADER_MIDDLEWARES", broken)),
        extensions=tuple(_listed(settings, "EXTENSIONS", broken)),
        handlers=_handlers(settings, broken),
        broken=broken,
        asyncio=asyncio,
        unreadable=unreadable,
        strangers=unknown_settings(settings),
        rotates_by_requests=read is not None and read.rotate is not None,
        key_in_settings=settings.get(KEY_SETTING) is not None,
        account=_account(settings, read) if with_account and read else None,
        environment=getproxies(),
        descriptors=_descriptors(),
        leftovers=tuple(islice(_leftovers(settings), _LEFTOVERS_TOLD)),
        scrapy=compat.VERSION,
    )


def _ours(settings: BaseSettings) -> tuple[CrawlSettings | None, tuple[str, str] | None]:
    try:
        return read_settings(settings), None
    except SettingsError as error:
        return None, (error.message, error.way_out)


def _values(settings: BaseSettings, read: CrawlSettings | None) -> dict[str, Any]:
    values = {name: settings.get(name) for name in _VALUES}
    values |= {name: settings.getbool(name) for name in _FLAGS}
    if read is not None:
        values |= {"RF_ENABLED": read.enabled, "RF_ALLOW_DIRECT": read.allow_direct}
    return values


def _listed(settings: BaseSettings, name: str, broken: dict[str, str]) -> Iterator[Listed]:
    merged = compat.component_priorities(settings, name)
    enabled = [(component, order) for component, order in merged.items() if order is not None]
    for component, order in sorted(enabled, key=lambda one: one[1]):
        yield _described(component, order, broken)


def _handlers(settings: BaseSettings, broken: dict[str, str]) -> dict[str, Listed]:
    handlers = settings.getwithbase("DOWNLOAD_HANDLERS")
    return {
        scheme: _described(handlers[scheme], 0, broken)
        for scheme in ("http", "https")
        if handlers.get(scheme) is not None
    }


def _described(component: Any, order: float, broken: dict[str, str]) -> Listed:
    path = component if isinstance(component, str) else _path(component)
    try:
        kind = load_object(component)
    except (ImportError, NameError, ValueError) as error:
        broken[path] = str(error)
        return Listed(path, order)
    return Listed(path, order, frozenset(_path(base) for base in getattr(kind, "__mro__", ())))


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _account(settings: BaseSettings, read: CrawlSettings) -> tuple[str, str] | None:
    try:
        account: Settings = load_settings(
            profile=read.profile,
            base_url=read.base_url,
            store=read.store,
            key=settings.get(KEY_SETTING),
        )
        account.require_key()
    except SettingsError as error:
        return error.message, error.way_out
    return None


def _descriptors() -> int:
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit  # noqa: PLC0415 - Unix only
    except ImportError:
        return 0
    soft, _hard = getrlimit(RLIMIT_NOFILE)
    return 0 if soft == RLIM_INFINITY else soft


def _leftovers(settings: BaseSettings) -> Iterator[str]:
    """Files that hold a key or a proxy's credentials, looking at so many of them."""
    folders = [settings.get("JOBDIR")]
    if settings.getbool("HTTPCACHE_ENABLED"):
        folders.append(_cache_folder(settings))
    for folder in filter(None, folders):
        for path in islice(_files(Path(folder)), _FILES):
            if _holds_secret(path):
                yield str(path)
                break


def _cache_folder(settings: BaseSettings) -> str:
    from scrapy.utils.project import data_path  # noqa: PLC0415 - looks for a project

    return data_path(settings["HTTPCACHE_DIR"])


def _files(folder: Path) -> Iterator[Path]:
    for parent, _folders, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _holds_secret(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _SECRET.search(file.read(_BYTES)) is not None
    except OSError:
        return False
