"""The site's behaviour: which page answers, and what is counted of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rf_sandbox.pages import account, bodies, catalogue, defences, encodings, redirects, shop
from rf_sandbox.pages.asked import Asked
from rf_sandbox.pages.conditions import CONDITIONS, conditioned
from rf_sandbox.pages.encodings import encoded
from rf_sandbox.pages.faults import answered_status, instead, struck
from rf_sandbox.pages.reply import Reply, text
from rf_sandbox.pages.routing import READ, Page, Routes
from rf_sandbox.pages.state import SiteState

PAGES: Final[tuple[Page, ...]] = (
    *shop.PAGES,
    *catalogue.PAGES,
    *account.PAGES,
    *defences.PAGES,
    *redirects.PAGES,
    *bodies.PAGES,
    *encodings.PAGES,
)
"""Every page, in the order of the reference."""

_ROUTES: Final = Routes(PAGES)
_NO_FAULTS: Final[tuple[str, ...]] = ()


class Site(SiteState):
    """The site's state, with what answers."""

    __slots__ = ()

    def answer(self, asked: Asked) -> Reply:
        """Answer one request, and count it."""
        strikes = self.strikes
        faults = strikes.on_request(asked) if strikes is not None else ()
        kind, reply = "none", instead(faults) if faults else None
        if reply is None:
            kind, reply = self._page(asked)
        if faults:
            reply = struck(reply, faults)
        self.visits.record(
            asked,
            self.now(),
            kind,
            answered_status(reply) if faults else reply.status,
            tuple(fault.kind for fault in faults) if faults else _NO_FAULTS,
        )
        return reply

    def _page(self, asked: Asked) -> tuple[str, Reply]:
        named = asked.named
        key = (asked.target, asked.scheme, named.get("accept-encoding", ""))
        found = self.kept.get(key) if asked.method in READ else None
        kind, reply = found or self._made(asked, key)
        if not CONDITIONS.isdisjoint(named):
            reply = conditioned(asked, reply)
        return kind, reply

    def _made(self, asked: Asked, key: tuple[str, ...]) -> tuple[str, Reply]:
        try:
            found = _ROUTES.find(asked.path, asked.method)
            if found is not None and found.page is not None:
                reply = found.page.answer(self, asked, *found.given)
                if reply.is_still:
                    reply = self.kept.put(key, found.page.kind, encoded(asked, reply))
                return found.page.kind, reply
        except ValueError:
            found = None  # a number that is none, or out of range
        if asked.method == "OPTIONS" and (found is not None or asked.target == "*"):
            allowed = (*(found.allowed if found else READ), "OPTIONS")
            return "none", Reply(204, headers=(("Allow", ", ".join(allowed)),))
        if found is not None:
            allow = (("Allow", ", ".join((*found.allowed, "OPTIONS"))),)
            return "none", replace(text("not by this method", 405), headers=allow)
        return "none", text("no such page", 404)
