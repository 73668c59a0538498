"""Every request meta key of the add-on: one table that the code, its docs and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rf_core.errors import OrderError
from rf_core.targeting import Targeting
from rf_scrapy.settings import SETTINGS, CrawlSettings, Setting

if TYPE_CHECKING:
    from scrapy.http import Response

SESSION: Final = "rf_session"
SESSION_END: Final = "rf_session_end"
SESSION_EXCLUSIVE: Final = "rf_session_exclusive"

_SETTINGS: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class MetaKey:
    """One key: how it is written, what it means.

    Attributes:
        setting: Whose value it replaces for one request.
    """

    name: str
    example: str
    meaning: str
    setting: Setting | None = None


def _instead(name: str, example: str) -> MetaKey:
    setting = f"RF_{name.removeprefix('rf_').upper()}"
    return MetaKey(name, example, f"`{setting}` for this request", _SETTINGS[setting])


META: Final = (
    _instead("rf_pool", '"residential"'),
    _instead("rf_country", '"de"'),
    _instead("rf_state", '"CA"'),
    _instead("rf_proxy_type", '"sticky"'),
    _instead("rf_session_minutes", "30"),
    _instead("rf_rotate", '"request"'),
    MetaKey(
        SESSION,
        '"key"',
        "same key, same exit, its own cookie jar, until its lease ends: see "
        "[sessions](../explanation/sessions.md)",
    ),
    MetaKey(SESSION_END, "True", "the session ends with this request"),
    MetaKey(
        SESSION_EXCLUSIVE,
        "True",
        "no other such request of the session is under way at the same time",
    ),
    MetaKey("rf_proxy", "False", "send this request directly, on purpose"),
    MetaKey("dont_proxy", "True", "the same, in the ecosystem's spelling"),
    MetaKey("proxy", '"http://…"', "your own proxy for this request; it is not counted"),
    MetaKey("proxy", "None", "the same as `rf_proxy: False`"),
)
"""Every key, as it is documented."""

_TARGETING: Final = {key.name: key.setting for key in META if key.setting is not None}

TARGETING_KEYS: Final = frozenset(_TARGETING)
"""A request without any of these asks for what the settings say."""

_KEPT: Final = TARGETING_KEYS | {SESSION, SESSION_EXCLUSIVE}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of its proxy.

    Attributes:
        minutes: How long a session is to last, whatever the type.
    """

    targeting: Targeting
    rotate: int | None
    minutes: int | None

    def session_targeting(self, default_minutes: int) -> Targeting:
        """What is ordered for its session."""
        return self.targeting.for_sessions(self.minutes or default_minutes)


def targeting_in(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request's meta that says where it wants to leave from."""
    return {key: meta[key] for key in TARGETING_KEYS if key in meta}


def settings_wish(settings: CrawlSettings) -> Wish:
    """Return what requests ask for that say nothing themselves."""
    return wish_of({}, settings)


def wish_of(meta: Mapping[str, Any], settings: CrawlSettings) -> Wish:
    """Read what a request asks for; what it does not say, the settings do.

    `None` takes a setting back: any country, the account's own pool. The state of a setting goes
    with its country.

    Raises:
        OrderError: a value cannot be read.
    """
    values: dict[str, Any] = {}
    for key, setting in _TARGETING.items():
        values[setting.field] = (
            _read(key, setting, meta[key]) if key in meta else getattr(settings, setting.field)
        )
    moved = str(values["country"]).lower() != str(settings.country).lower()
    if moved and "rf_state" not in meta:
        values["state"] = None
    rotate = values.pop("rotate")
    return Wish(Targeting.of(**values), rotate, values["session_minutes"])


def _read(key: str, setting: Setting, value: Any) -> Any:
    raw = setting.default if value is None else value
    try:
        return None if raw is None else setting.parse(raw)
    except ValueError as error:
        message = f"Request meta {key} = {value!r} cannot be used."
        raise OrderError(message, field=setting.field, way_out=f"There, {error}.") from None


def kept_meta(response: Response) -> dict[str, Any]:
    """Return the meta that keeps another request with this response: its targeting, its session.

    For requests of a media pipeline, or a link that is to be followed from the same country:
    `response.follow(url, meta=rf_scrapy.kept_meta(response))`.
    """
    return {key: response.meta[key] for key in _KEPT if key in response.meta}
