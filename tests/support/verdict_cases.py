"""The verdict matrix: what goes wrong in one domain each, and what a crawl has to make of it."""

from __future__ import annotations

from dataclasses import dataclass, field

GAVE_UP = "GatewayRefusedError"
HANDLERS_OWN = ("TunnelError", "DownloadFailedError", "DownloadConnectionRefusedError")
# Whether a target has closed before its answer or in it is told by who notices first.
TROUBLE = (
    "gateway_dropped",
    "gateway_hung_up",
    "network_closed",
    "network_truncated",
    "tls_handshake",
)


@dataclass(frozen=True)
class Case:
    """One request and what befalls it.

    Attributes:
        where: Who plays false, or "" nobody.
        what: The fault, or several in turn.
        first: How many calls it strikes; 0 is all of them.
        verdicts: Each verdict in turn; a tuple stands for any one of its names.
        outcome: The status that the spider sees, or the name of what its errback sees; a tuple
            stands for any one.
        sent: How many requests or tunnels the gateway has seen; None where Scrapy's connections
            decide.
        exits: `same` user name throughout, `other` each time, or "" no matter.
        ended: Whether the crawl ends.
    """

    name: str
    scheme: str = "https"
    path: str = "/bytes/300"
    where: str = ""
    what: dict = field(default_factory=dict)
    first: int = 1
    verdicts: tuple = ()
    outcome: int | str | tuple = 200
    sent: int | None = None
    exits: str = ""
    retries: int = 0
    meta: dict = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return f"{self.name}.localhost"

    @property
    def rules(self) -> list[dict]:
        if not self.where:
            return []
        match = {"domain": self.domain} | ({"first": self.first} if self.first else {})
        return [{"where": self.where, "match": match, "what": self.what}]


def _status(status: int, **what: object) -> dict:
    return {"kind": "status", "status": status, **what}


def _gateway(scheme: str) -> list[Case]:
    """What a gateway can say, at CONNECT or on plain http."""

    def case(name: str, what: dict, **expected: object) -> Case:
        return Case(
            f"{'connect' if scheme == 'https' else 'plain'}-{name}",
            scheme=scheme, where="gateway", what=what, **expected,
        )  # fmt: skip

    own = {"code": "proxy_internal_response"}
    many = ("gateway_auth",)
    # On plain http the gateway is asked once more, by CONNECT, whether it has said so.
    times = 1 if scheme == "https" else 2
    return [
        case("auth", _status(407), first=times, verdicts=many, sent=2, exits="other"),
        case(
            "auth-thrice", _status(407), first=3 * times, verdicts=many * 3, sent=4, exits="other"
        ),
        case(
            "auth-always", _status(407), first=0, verdicts=many * 6, sent=6, exits="other",
            outcome=GAVE_UP,
        ),
        case(
            "demo", _status(407, message="demo credentials do not work"), first=times,
            verdicts=("gateway_demo",), sent=2, exits="other",
        ),
        case("limited", _status(429, **own), first=2, verdicts=("gateway_limited",) * 2, sent=3),
        case(
            "limited-dated", _status(429, headers={"Retry-After": "1"}, **own),
            verdicts=("gateway_limited",), sent=2,
        ),
        case(
            "blocked", _status(403, **own), first=0, verdicts=("gateway_blocked",), sent=1,
            outcome=GAVE_UP,
        ),
        case("no-exit", {"kind": "pool_down"}, verdicts=("gateway_no_exit",), sent=2),
        case("no-exit-525", _status(525, **own), verdicts=("gateway_no_exit",), sent=2),
        case(
            "dropped", {"kind": "exit_dropped"}, verdicts=("gateway_dropped",), sent=2, retries=1
        ),
        case(
            "dropped-always", {"kind": "exit_dropped"}, first=0,
            verdicts=("gateway_dropped",) * 3, sent=3, retries=2,
            outcome=(GAVE_UP, *HANDLERS_OWN),
        ),
        case(
            "timeout", {"kind": "connect_timeout"}, verdicts=("gateway_timeout",), sent=2, retries=1
        ),
        case("timeout-522", _status(522, **own), verdicts=("gateway_timeout",), sent=2, retries=1),
        case("no-name", {"kind": "dns_failure"}, verdicts=("gateway_no_name",), sent=2, retries=1),
        case("other", _status(418, **own), verdicts=("gateway_other",), sent=2, retries=1),
        case(
            "hung-up", {"kind": "reset", "bytes": 0}, verdicts=(TROUBLE,), sent=2, retries=1
        ),
        case(
            "cut", {"kind": "exit_dropped", "bytes": 150}, verdicts=(TROUBLE,), sent=2, retries=1
        ),
    ]  # fmt: skip


