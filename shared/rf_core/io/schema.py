"""The tables of `state.db`, version by version; what is written here never changes, only grows."""

from __future__ import annotations

from typing import Final

FILE_NAME: Final = "state.db"

_FIRST: Final = """
CREATE TABLE windows (
    key TEXT NOT NULL, grp TEXT NOT NULL, allowed INTEGER NOT NULL,
    strangers INTEGER NOT NULL, strangers_until REAL NOT NULL,
    hold_until REAL NOT NULL, observed_at REAL NOT NULL, boot TEXT NOT NULL,
    PRIMARY KEY (key, grp)
) STRICT;
CREATE TABLE slots (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, grp TEXT NOT NULL, holder TEXT NOT NULL,
    taken_at REAL NOT NULL, frees_at REAL NOT NULL, settled INTEGER NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE INDEX slots_by_window ON slots (key, grp, frees_at);
CREATE TABLE leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE TABLE parts (
    key TEXT NOT NULL, part TEXT NOT NULL, fetched_at REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (key, part)
) STRICT;
CREATE TABLE balances (
    key TEXT NOT NULL, pool TEXT NOT NULL, at REAL NOT NULL,
    bytes INTEGER NOT NULL, spent INTEGER NOT NULL,
    PRIMARY KEY (key, pool, at)
) STRICT;
CREATE TABLE crawls (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, updated_at REAL NOT NULL, finished_at REAL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX crawls_by_time ON crawls (key, updated_at);
CREATE TABLE spends (
    crawl TEXT NOT NULL, pool TEXT NOT NULL, domain TEXT NOT NULL,
    up INTEGER NOT NULL, down INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (crawl, pool, domain)
) STRICT;
"""

_PACKED_WINDOWS: Final = """
ALTER TABLE windows RENAME TO former;
CREATE TABLE windows (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, grp TEXT NOT NULL, version INTEGER NOT NULL,
    boot TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (key, grp)
) STRICT;
INSERT INTO windows (key, grp, version, boot, body) SELECT key, grp, 0, boot, x'' FROM former;
DROP TABLE former;
DROP TABLE slots;
"""
"""A window that was in use comes over as one of which nothing is known: it begins with a pause."""

_SHARED_ORDERS: Final = """
CREATE TABLE demands (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, spec TEXT NOT NULL, quantity INTEGER NOT NULL,
    alive_until REAL NOT NULL, boot TEXT NOT NULL,
    stock INTEGER, first INTEGER, last INTEGER, failure TEXT
) STRICT;
CREATE INDEX demands_by_spec ON demands (key, spec);
CREATE TABLE stocks (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, targeting TEXT NOT NULL, pool TEXT NOT NULL,
    is_default INTEGER NOT NULL, kept INTEGER NOT NULL, made_at REAL NOT NULL,
    asked INTEGER NOT NULL, count INTEGER NOT NULL, taken INTEGER NOT NULL,
    bytes INTEGER NOT NULL, file TEXT NOT NULL, facts TEXT NOT NULL
) STRICT;
CREATE INDEX stocks_by_targeting ON stocks (key, targeting);
"""

_REFUSED_CREDENTIALS: Final = """
CREATE TABLE refusals (
    key TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (key, name)
) STRICT;
"""

_SPENDING: Final = """
CREATE TABLE spenders (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, crawl TEXT NOT NULL, spider TEXT NOT NULL,
    items INTEGER NOT NULL, UNIQUE (key, spider, crawl)
) STRICT;
CREATE TABLE spent (
    spender INTEGER NOT NULL, day INTEGER NOT NULL, pool TEXT NOT NULL, domain TEXT NOT NULL,
    up INTEGER NOT NULL, down INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (spender, day, pool, domain)
) STRICT, WITHOUT ROWID;
INSERT INTO spenders (key, crawl, spider, items)
    SELECT key, id, coalesce(json_extract(body, '$.spider'), ''), 0 FROM crawls;
INSERT INTO spent
    SELECT spenders.id, CAST(crawls.updated_at / 86400 AS INTEGER), pool, domain, up, down, requests
    FROM spends JOIN crawls ON crawls.id = spends.crawl JOIN spenders ON spenders.crawl = crawls.id;
"""
"""What crawls had spent before there was a ledger is theirs of the day they were last heard of."""

