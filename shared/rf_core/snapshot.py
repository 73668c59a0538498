"""Everything a screen shows, as one frozen value that anyone can hold.

The poller makes it, the state store keeps the latest one, every face of the monitor paints it.
Times are Unix seconds of this machine's wall clock, used for display and ages only; rates are
bytes per second; all byte counts are integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rf_core.alert import Alert
from rf_core.meters import Reconciliation
from rf_core.models import Targeting

Severity = Literal["info", "warning", "error"]
DrainState = Literal["measuring", "idle", "draining"]


@dataclass(frozen=True, slots=True)
class Runway:
    """How long a pool lasts from now: the middle, and an interval that holds 4 times out of 5."""

    seconds: float
    low_seconds: float
    high_seconds: float


@dataclass(frozen=True, slots=True)
class Drain:
    """How fast a pool is emptying.

    Attributes:
        state: `measuring` until there is enough to say; `idle` when nothing left the pool.
        bytes_per_second: The rate while draining, else 0.
        source: `provider` when it comes from balance readings, `crawls` when from our own meter.
        runway: How long the pool lasts while draining; None until that can be said.
    """

    state: DrainState = "measuring"
    bytes_per_second: float = 0.0
    source: Literal["provider", "crawls"] = "provider"
    runway: Runway | None = None


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool as last seen.

    Attributes:
        balance_bytes: The provider's number, or None when no reading has come.
        balance_at: When that reading was taken, or None.
        spent_since_bytes: Wire bytes of this machine's crawls in this pool since that reading.
            What is left right now is about `balance_bytes - spent_since_bytes`.
        history: Readings as (time, balance bytes), oldest first.
        topped_up_at: Time of the newest reading that was higher than the one before, or None.
        listed: False for a pool that has a balance but is not in `/pools` (C-093).
        meters: Whether the provider takes what our crawls spend; None before two readings.
    """

    id: str
    label: str = ""
    host: str = ""
    proxy_types: tuple[str, ...] = ()
    balance_bytes: int | None = None
    balance_at: float | None = None
    spent_since_bytes: int = 0
    drain: Drain = field(default_factory=Drain)
    history: tuple[tuple[float, int], ...] = ()
    topped_up_at: float | None = None
    listed: bool = True
    meters: Reconciliation | None = None

    @property
    def left_bytes(self) -> int | None:
        """What is left now by both meters: the last reading less what we spent since."""
        if self.balance_bytes is None:
            return None
        return self.balance_bytes - self.spent_since_bytes


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is left of one rate-limit window, known without a call.

    Attributes:
        group: `generate` or `reads`.
        limit: Calls permitted in any rolling minute, as the server last said (C-130).
        used: Slots this machine holds.
        foreign: Slots that strangers on the same key seem to hold (C-132).
        next_slot_seconds: 0 when one is free, else seconds until one is; None when unknown.
        holders: Who holds ours: (name such as `monitor` or `crawl shop`, slots).
        frees_in_seconds: When each held slot comes back, soonest first; for a call without an
            answer, at the latest.
        held_by: Whose each of those is: its place in `holders`.
        foreign_for_seconds: Until the strangers' slots have come back, at the latest.
        window_seconds: How long the window is, and so about how long a slot is held.
    """

    group: str
    limit: int
    used: int
    foreign: int = 0
    next_slot_seconds: float | None = 0.0
    holders: tuple[tuple[str, int], ...] = ()
    frees_in_seconds: tuple[float, ...] = ()
    held_by: tuple[int, ...] = ()
    foreign_for_seconds: float = 0.0
    window_seconds: float = 60.0

    @property
    def free(self) -> int:
        """Calls that may be made right now."""
        return max(0, self.limit - self.used - self.foreign)


@dataclass(frozen=True, slots=True)
class CauseSpend:
    """Wire bytes that one cause took; with `tunnel`, requests are how many were opened.

    Attributes:
        cause: One of :data:`rf_core.causes.CAUSES`.
    """

    cause: str
    up_bytes: int
    down_bytes: int
    requests: int

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.up_bytes + self.down_bytes


@dataclass(frozen=True, slots=True)
class DomainSpend:
    """Wire bytes of one crawl to one domain in one pool.

    Attributes:
        causes: The same bytes by cause, to the byte; empty where they were not told apart.
    """

    pool: str
    domain: str
    up_bytes: int
    down_bytes: int
    requests: int
    causes: tuple[CauseSpend, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """What became of a crawl's sessions: stretches of requests that share one exit.

    Attributes:
        live: Those that are going on.
        begun: All so far.
        renewed: Begun anew because a key was used again after its lease.
        broken: Ended because their credential was refused or banned.
        resumed: Requests of another run's sessions, which began anew.
    """

    live: int = 0
    begun: int = 0
    renewed: int = 0
    broken: int = 0
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """One crawl as it published itself; counters only ever grow.

    Attributes:
        id: Unique for this run.
        pid, host: The process and machine it runs on.
        up_bytes, down_bytes: Billed wire bytes, counted at the gateway connection.
        unbilled_bytes: Bytes of exchanges the gateway itself refused (free on both meters).
        requests: Exchanges sent through the gateway by proxy, plain http requests and tunnels'
            page requests alike, as Scrapy sees them.
        pending_requests: Those known and not done yet; more may be found. None if unknown.
        items: Those the spider has made.
        paused: Why it sends nothing for now, or "".
        budget_bytes: What it may spend in all, or None without a budget.
        failures: Verdict name → count.
        exits: Exits asked for: sticky credentials, or tunnels and plain requests.
        bytes_per_second: Over the last few seconds, by the crawl's own clock.
        finished_at, finish_reason: None while running.
        domains: Spend by pool and domain.
        backoffs: Domain → seconds it is still left alone, at `updated_at`.
        causes: All its bytes by cause; empty where they were not told apart.
        sessions: What became of its sessions.
        retired_proxies: Credentials that were refused for good.
        backoff_count, backoff_seconds: Pauses of a domain so far, and their length together.
    """

    id: str
    spider: str
    project: str
    pid: int
    host: str
    pool: str
    started_at: float
    updated_at: float
    up_bytes: int = 0
    down_bytes: int = 0
    unbilled_bytes: int = 0
    requests: int = 0
    direct_requests: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    exits: int = 0
    live_proxies: int = 0
    bytes_per_second: float = 0.0
    finished_at: float | None = None
    finish_reason: str | None = None
    domains: tuple[DomainSpend, ...] = ()
    backoffs: Mapping[str, float] = field(default_factory=dict)
    pending_requests: int | None = None
    items: int = 0
    causes: tuple[CauseSpend, ...] = ()
    paused: str = ""
    budget_bytes: int | None = None
    sessions: SessionCounts = SessionCounts()
    retired_proxies: int = 0
    backoff_count: int = 0
    backoff_seconds: float = 0.0

    @property
    def wire_bytes(self) -> int:
        """Billed bytes, both ways."""
        return self.up_bytes + self.down_bytes


@dataclass(frozen=True, slots=True)
class DomainState:
    """One domain as the account's usage shows it (C-095, C-099).

    Attributes:
        delta_bytes: Growth since the reading before, or None when there was none or it shrank
            (a reset or a moving window is never negative consumption, C-097).
    """

    domain: str
    bytes: int
    requests: int
    delta_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of the API that a process of this machine made; no secret has a place in it.

    Attributes:
        at: When it was sent.
        path: Under the API's address, without its query.
        status: What was answered, or 0 when no answer came.
        seconds: From sending to the end of the answer, or until it was given up.
        who: Which holder of slots: `monitor`, `poller`, `crawl books`.
        group: `generate` or `reads`, or "" for what is not governed.
        remaining, limit: What the answer said is left of the window, or None.
        trouble: What came instead of an answer, in a word, or "".
    """

    at: float
    method: str
    path: str
    status: int
    seconds: float
    who: str
    group: str = ""
    remaining: int | None = None
    limit: int | None = None
    trouble: str = ""

    @property
    def id(self) -> str:
        """Tells it from others of this machine."""
        return f"{self.at:.6f} {self.who} {self.path}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know: what, and the way out.

    Attributes:
        code: Stable name, such as `key_refused`, `api_unreachable`, `demo_credentials`.
        text: One sentence.
        way_out: One sentence, or "".
        since: When it was first seen.
    """

    severity: Severity
    code: str
    text: str
    way_out: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        taken_at: When this value was made.
        key: The masked key, fit to show.
        account: The account's user name, or "".
        targeting: The values an order may name today, or None before they are known.
        balance_at, usage_at, discovery_at: When each part was last read from the API, or None.
        own_calls_per_minute: What the polling itself costs in reads.
        alerts: Those that are on, the newest first, then those that were.
        calls: The last calls of this machine's processes, the newest first.
    """

    taken_at: float
    key: str = ""
    account: str = ""
    pools: tuple[PoolState, ...] = ()
    windows: tuple[Headroom, ...] = ()
    crawls: tuple[CrawlReport, ...] = ()
    domains: tuple[DomainState, ...] = ()
    findings: tuple[Finding, ...] = ()
    targeting: Targeting | None = None
    balance_at: float | None = None
    usage_at: float | None = None
    discovery_at: float | None = None
    own_calls_per_minute: float = 0.0
    alerts: tuple[Alert, ...] = ()
    calls: tuple[ApiCall, ...] = ()
