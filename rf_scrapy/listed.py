"""What can be wrong with what a project lists: components, orders, handlers, others' proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rf_scrapy.components import BACKOFF, COMPONENTS, PROXY, Component
from rf_scrapy.facts import Listed, Project
from rf_scrapy.findings import Wrong
from rf_scrapy.others import (
    BROWSERS,
    COMPRESSION,
    COOKIES,
    H2_HANDLER,
    HTTP_CACHE,
    OTHER_PROXIES,
    REDIRECT,
    RETRY,
    TESTED_HANDLERS,
)


def not_listed(project: Project) -> Iterator[Wrong]:
    """Nothing of the add-on is listed."""
    if not any(project.component(one) for one in COMPONENTS):
        yield Wrong(
            "rf_scrapy is not switched on: requests leave from this machine's own address.",
            'Add to settings.py: ADDONS = {"rf_scrapy.Addon": 500}',
        )


def switched_off(project: Project) -> Iterator[Wrong]:
    """The switch is off."""
    if not project.enabled:
        yield Wrong(
            "RF_ENABLED is off: requests leave from this machine's own address.",
            "Remove RF_ENABLED or set it to True.",
        )


def components(project: Project) -> Iterator[Wrong]:
    """One component is listed without the others."""
    for missing in COMPONENTS:
        if project.component(missing) is None:
            yield Wrong(
                f"rf_scrapy.{missing.name} is missing from {missing.setting}.",
                f"Add {missing.line}.",
            )


_ORDERS: Final[tuple[tuple[Component, Component | str, bool, str], ...]] = (
    (BACKOFF, RETRY, True, "Retry would ask again at once where a domain asked for patience"),
    (BACKOFF, COOKIES, False, "a session's cookie jar would be chosen after the cookies"),
    (PROXY, BACKOFF, True, "the gateway's refusals would be taken for the target's"),
    (PROXY, REDIRECT, True, "redirected requests would keep the lane of the first one"),
    (PROXY, HTTP_CACHE, True, "cached pages would take lanes, and the cache keep our header"),
)
"""What breaks elsewhere: ours, the other, whether ours has the greater order, and why."""


def order(project: Project) -> Iterator[Wrong]:
    """A component stands where it cannot work."""
    for ours, theirs, above, why in _ORDERS:
        mine, other = _at(project, ours), _at(project, theirs)
        if mine is None or other is None or (mine.order > other.order) is above:
            continue
        side = "above" if above else "below"
        yield Wrong(
            f"rf_scrapy.{ours.name} has order {mine.order:g} and must be {side} "
            f"{other.path.rpartition('.')[2]} ({other.order:g}): {why}.",
            f"Set {ours.line}.",
        )


def _at(project: Project, which: Component | str) -> Listed | None:
    if isinstance(which, Component):
        return project.component(which)
    if which == HTTP_CACHE and not project.values.get("HTTPCACHE_ENABLED"):
        return None
    return project.find(which)


def order_cost(project: Project) -> Iterator[Wrong]:
    """A component stands where it works less well."""
    mine, other = project.component(BACKOFF), project.find(COMPRESSION)
    if mine is not None and other is not None and mine.order > other.order:
        yield Wrong(
            f"rf_scrapy.{BACKOFF.name} has order {mine.order:g}, above "
            f"{other.path.rpartition('.')[2]} ({other.order:g}): RF_BAN_POLICY is shown "
            "compressed bodies.",
            f"Set {BACKOFF.line}.",
        )


def http2(project: Project) -> Iterator[Wrong]:
    """The HTTP/2 handler."""
    for scheme, handler in project.handlers.items():
        if handler.is_a(H2_HANDLER):
            yield Wrong(
                f"The HTTP/2 handler of {scheme} cannot use any proxy.",
                f'Remove "{scheme}" from DOWNLOAD_HANDLERS.',
            )


def browsers(project: Project) -> Iterator[Wrong]:
    """A browser that fetches pages by itself."""
    if project.values.get("RF_ALLOW_DIRECT"):
        return
    launch = project.values.get("PLAYWRIGHT_LAUNCH_OPTIONS") or {}
    named: set[str] = set()
    for one in (*project.handlers.values(), *project.middlewares):
        name = next((name for path, name in BROWSERS.items() if one.is_a(path)), "")
        if not name or name in named or (name == "scrapy-playwright" and "proxy" in launch):
            continue
        named.add(name)
        yield Wrong(
            f"{name} fetches pages by itself and not through generated proxies: they would leave "
            "from its own address.",
            "Give it the proxy of `rf relay` (for scrapy-playwright in PLAYWRIGHT_LAUNCH_OPTIONS), "
            "or say that this is meant: RF_ALLOW_DIRECT = True.",
        )


def handler(project: Project) -> Iterator[Wrong]:
    """A handler that nobody has tried."""
    known = TESTED_HANDLERS | {H2_HANDLER} | BROWSERS.keys()
    for scheme, handler in project.handlers.items():
        if not any(handler.is_a(path) for path in known):
            yield Wrong(
                f"{handler.path} fetches {scheme} and is not known to rf_scrapy: whether it uses "
                'meta["proxy"] and Proxy-Authorization is for you to see.',
                f'Remove "{scheme}" from DOWNLOAD_HANDLERS, or try it against `rf sandbox`.',
            )


def other_proxies(project: Project) -> Iterator[Wrong]:
    """Another package that chooses proxies."""
    for one in project.middlewares:
        name = next((name for path, name in OTHER_PROXIES.items() if one.is_a(path)), "")
        if name:
            yield Wrong(
                f"{one.path} ({name}) is enabled too: requests that it gives a proxy do not go "
                "through generated ones, because your own choice wins.",
                f'Remove it: DOWNLOADER_MIDDLEWARES = {{"{one.path}": None}}',
            )
