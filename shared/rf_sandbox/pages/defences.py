"""How the site keeps crawlers off: robots.txt, limits, bans, captchas, any Retry-After."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Final

from rf_sandbox.pages.asked import Asked, seconds_of, whole
from rf_sandbox.pages.limits import Bounds, Judgement
from rf_sandbox.pages.reply import Header, Reply, page, text
from rf_sandbox.pages.routing import ANY, Page
from rf_sandbox.pages.state import SiteState

_ROBOTS: Final = "User-agent: *\nDisallow: /private\nCrawl-delay: 1\n"
_MOST: Final = 1_000_000
_LONGEST: Final = 86_400.0
_MOST_SCOPES: Final = 100_000
_LONGEST_SCOPE: Final = 100


def _robots(_site: SiteState, asked: Asked) -> Reply:
    return text(f"{_ROBOTS}Sitemap: {asked.origin}/catalogue/sitemap.xml\n")


def _private(site: SiteState, asked: Asked, path: str) -> Reply:
    site.visits.happened("private")
    link = f'<a href="/private/{_following(path)}">more</a>'
    return page("Private", f"<p>robots.txt asks crawlers to stay out, {asked.client}</p>{link}")


def _ratelimit(site: SiteState, asked: Asked) -> Reply:
    who = "everybody" if asked.query("scope") == "site" else asked.client
    bounds = Bounds(site.visits_allowed, site.visits_seconds, patience=sys.maxsize)
    judged = site.guard.judge(f"ratelimit {who}", site.now(), bounds)
    if judged.outcome == "welcome":
        return text("welcome")
    site.visits.happened("limited")
    return text("slower", 429, **{"Retry-After": judged.retry_after})


def _guarded(site: SiteState, asked: Asked, path: str) -> Reply:
    own = site.bounds
    bounds = replace(
        own,
        requests=whole(asked.query("requests", str(own.requests)), 0, _MOST),
        seconds=seconds_of(asked.query("seconds", str(own.seconds)), _LONGEST),
        patience=whole(asked.query("patience", str(own.patience)), 0, _MOST),
        ban_seconds=seconds_of(asked.query("ban", str(own.ban_seconds)), _LONGEST),
    )
    over = asked.query("over", "429")
    if over not in _OVER:
        raise ValueError(over)
    scope = asked.query("scope")[:_LONGEST_SCOPE]
    judged = site.guard.judge(f"guarded {scope} {asked.client}", site.now(), bounds)
    if judged.outcome == "banned":
        site.visits.happened("banned")
        return page("Access denied", f"<h1>{asked.client} is banned</h1>", 403)
    if judged.outcome == "slower":
        site.visits.happened("captchas" if over == "captcha" else "limited")
        return _OVER[over](judged)
    link = f'<a rel="next" href="/guarded/{_following(path)}">next</a>'
    return page("Guarded", f'<h1 id="welcome">Welcome</h1>{link}')


def _following(path: str) -> int:
    try:
        return whole(path, 0, _MOST) + 1
    except ValueError:
        return 1


def _slower(judged: Judgement) -> Reply:
    headers = (("Retry-After", judged.retry_after),)
    return page("Too many requests", "<h1>Slower, please</h1>", 429, headers)


def _captcha(_judged: Judgement) -> Reply:
    form = '<form id="captcha" method="post"><p>Are you a robot?</p><input name="answer"></form>'
    return page("Just a moment...", form)


def _overloaded(judged: Judgement) -> Reply:
    headers = (("Retry-After", judged.retry_after),)
    return page("Overloaded", "<h1>Overloaded</h1>", 503, headers)


_OVER: Final[dict[str, Callable[[Judgement], Reply]]] = {
    "429": _slower,
    "503": _overloaded,
    "403": lambda _judged: page("Access denied", "<h1>Access denied</h1>", 403),
    "captcha": _captcha,
}
"""What those get who come too often."""


def _busy(site: SiteState, asked: Asked) -> Reply:
    seconds = seconds_of(asked.query("seconds", "1"), _LONGEST)
    times = whole(asked.query("times", str(_MOST)), 0, _MOST)
    status = whole(asked.query("status", "503"), 400, 599)
    form = asked.query("form", "seconds")
    if form not in _FORMS:
        raise ValueError(form)
    scope = asked.query("scope")[:_LONGEST_SCOPE]
    if len(site.busy) < _MOST_SCOPES or scope in site.busy:
        site.busy[scope] += 1
    if site.busy[scope] > times:
        return text("welcome")
    told = _FORMS[form](seconds, site.now())
    headers: tuple[Header, ...] = () if told is None else (("Retry-After", told),)
    return page("Busy", "<h1>Come back later</h1>", status, headers)


_FORMS: Final[dict[str, Callable[[float, float], str | None]]] = {
    "seconds": lambda seconds, _now: f"{seconds:.0f}",
    "fraction": lambda seconds, _now: f"{seconds + 0.5:g}",
    "date": lambda seconds, now: formatdate(now + seconds, usegmt=True),
    "past": lambda seconds, now: formatdate(now - seconds, usegmt=True),
    "zero": lambda _seconds, _now: "0",
    "negative": lambda seconds, _now: f"-{seconds:.0f}",
    "words": lambda _seconds, _now: "soon",
    "huge": lambda _seconds, _now: "9" * 30,
    "missing": lambda _seconds, _now: None,
}
"""How Retry-After can be written, rightly and wrongly."""


def _maintenance(_site: SiteState, _asked: Asked) -> Reply:
    headers = (("Retry-After", "120"),)
    return page("Maintenance", "<h1>We are back in two minutes</h1>", 503, headers)


PAGES: Final = (
    Page(
        "/robots.txt", "disallows `/private`, asks for a second's delay, names the sitemap", _robots
    ),
    Page("/private/{path...}", "answers all the same, and is counted", _private, ANY),
    Page(
        "/ratelimit?scope=",
        "429 with `Retry-After` after 3 visits in 2 s of one address, or of all (`scope=site`)",
        _ratelimit,
    ),
    Page(
        "/guarded/{path...}?requests=20&seconds=10&patience=5&ban=60&over=429&scope=",
        "so many requests of one address in so many seconds; whoever goes on `patience` times is "
        "banned (403) for `ban` seconds; before, `over` is `429`, `503`, `403`, or `captcha`: "
        "a page with status 200; each `scope` counts by itself",
        _guarded,
        ANY,
    ),
    Page(
        "/busy?form=seconds&seconds=1&status=503&times=&scope=",
        "says when to come back as `seconds`, `fraction`, `date`, `past`, `zero`, `negative`, "
        "`words`, `huge`, or `missing`; the first `times` visits of a `scope`, or all",
        _busy,
        ANY,
    ),
    Page("/maintenance", "503 for two minutes, always", _maintenance, ANY),
)