def _target(scheme: str) -> list[Case]:
    """What a target can say or do, and what happens on the way to it."""

    def case(name: str, what: dict, **expected: object) -> Case:
        return Case(
            f"{scheme}-{name}", scheme=scheme, where="site", what=what, **expected
        )  # fmt: skip

    return [
        case("429", _status(429), verdicts=("target_429",)),
        case("429-zero", _status(429, headers={"Retry-After": "0"}), verdicts=("target_429",)),
        case(
            "503-dated", _status(503, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
            verdicts=("target_503",),
        ),
        case("429-twice", _status(429), first=2, verdicts=("target_429",) * 2),
        case("ban", _status(403), verdicts=("target_ban",), sent=2),
        case(
            "ban-always", _status(403), first=0, verdicts=("target_ban",) * 3, sent=3, outcome=403
        ),
        case("500", _status(500), retries=1),
        case("404", _status(404), outcome=404),
        case("402", _status(402), outcome=402),
        case("truncated", {"kind": "truncate", "bytes": 50}, verdicts=(TROUBLE,), retries=1),
        case("reset", {"kind": "reset", "bytes": 350}, verdicts=(TROUBLE,), retries=1),
        case(
            "silent", {"kind": "hang"}, verdicts=("network_timeout",), retries=1,
            meta={"download_timeout": 8},
        ),
    ]  # fmt: skip


def _sessions() -> list[Case]:
    """The same inside a session: whether it goes on with its exit."""

    def case(name: str, where: str, what: dict, verdict: str, exits: str, **more: object) -> Case:
        return Case(
            f"session-{name}", where=where, what=what, verdicts=(verdict,), exits=exits,
            meta={"rf_session": name}, **more,
        )  # fmt: skip

    own = {"code": "proxy_internal_response"}
    return [
        case("auth", "gateway", _status(407), "gateway_auth", "other"),
        case("limited", "gateway", _status(429, **own), "gateway_limited", "same"),
        case("late", "gateway", {"kind": "connect_timeout"}, "gateway_timeout", "same", retries=1),
        case("no-exit", "gateway", {"kind": "pool_down"}, "gateway_no_exit", "other"),
        case("dropped", "gateway", {"kind": "exit_dropped"}, "gateway_dropped", "other", retries=1),
        case("slower", "site", _status(429), "target_429", "same"),
        case("ban", "site", _status(403), "target_ban", "other"),
    ]  # fmt: skip


def _forged() -> list[Case]:
    """What a target on plain http can say in the gateway's name, and what comes of it."""

    def case(name: str, what: dict, **expected: object) -> Case:
        return Case(
            f"forged-{name}", scheme="http", where="site", what=what, **expected
        )  # fmt: skip

    says = {"Proxy-Status": "gateway; error=quota"}
    demo = {"Proxy-Status": 'gateway; error=x; details="demo"'}
    once = {"verdicts": ("gateway_other",), "retries": 1, "sent": 2, "exits": "any"}
    return [
        case("auth", _status(407), **once),
        case("auth-always", _status(407), first=0, outcome=407, **once),
        case("exhausted", _status(402, headers=says), first=0, outcome=402, **once),
        case("demo", _status(403, headers=demo), first=0, **once | {
            "verdicts": ("gateway_other", "target_ban", "target_ban", "target_ban"),
            "sent": 4, "outcome": 403,
        }),
        case(
            "limited", _status(429, headers=says), verdicts=("gateway_limited",), sent=2
        ),
    ]  # fmt: skip


CASES = (
    Case("connect-well", sent=1),
    Case("plain-well", scheme="http", sent=1),
    *_gateway("https"),
    *_gateway("http"),
    Case(
        "plain-nobodys-429", scheme="http", where="gateway", first=1,
        what=_status(429, headers={"Proxy-Status": None}), verdicts=("target_429",), sent=2,
    ),
    Case(
        "plain-nobodys-403", scheme="http", where="gateway", first=1,
        what=_status(403, headers={"Proxy-Status": None}), verdicts=("target_ban",), sent=2,
    ),
    *_target("https"),
    *_target("http"),
    Case(
        "tls-at-the-exit", where="gateway", what={"kind": "tls_failure"},
        verdicts=("tls_handshake",), retries=1,
    ),
    Case(
        "tls-at-the-site", where="site", what={"kind": "tls_failure"},
        verdicts=(TROUBLE,), retries=1,
    ),
    *_sessions(),
    *_forged(),
)  # fmt: skip
"""Every case of the matrix; each has a domain to itself, so that one crawl can meet them all."""
