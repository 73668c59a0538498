"""What tests ask of the sandbox's site, without a socket or with one."""

from __future__ import annotations

import hashlib
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from rf_sandbox.pages import Asked, Site


def ask(site: Site, target: str, method="GET", client="127.0.0.1", body=b"", **headers: str):
    """Ask the site itself, header names with `_` for `-`."""
    given = [("Host", "shop.localhost:8080")]
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return site.answer(
        Asked(
            method,
            target,
            given,
            len(body),
            hashlib.sha256(body).hexdigest(),
            client,
            "http",
            {name.lower(): value for name, value in given},
            body,
        )
    )


def header(reply, name: str) -> str | None:
    """The first value of a header of a reply."""
    return next((value for given, value in reply.headers if given.lower() == name.lower()), None)


class Visitor:
    """Somebody with cookies at one address, which can change."""

    def __init__(self, site: Site, client: str = "127.0.0.1") -> None:
        self.site = site
        self.client = client
        self.cookies: dict[str, str] = {}

    def ask(self, target: str, **form: str):
        body = urlencode(form).encode()
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        method = "POST" if form else "GET"
        extra = {"Cookie": cookie} if cookie else {}
        reply = ask(self.site, target, method, self.client, body, **extra)
        for name, value in reply.headers:
            if name == "Set-Cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies[key] = morsel.value
        return reply
