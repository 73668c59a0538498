"""What the site answers: pages, items, pictures and odd behaviours, each made from its address."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import parse_qs, quote, urlsplit

_BLOCK: Final = hashlib.sha256(b"sandbox").digest() * 32
MOST_BYTES: Final = 256 * 1024 * 1024
PAGES: Final = 10_000
ITEMS_PER_PAGE: Final = 5
_PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the site."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_length: int
    body_sha256: str
    client: str
    scheme: str

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    def query(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return parse_qs(urlsplit(self.target).query).get(name, [default])[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the site. `after` seconds pass before it is sent.

    Without a `size` of its own the body is sent once; with one it is said over and over.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0
    size: int | None = None

    @property
    def is_bodiless(self) -> bool:
        """Whether the status forbids a body (RFC 9110, 15)."""
        return self.status in {204, 304}

    @property
    def length(self) -> int:
        """Bytes of the body."""
        if self.is_bodiless:
            return 0
        return len(self.body) if self.size is None else self.size

    def piece(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes of the body from `offset`."""
        end = min(self.length, offset + count)
        if self.size is None:
            return self.body[offset:end]
        start = offset % len(self.body)
        times = (start + end - offset) // len(self.body) + 1
        return (self.body * times)[start : start + end - offset]


class Closable(Protocol):
    """A connection that can be ended."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True)
class Site:
    """The site's behaviour. `plain` and `secure` are its own addresses, for links across."""

    now: Callable[[], float]
    plain: str = ""
    secure: str = ""
    requests: int = 0
    clients: dict[str, int] = field(default_factory=dict)
    visits_allowed: int = 3
    visits_seconds: float = 2.0
    connections: set[Closable] = field(default_factory=set)
    _visits: dict[str, deque[float]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        self.requests += 1
        self.clients[asked.client] = self.clients.get(asked.client, 0) + 1
        try:
            name, _, rest = asked.path.lstrip("/").partition("/")
            handler = _HANDLERS.get(name)
            if handler is not None:
                return handler(self, asked, rest)
        except ValueError:
            pass  # a number that is none, or a target that is no URL
        return _text("no such page", 404)

    def forget(self) -> None:
        """Start as if nobody had been here."""
        self.requests = 0
        self.clients.clear()
        self._visits.clear()

    def limited(self, who: str) -> float | None:
        """Count a visit; seconds until the next is welcome when it came too soon."""
        visits = self._visits.setdefault(who, deque())
        now = self.now()
        while visits and visits[0] <= now - self.visits_seconds:
            visits.popleft()
        if len(visits) >= self.visits_allowed:
            return visits[0] + self.visits_seconds - now
        visits.append(now)
        return None


def item_bytes(number: int) -> bytes:
    """The text of an item: 1 to 9 kB, always the same for the same number."""
    seed = hashlib.sha256(f"item {number}".encode()).hexdigest()
    return (seed * (16 + number % 128)).encode()


def some_bytes(count: int) -> bytes:
    """That many bytes, the same each time."""
    return Reply(body=_BLOCK, size=count).piece(0, count)


def _text(text: str, status: int = 200, **headers: str) -> Reply:
    return Reply(status, text.encode(), "text/plain; charset=utf-8", tuple(headers.items()))


def _json(document: object) -> Reply:
    return Reply(200, json.dumps(document).encode(), "application/json")


def _html(title: str, body: str) -> Reply:
    head = f"<!doctype html><html><head><title>{title}</title></head>"
    return Reply(200, f"{head}<body>{body}</body></html>".encode())


def _index(site: Site, _asked: Asked, _rest: str) -> Reply:
    links = "".join(f'<a href="/pages/{n}">page {n}</a> ' for n in range(1, 11))
    across = f'<a href="{site.plain}/pages/1">plain</a> <a href="{site.secure}/pages/1">TLS</a>'
    return _html("Sandbox", f"<h1>A small site</h1>{links}{across}")


def _page(_site: Site, asked: Asked, rest: str) -> Reply:
    number = int(rest)
    if not 1 <= number <= PAGES:
        raise ValueError(rest)
    first = (number - 1) * ITEMS_PER_PAGE + 1
    items = "".join(
        f'<li><a href="/items/{n}">item {n}</a><img src="/image/{n}.png"></li>'
        for n in range(first, first + ITEMS_PER_PAGE)
    )
    following = f'<a rel="next" href="/pages/{number + 1}">next</a>' if number < PAGES else ""
    filler = "<p>" + "catalogue " * (60 + number % 5 * 40) + "</p>"
    return _html(f"Page {number} on {asked.scheme}", f"<ul>{items}</ul>{following}{filler}")


def _item(_site: Site, _asked: Asked, rest: str) -> Reply:
    number = int(rest)
    if not 1 <= number <= PAGES * ITEMS_PER_PAGE:
        raise ValueError(rest)
    body = item_bytes(number)
    digest = hashlib.sha256(body).hexdigest()
    return _html(
        f"Item {number}",
        f'<p id="sha256">{digest}</p><pre id="text">{body.decode()}</pre>',
    )


def _image(_site: Site, _asked: Asked, _rest: str) -> Reply:
    return Reply(200, _PIXEL, "image/png")


def _ip(_site: Site, asked: Asked, _rest: str) -> Reply:
    return _json({"ip": asked.client})


def _bytes(_site: Site, _asked: Asked, rest: str) -> Reply:
    count = int(rest)
    if not 0 <= count <= MOST_BYTES:
        raise ValueError(rest)
    return Reply(200, _BLOCK, "application/octet-stream", size=count)


def _status(_site: Site, _asked: Asked, rest: str) -> Reply:
    status = int(rest)
    if not 200 <= status <= 599:  # noqa: PLR2004 - final answers (RFC 9110, 15)
        raise ValueError(rest)
    return _text(f"status {status}", status)


def _slow(_site: Site, _asked: Asked, rest: str) -> Reply:
    milliseconds = int(rest)
    if not 0 <= milliseconds <= 60_000:  # noqa: PLR2004 - a minute
        raise ValueError(rest)
    return Reply(200, b"at last\n", "text/plain", after=milliseconds / 1000)


def _ratelimit(site: Site, asked: Asked, _rest: str) -> Reply:
    who = "everybody" if asked.query("scope") == "site" else asked.client
    wait = site.limited(who)
    if wait is None:
        return _text("welcome")
    return _text("slower", 429, **{"Retry-After": str(max(1, math.ceil(wait)))})


def _redirect(_site: Site, asked: Asked, _rest: str) -> Reply:
    there = quote(asked.query("to", "/"), safe="%/:?#[]@!$&'()*+,;=~")
    return Reply(302, headers=(("Location", there),))


def _to_https(site: Site, _asked: Asked, rest: str) -> Reply:
    return Reply(302, headers=(("Location", f"{site.secure}/{quote(rest, safe='/%')}"),))


def _to_http(site: Site, _asked: Asked, rest: str) -> Reply:
    return Reply(302, headers=(("Location", f"{site.plain}/{quote(rest, safe='/%')}"),))


def _robots(_site: Site, _asked: Asked, _rest: str) -> Reply:
    return _text("User-agent: *\nDisallow: /private\n")


def _headers(_site: Site, asked: Asked, _rest: str) -> Reply:
    return _json({"headers": asked.headers, "client": asked.client})


def _echo(_site: Site, asked: Asked, _rest: str) -> Reply:
    return _json({"method": asked.method, "length": asked.body_length, "sha256": asked.body_sha256})


def _cookies(_site: Site, asked: Asked, _rest: str) -> Reply:
    given = [value for name, value in asked.headers if name.lower() == "cookie"]
    reply = _json({"cookies": given})
    return Reply(200, reply.body, reply.content_type, (("Set-Cookie", "visit=1; Path=/"),))


_HANDLERS: Final[dict[str, Callable[[Site, Asked, str], Reply]]] = {
    "": _index,
    "pages": _page,
    "items": _item,
    "image": _image,
    "ip": _ip,
    "bytes": _bytes,
    "status": _status,
    "slow": _slow,
    "ratelimit": _ratelimit,
    "redirect": _redirect,
    "to-https": _to_https,
    "to-http": _to_http,
    "robots.txt": _robots,
    "headers": _headers,
    "echo": _echo,
    "cookies": _cookies,
}
"""First part of the path → what answers."""
