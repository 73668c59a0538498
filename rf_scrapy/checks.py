"""What can be wrong with a project before its first request: one table of rules, no Scrapy needed.

A rule looks at a :class:`~rf_scrapy.facts.Project` and says what is wrong and the line to
change. `scrapy rf check`, `rf doctor --project` and the start of every crawl read the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from rf_scrapy.components import BACKOFF, COMPONENTS, PROXY, Component
from rf_scrapy.facts import OLDEST_SCRAPY, Listed, Project
from rf_scrapy.others import (
    ASYNCIO_REACTOR,
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

DESCRIPTORS_EACH: Final = 3
DESCRIPTORS_KEPT: Final = 96


class Severity(StrEnum):
    """Whether a crawl can start all the same."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which rule says so, what it is, and the line to change."""

    rule: str
    severity: Severity
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}"


class Wrong(NamedTuple):
    """What is wrong, and the line to change."""

    what: str
    way_out: str


_Look = Callable[[Project], Iterable[Wrong]]
"""What is wrong and the way out, as often as it is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, how grave it is, what it is for, and how it looks.

    Attributes:
        always: Whether it looks even where the add-on is switched off.
    """

    name: str
    severity: Severity
    meaning: str
    look: _Look
    always: bool = False


def _old_scrapy(project: Project) -> Iterator[Wrong]:
    if project.scrapy < OLDEST_SCRAPY:
        oldest = ".".join(map(str, OLDEST_SCRAPY))
        have = ".".join(map(str, project.scrapy))
        yield Wrong(
            f"Scrapy {have} is older than {oldest}.", f'Run: pip install "scrapy>={oldest}"'
        )


def _reactor(project: Project) -> Iterator[Wrong]:
    if not project.asyncio:
        yield Wrong(
            "rf_scrapy needs an asyncio event loop.",
            f'In settings.py, remove TWISTED_REACTOR or set it to "{ASYNCIO_REACTOR}".',
        )


def _not_importable(project: Project) -> Iterator[Wrong]:
    for path, why in project.broken.items():
        yield Wrong(
            f"{path} is listed and cannot be imported: {why}.", "Mend its path or install it."
        )


def _spiders(project: Project) -> Iterator[Wrong]:
    if project.spiders:
        yield Wrong(
            f"The spiders cannot be loaded: {project.spiders}.",
            "Mend that file; then check again.",
        )


def _not_listed(project: Project) -> Iterator[Wrong]:
    if not any(project.component(one) for one in COMPONENTS):
        yield Wrong(
            "rf_scrapy is not switched on: requests leave from this machine's own address.",
            'Add to settings.py: ADDONS = {"rf_scrapy.Addon": 500}',
        )


def _switched_off(project: Project) -> Iterator[Wrong]:
    if not project.enabled:
        yield Wrong(
            "RF_ENABLED is off: requests leave from this machine's own address.",
            "Remove RF_ENABLED or set it to True.",
        )


def _components(project: Project) -> Iterator[Wrong]:
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


def _order(project: Project) -> Iterator[Wrong]:
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


def _order_cost(project: Project) -> Iterator[Wrong]:
    mine, other = project.component(BACKOFF), project.find(COMPRESSION)
    if mine is not None and other is not None and mine.order > other.order:
        yield Wrong(
            f"rf_scrapy.{BACKOFF.name} has order {mine.order:g}, above "
            f"{other.path.rpartition('.')[2]} ({other.order:g}): RF_BAN_POLICY is shown "
            "compressed bodies.",
            f"Set {BACKOFF.line}.",
        )


def _http2(project: Project) -> Iterator[Wrong]:
    for scheme, handler in project.handlers.items():
        if handler.is_a(H2_HANDLER):
            yield Wrong(
                f"The HTTP/2 handler of {scheme} cannot use any proxy.",
                f'Remove "{scheme}" from DOWNLOAD_HANDLERS.',
            )


def _browsers(project: Project) -> Iterator[Wrong]:
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


def _handler(project: Project) -> Iterator[Wrong]:
    known = TESTED_HANDLERS | {H2_HANDLER} | BROWSERS.keys()
    for scheme, handler in project.handlers.items():
        if not any(handler.is_a(path) for path in known):
            yield Wrong(
                f"{handler.path} fetches {scheme} and is not known to rf_scrapy: whether it uses "
                'meta["proxy"] and Proxy-Authorization is for you to see.',
                f'Remove "{scheme}" from DOWNLOAD_HANDLERS, or try it against `rf sandbox`.',
            )


def _httpproxy_off(project: Project) -> Iterator[Wrong]:
    if project.values.get("HTTPPROXY_ENABLED", True) is False:
        yield Wrong(
            "HTTPPROXY_ENABLED is off: generated proxies work all the same, but the user name and "
            'password of a proxy of your own in meta["proxy"] would not be sent.',
            "Remove HTTPPROXY_ENABLED or set it to True.",
        )


def _other_proxies(project: Project) -> Iterator[Wrong]:
    for one in project.middlewares:
        name = next((name for path, name in OTHER_PROXIES.items() if one.is_a(path)), "")
        if name:
            yield Wrong(
                f"{one.path} ({name}) is enabled too: requests that it gives a proxy do not go "
                "through generated ones, because your own choice wins.",
                f'Remove it: DOWNLOADER_MIDDLEWARES = {{"{one.path}": None}}',
            )


