"""What faults do to an answer of the site: it is replaced, changed, or sent as no server would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rf_sandbox.faults import Fault, Faults, Rule
from rf_sandbox.pages.asked import Asked
from rf_sandbox.pages.reply import HTML, PLAIN, Delivery, Header, Reply

_HANDSHAKE: Final = "tls_failure"
_DRIP_BYTES: Final = 16


@dataclass(slots=True)
class Strikes:
    """The rules, those of handshakes apart from those of requests, so that each counts its own."""

    faults: Faults
    _seen: list[Rule] | None = field(default=None, repr=False)
    _of_requests: Faults = field(default_factory=Faults, repr=False)
    _of_handshakes: Faults = field(default_factory=Faults, repr=False)

    def on_request(self, asked: Asked) -> tuple[Fault, ...]:
        """Count a request; say what goes wrong with it."""
        if not self.faults.rules:
            return ()
        self._sort()
        return self._of_requests.strike(
            "site", path=asked.path, method=asked.method, domain=asked.domain
        )

    def on_handshake(self, domain: str) -> bool:
        """Count a TLS handshake for a name; say whether it fails."""
        if not self.faults.rules:
            return False
        self._sort()
        return bool(self._of_handshakes.strike("site", domain=domain))

    def _sort(self) -> None:
        rules = self.faults.rules
        if rules is not self._seen:
            self._seen = rules
            shakes = [rule for rule in rules if rule.fault.kind == _HANDSHAKE]
            self._of_handshakes = Faults(shakes)
            self._of_requests = Faults([rule for rule in rules if rule not in shakes])


def instead(faults: tuple[Fault, ...]) -> Reply | None:
    """The answer of a request that never reaches its page; None when it does."""
    for fault in faults:
        if fault.kind == "hang" and fault.when == "before":
            return Reply(delivery=Delivery(hangs=True))
        if fault.kind == "status":
            body = fault.body or f"{fault.message or f'status {fault.status}'}\n"
            kind = HTML if body.startswith("<") else PLAIN
            return _with_headers(Reply(fault.status, body.encode(), kind), fault)
    return None


def struck(reply: Reply, faults: tuple[Fault, ...]) -> Reply:
    """An answer after everything that goes wrong with it."""
    for fault in faults:
        work = _WORKS.get(fault.kind)
        if work is not None:
            reply = work(reply, fault)
    return reply


def answered_status(reply: Reply) -> int:
    """The status that the client gets to see, 0 where it gets none."""
    delivery = reply.delivery
    return 0 if delivery.hangs or delivery.reset_bytes == 0 else reply.status


def _with_headers(reply: Reply, fault: Fault) -> Reply:
    if not fault.headers:
        return reply
    changed = frozenset(name.lower() for name in fault.headers)
    kept = tuple(line for line in reply.headers if line[0].lower() not in changed)
    new: list[Header] = [
        (name, value) for name, value in fault.headers.items() if value is not None
    ]
    without = reply.delivery.without | changed
    return replace(_changed(reply, without=without), headers=kept + tuple(new))


def _changed(reply: Reply, **changes: Any) -> Reply:
    return replace(reply, delivery=replace(reply.delivery, **changes))


_WORKS: Final[dict[str, Callable[[Reply, Fault], Reply]]] = {
    "latency": lambda reply, fault: _changed(
        reply, after=reply.delivery.after + fault.milliseconds / 1000
    ),
    "drip": lambda reply, fault: _changed(
        reply,
        piece_bytes=fault.bytes or _DRIP_BYTES,
        pause=fault.milliseconds / 1000,
        with_head=True,
    ),
    "reset": lambda reply, fault: _changed(reply, reset_bytes=fault.bytes),
    "hang": lambda reply, _fault: _changed(reply, hangs=True),
    "truncate": lambda reply, fault: _changed(reply, body_bytes=fault.bytes),
    "wrong_length": lambda reply, fault: _changed(
        reply, claimed=max(0, reply.length + fault.delta)
    ),
    "headers": _with_headers,
}
"""Kind of fault → what it does to an answer; `status` and an early `hang` come before."""
