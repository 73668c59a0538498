"""Every Scrapy setting of the add-on: one table that start-up, documentation and tests read."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rf_core.caps import Cap
from rf_core.errors import SettingsError
from rf_core.redaction import Secret
from rf_scrapy.readings import (
    cap,
    choice,
    count,
    flag,
    policy,
    proxy_type,
    rotation,
    seconds,
    size,
    statuses,
    text,
)

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

PROXY_TYPES: Final = ("rotating", "sticky", "mobile_rotating", "mobile_sticky")


@dataclass(frozen=True, slots=True)
class Setting:
    """One Scrapy setting: how it is called, read and explained."""

    name: str
    field: str
    default: Any
    parse: Callable[[Any], Any]
    meaning: str


SETTINGS: Final = (
    Setting("RF_ENABLED", "enabled", True, flag, "The switch."),
    Setting("RF_POOL", "pool", None, text, "Pool id; the account's default pool without it."),
    Setting("RF_COUNTRY", "country", None, text, "Country of the exits, as `us`."),
    Setting("RF_STATE", "state", None, text, "US state of the exits, as `CA`."),
    Setting(
        "RF_PROXY_TYPE",
        "proxy_type",
        "rotating",
        proxy_type,
        "`rotating`, `sticky`, `mobile_rotating` or `mobile_sticky`.",
    ),
    Setting(
        "RF_SESSION_MINUTES",
        "session_minutes",
        None,
        count(1, 1_440),
        "How long a sticky credential keeps its exit; the pool's default without it, 10 for an "
        "`rf_session`.",
    ),
    Setting(
        "RF_ROTATE",
        "rotate",
        "tunnel",
        rotation,
        "When a new exit is taken: with every `tunnel` (kept alive, the cheapest), with every "
        "`request`, or after so many requests, as `20`. Requests of an `rf_session` keep theirs; "
        '`"session"` is `"tunnel"` for all others.',
    ),
    Setting(
        "RF_LIVE_PROXIES",
        "live_proxies",
        16,
        count(1, 1_000),
        "Credentials in use at once; bounds sockets whatever the order's size. When they rotate by "
        "requests, a quarter more than `CONCURRENT_REQUESTS` if that is more.",
    ),
    Setting(
        "RF_QUANTITY",
        "quantity",
        None,
        count(1, 250_000),
        "Credentials per order; twice `RF_LIVE_PROXIES` without it. Crawls share calls, so one "
        "call may be for more.",
    ),
    Setting(
        "RF_TARGETINGS",
        "targetings",
        256,
        count(1, 10_000),
        "How many targetings (pool, country, state, type, minutes) the requests of one crawl may "
        "ask for; each is an order of its own.",
    ),
    Setting(
        "RF_ALLOW_DIRECT",
        "allow_direct",
        False,
        flag,
        "Whether requests may leave from the machine's own address when there is no proxy.",
    ),
    Setting(
        "RF_BACKOFF_HTTP_CODES",
        "backoff_http_codes",
        frozenset({429, 503}),
        statuses,
        "Answers of a target that mean *slower*.",
    ),
    Setting(
        "RF_BACKOFF_MAX",
        "backoff_max",
        300.0,
        seconds,
        "The longest a domain is left alone, in seconds.",
    ),
    Setting(
        "RF_BACKOFF_RETRY_TIMES",
        "backoff_retry_times",
        8,
        count(0, 1_000),
        "How often one request waits for its domain before its answer is handed on.",
    ),
    Setting(
        "RF_BACKOFF_STALL",
        "backoff_stall",
        900.0,
        seconds,
        "After so many seconds without a good answer a domain is not waited for any more: answers "
        "are handed on, what has not been sent is given up.",
    ),
    Setting(
        "RF_BAN_HTTP_CODES",
        "ban_http_codes",
        frozenset({403}),
        statuses,
        "Answers of a target that mean *not you*: the exit is changed and the request tried again.",
    ),
    Setting(
        "RF_BAN_RETRY_TIMES",
        "ban_retry_times",
        2,
        count(0, 1_000),
        "How often one request is tried on another exit before its answer is handed on.",
    ),
    Setting(
        "RF_BAN_POLICY",
        "ban_policy",
        None,
        policy,
        "A class, or its path, whose `is_ban(request, response)` decides instead of the codes.",
    ),
    Setting(
        "RF_BUDGET",
        "budget",
        None,
        cap,
        "What this crawl may spend, as `5 GB`, or as `$5` when the profile has a price: a cap, not "
        "an alert, for all its processes on this machine together.",
    ),
    Setting(
        "RF_BUDGET_NAME",
        "budget_name",
        None,
        text,
        "Crawls that say the same name draw from one budget, also one after the other. Without it "
        "a `JOBDIR` has its own until it is finished, and any other crawl a new one each time.",
    ),
    Setting(
        "RF_FLOOR",
        "floor",
        None,
        size,
        "What must remain in the pool, as `5 GB`: by the provider's meter and all crawls here.",
    ),
    Setting(
        "RF_ON_EXHAUSTED",
        "on_exhausted",
        "close",
        choice("close", "pause"),
        "What happens when a pool runs empty or is at its floor: the crawl is `close`d, or "
        "`pause`d until it is topped up. Requests that ask for other pools go on.",
    ),
    Setting(
        "RF_ROBOTS",
        "robots",
        "proxy",
        choice("proxy", "direct", "off"),
        "How robots.txt is fetched: through a `proxy`, `direct` from your own address, or `off`: "
        "never, as if no site had one.",
    ),
    Setting(
        "RF_MEDIA",
        "media",
        "proxy",
        choice("proxy", "direct", "off"),
        "How files of media pipelines are fetched: the same, `off` is not at all.",
    ),
    Setting("RF_PROFILE", "profile", None, text, "Profile of config.toml; as the variable."),
    Setting("RF_BASE_URL", "base_url", None, text, "Address of the API; as the variable."),
    Setting("RF_STORE", "store", None, text, "Where state is shared; as the variable."),
    Setting(
        "RF_TELEMETRY",
        "telemetry",
        True,
        flag,
        "Publish this crawl to the local state for the monitor.",
    ),
    Setting(
        "RF_CONTROL",
        "control",
        True,
        flag,
        "Whether `rf crawls` and the monitor of the same user may pause, resume and stop it, and "
        "lower its budget; nothing else, and not without `RF_TELEMETRY`.",
    ),
)

KEY_SETTING: Final = "RF_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSettings:
    """The settings of one crawl, read and checked. Fields as in :data:`SETTINGS`.

    `rotate` is the number of requests after which a lane turns, None for a tunnel's whole life.
    """

    enabled: bool
    pool: str | None
    country: str | None
    state: str | None
    proxy_type: str
    session_minutes: int | None
    rotate: int | None
    live_proxies: int
    quantity: int | None
    targetings: int
    allow_direct: bool
    backoff_http_codes: frozenset[int]
    backoff_max: float
    backoff_retry_times: int
    backoff_stall: float
    ban_http_codes: frozenset[int]
    ban_retry_times: int
    ban_policy: Any
    budget: Cap | None
    budget_name: str | None
    floor: int | None
    on_exhausted: str
    robots: str
    media: str
    profile: str | None
    base_url: str | None
    store: str | None
    telemetry: bool
    control: bool


def read_settings(settings: BaseSettings) -> CrawlSettings:
    """Read every `RF_` setting of a crawler.

    Raises:
        SettingsError: a value cannot be read.
    """
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        raw = settings.get(setting.name)
        if raw is None:
            raw = setting.default
        try:
            values[setting.field] = None if raw is None else setting.parse(raw)
        except ValueError as error:
            message = f"{setting.name} = {raw!r} cannot be used."
            raise SettingsError(message, way_out=f"In settings.py, {error}.") from None
    if values["rotate"] is not None and settings.get("RF_LIVE_PROXIES") is None:
        # A lane that turns is out of use for a moment: with as many as requests these would wait.
        wanted = settings.getint("CONCURRENT_REQUESTS") * 5 // 4
        values["live_proxies"] = max(values["live_proxies"], wanted)
    return CrawlSettings(**values)


def unknown_settings(settings: BaseSettings) -> dict[str, str]:
    """Return settings that begin with `RF_` and mean nothing to us, with the nearest known name."""
    known = {setting.name for setting in SETTINGS} | {KEY_SETTING}
    strangers = [name for name in settings if name.startswith("RF_") and name not in known]
    return {name: next(iter(difflib.get_close_matches(name, known, n=1)), "") for name in strangers}


def take_key(settings: BaseSettings) -> Secret | None:
    """Take the API key out of the settings, where debugging extensions could print it."""
    value = settings.get(KEY_SETTING)
    if value is None:
        return None
    settings.delete(KEY_SETTING, priority="cmdline")
    return Secret(str(value))