def _https_proxy(project: Project) -> Iterator[Wrong]:
    for scheme, url in project.environment.items():
        if url.lower().startswith("https://"):
            yield Wrong(
                f"The environment's {scheme}_proxy is an https proxy, which Scrapy cannot use for "
                "https pages; requests that go direct on purpose would meet it.",
                f"Write it with http://, or unset {scheme}_proxy.",
            )


def _unreadable(project: Project) -> Iterator[Wrong]:
    if project.unreadable is not None:
        yield Wrong(*project.unreadable)


def _account(project: Project) -> Iterator[Wrong]:
    if project.account is not None:
        yield Wrong(*project.account)


def _key(project: Project) -> Iterator[Wrong]:
    if project.key_in_settings:
        yield Wrong(
            "RF_API_KEY stood in the Scrapy settings, which debugging extensions can print.",
            "It is taken out at start; export it as an environment variable instead.",
        )


def _strangers(project: Project) -> Iterator[Wrong]:
    for name, nearest in project.strangers.items():
        hint = f"; did you mean {nearest}?" if nearest else "."
        yield Wrong(f"{name} is no setting of rf_scrapy{hint}", "Rename or remove it.")


def _leftovers(project: Project) -> Iterator[Wrong]:
    for path in project.leftovers:
        yield Wrong(
            f"{path} holds credentials that were written there before rf_scrapy kept them out.",
            "Delete that folder, and have the credentials replaced if others could read it.",
        )


def _descriptors(project: Project) -> Iterator[Wrong]:
    wanted = int(project.values.get("CONCURRENT_REQUESTS") or 0)
    room = (project.descriptors - DESCRIPTORS_KEPT) // DESCRIPTORS_EACH
    if project.descriptors and wanted > max(room, 1):
        yield Wrong(
            f"CONCURRENT_REQUESTS = {wanted} needs {DESCRIPTORS_EACH} descriptors for each tunnel, "
            f"and the limit of {project.descriptors} has room for {max(room, 1)}; others wait.",
            f"Set CONCURRENT_REQUESTS = {max(room, 1)}, or run: ulimit -n "
            f"{wanted * DESCRIPTORS_EACH + DESCRIPTORS_KEPT}",
        )


def _lanes(project: Project) -> Iterator[Wrong]:
    wanted = int(project.values.get("CONCURRENT_REQUESTS") or 0)
    live = project.values.get("RF_LIVE_PROXIES")
    if project.rotates_by_requests and live is not None and int(live) < wanted:
        yield Wrong(
            f"RF_LIVE_PROXIES = {live} is less than CONCURRENT_REQUESTS = {wanted} while exits "
            "rotate by requests: requests wait for each other.",
            f"Remove RF_LIVE_PROXIES, or set it to {wanted * 5 // 4}.",
        )


def _no_jar(project: Project) -> Iterator[Wrong]:
    off = project.values.get("COOKIES_ENABLED", True) is False
    if off and project.values.get("RF_ROTATE") == "session":
        yield Wrong(
            "COOKIES_ENABLED is off: an rf_session keeps its exit and no cookies.",
            "Remove COOKIES_ENABLED or set it to True.",
        )


_E: Final = Severity.ERROR
_W: Final = Severity.WARNING

RULES: Final = (
    Rule("scrapy-version", _E, "Scrapy is too old.", _old_scrapy, always=True),
    Rule("not-importable", _E, "A listed component cannot be imported.", _not_importable, True),
    Rule("spiders", _E, "The project's spiders cannot be loaded.", _spiders, always=True),
    Rule("not-listed", _E, "Nothing of the add-on is listed.", _not_listed, always=True),
    Rule("switched-off", _W, "`RF_ENABLED` is off.", _switched_off, always=True),
    Rule("reactor", _E, "The reactor has no asyncio event loop.", _reactor),
    Rule("components", _E, "One component is listed without the others.", _components),
    Rule("order", _E, "A component stands where it cannot work.", _order),
    Rule("order-cost", _W, "A component stands where it works less well.", _order_cost),
    Rule("http2", _E, "The HTTP/2 handler, which knows no proxies.", _http2),
    Rule("browser", _E, 'A browser that does not look at `meta["proxy"]`.', _browsers),
    Rule("handler", _W, "A download handler nobody has tried.", _handler),
    Rule("httpproxy-off", _W, "`HTTPPROXY_ENABLED` is off.", _httpproxy_off),
    Rule("other-proxies", _W, "Another package chooses proxies too.", _other_proxies),
    Rule("https-proxy", _W, "The environment names an https proxy.", _https_proxy),
    Rule("setting", _E, "A setting cannot be read, or is not kept.", _unreadable),
    Rule("account", _E, "There is no key, or no such profile.", _account),
    Rule("key", _W, "The API key stands in the Scrapy settings.", _key, always=True),
    Rule("unknown-setting", _W, "A setting begins with `RF_` and means nothing.", _strangers),
    Rule("leftovers", _W, "JOBDIR or the HTTP cache holds old credentials.", _leftovers),
    Rule("descriptors", _W, "More requests at once than descriptors.", _descriptors),
    Rule("lanes", _W, "Fewer lanes than requests while exits rotate.", _lanes),
    Rule("no-jar", _W, "Sessions without cookies.", _no_jar),
)
"""Every rule, in the order in which findings are told."""


def check(project: Project) -> list[Finding]:
    """Return what is wrong with a project, by rule."""
    return [
        Finding(rule.name, rule.severity, what, way_out)
        for rule in RULES
        if rule.always or project.switched_on
        for what, way_out in rule.look(project)
    ]