_CLAIMS: Final = """
CREATE TABLE claims (
    key TEXT NOT NULL, pool TEXT NOT NULL, crawl TEXT NOT NULL, until INTEGER NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (key, pool, crawl)
) STRICT, WITHOUT ROWID;
"""

_DRAWS: Final = """
CREATE TABLE draws (
    key TEXT NOT NULL, budget TEXT NOT NULL, crawl TEXT NOT NULL, until INTEGER NOT NULL,
    spent INTEGER NOT NULL, at REAL NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (key, budget, crawl)
) STRICT, WITHOUT ROWID;
CREATE TABLE lowered (
    key TEXT NOT NULL, budget TEXT NOT NULL, whole INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (key, budget)
) STRICT, WITHOUT ROWID;
"""

_ALERTS: Final = """
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, pool TEXT NOT NULL, rule TEXT NOT NULL,
    kind TEXT NOT NULL, since REAL NOT NULL, text TEXT NOT NULL,
    acknowledged_at REAL, over_at REAL, outcome TEXT NOT NULL,
    rung INTEGER NOT NULL, told INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX alerts_that_are_on ON alerts (key, pool, rule) WHERE over_at IS NULL;
"""

_JOURNAL: Final = """
CREATE TABLE calls (
    place INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE, key TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
"""

_CAUSES: Final = """
ALTER TABLE spends ADD COLUMN causes TEXT NOT NULL DEFAULT '';
CREATE TABLE caused (
    spender INTEGER NOT NULL, day INTEGER NOT NULL, pool TEXT NOT NULL, domain TEXT NOT NULL,
    cause TEXT NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (spender, day, pool, domain, cause)
) STRICT, WITHOUT ROWID;
INSERT INTO caused SELECT spender, day, pool, domain, '', up, down, requests FROM spent;
"""
"""All that `spent` has and `caused` has not is pages; what was spent before has no cause."""

_WISHES: Final = """
CREATE TABLE wishes (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, crawl TEXT NOT NULL, verb TEXT NOT NULL,
    bytes INTEGER, at REAL NOT NULL, taken_at REAL, is_done INTEGER, answer TEXT
) STRICT;
CREATE INDEX wishes_that_wait ON wishes (crawl) WHERE taken_at IS NULL;
"""

_NEWEST_READINGS: Final = """
CREATE INDEX balances_by_time ON balances (key, at);
"""
_CAUSES_IN_ORDER: Final = """
ALTER TABLE caused RENAME TO caused_before;
CREATE TABLE caused (
    spender INTEGER NOT NULL, day INTEGER NOT NULL, pool TEXT NOT NULL, cause TEXT NOT NULL,
    domain TEXT NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (spender, day, pool, cause, domain)
) STRICT, WITHOUT ROWID;
INSERT INTO caused SELECT spender, day, pool, cause, domain, up, down, requests FROM caused_before;
DROP TABLE caused_before;
"""
"""A cause's rows lie side by side, so that sums of causes need no sorting."""

MIGRATIONS: Final = (
    _FIRST,
    _PACKED_WINDOWS,
    _SHARED_ORDERS,
    _REFUSED_CREDENTIALS,
    _SPENDING,
    _CLAIMS,
    _DRAWS,
    _ALERTS,
    _JOURNAL,
    _CAUSES,
    _WISHES,
    _NEWEST_READINGS,
    _CAUSES_IN_ORDER,
)
"""Each makes the next version of the one before; the version is how many were applied."""
