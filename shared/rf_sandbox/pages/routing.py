"""Which page an address means, and by which methods it can be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from rf_sandbox.pages.reply import Reply

READ: Final = ("GET", "HEAD")
SEND: Final = ("POST",)
ANY: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or all of a kind.

    In `address`, `{name}` stands for one part of the path and `{name...}` for all of its rest;
    what stood there goes to `answer`, after the site and the request. What follows a `?` is for
    readers. `answer` raises ValueError where there is no such page.
    """

    address: str
    about: str
    answer: Callable[..., Reply]
    methods: tuple[str, ...] = READ

    @property
    def parts(self) -> tuple[str, ...]:
        """The address without its query, part by part."""
        return tuple(self.address.partition("?")[0].split("/")[1:])

    @property
    def kind(self) -> str:
        """What its visits are counted under."""
        return self.parts[0] or "front"


@dataclass(frozen=True, slots=True)
class Found:
    """A page with what stood at its placeholders; without a page, the methods there are."""

    page: Page | None
    given: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class Routes:
    """Every page by the first part of its address."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], Page]]] = {}
        for page in pages:
            self._by_first.setdefault(page.parts[0], []).append((page.parts, page))

    def find(self, path: str, method: str) -> Found | None:
        """Return the page of a path, or None where there is none for any method."""
        asked = path.split("/")[1:]
        allowed: list[str] = []
        for parts, page in self._by_first.get(asked[0] if asked else "*", ()):
            given = _given(parts, asked)
            if given is None:
                continue
            if method in page.methods:
                return Found(page, given)
            allowed += page.methods
        return Found(None, allowed=tuple(dict.fromkeys(allowed))) if allowed else None


def _given(parts: tuple[str, ...], asked: list[str]) -> tuple[str, ...] | None:
    """What stands at the placeholders; None where the path is another."""
    given: list[str] = []
    for place, part in enumerate(parts):
        if part.endswith("...}"):
            return (*given, "/".join(asked[place:])) if len(asked) > place else None
        if place >= len(asked):
            return None
        if part.startswith("{"):
            given.append(asked[place])
        elif part != asked[place]:
            return None
    return tuple(given) if len(asked) == len(parts) else None
