"""What can be wrong with a project before its first request: one table of rules, no Scrapy needed.

A rule looks at a :class:`~rf_scrapy.facts.Project` and says what is wrong and the line to
change. `scrapy rf check`, `rf doctor --project` and the start of every crawl read the same table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rf_scrapy import listed
from rf_scrapy.facts import OLDEST_SCRAPY, Project
from rf_scrapy.findings import Finding, Rule, Severity, Wrong
from rf_scrapy.others import ASYNCIO_REACTOR

__all__ = ["RULES", "Finding", "Severity", "check"]

DESCRIPTORS_EACH: Final = 3
DESCRIPTORS_KEPT: Final = 96


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


def _httpproxy_off(project: Project) -> Iterator[Wrong]:
    if project.values.get("HTTPPROXY_ENABLED", True) is False:
        yield Wrong(
            "HTTPPROXY_ENABLED is off: generated proxies work all the same, but the user name and "
            'password of a proxy of your own in meta["proxy"] would not be sent.',
            "Remove HTTPPROXY_ENABLED or set it to True.",
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
    Rule("not-listed", _E, "Nothing of the add-on is listed.", listed.not_listed, always=True),
    Rule("switched-off", _W, "`RF_ENABLED` is off.", listed.switched_off, always=True),
    Rule("reactor", _E, "The reactor has no asyncio event loop.", _reactor),
    Rule("components", _E, "One component is listed without the others.", listed.components),
    Rule("order", _E, "A component stands where it cannot work.", listed.order),
    Rule("order-cost", _W, "A component stands where it works less well.", listed.order_cost),
    Rule("http2", _E, "The HTTP/2 handler, which knows no proxies.", listed.http2),
    Rule("browser", _E, 'A browser that does not look at `meta["proxy"]`.', listed.browsers),
    Rule("handler", _W, "A download handler nobody has tried.", listed.handler),
    Rule("httpproxy-off", _W, "`HTTPPROXY_ENABLED` is off.", _httpproxy_off),
    Rule("other-proxies", _W, "Another package chooses proxies too.", listed.other_proxies),
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
