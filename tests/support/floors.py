"""Crawls that share a pool and its floor, against a model of the provider; chance decides all."""

import sqlite3
from pathlib import Path

from rf_core.io import floors, records
from rf_core.io.counts import Counts
from rf_core.io.schema import MIGRATIONS
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.units import BALANCE_QUANTUM

NOBODY = Counts(Path("nowhere"), "")
"""Nothing is known of those who died."""
POOL, KEY = "premium", "key"
LATE_SECONDS = 8
LONGEST_STEP = 5


class Crawl:
    """One crawl, as the guard sees it: it spends what it was given, and never more."""

    def __init__(self, name):
        self.name, self.spent, self.reported = name, 0, 0
        self.until, self.may_grow, self.renewed_at = 0, False, 0.0


class World:
    """A pool, a provider that rounds and is late, and any number of crawls with a floor."""

    def __init__(self, chance):
        self.chance = chance
        self.now = 1_000.0
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for script in MIGRATIONS:
            self.connection.executescript(script)
        self.floor = chance.randrange(0, 50 << 20)
        self.paid = self.floor + chance.randrange(1 << 20, 400 << 20)
        self.used = 0
        self.history = [(self.now, 0, self.paid)]
        self.lag = chance.choice([0.0, 0.0, 30.0, 900.0])
        self.crawls = []
        self.begun = 0
        self.read()

    def close(self):
        self.connection.close()

    def read(self):
        """Somebody reads the balance: rounded, and as late as this provider is."""
        shown = max((n for n in self.history if n[0] <= self.now - self.lag), default=None)
        used = (shown or self.history[0])[1]
        left = self.paid - used
        rounded = round(left / BALANCE_QUANTUM) * BALANCE_QUANTUM
        records.put_balances(self.connection, KEY, self.now, {POOL: rounded})

    def begin(self):
        self.begun += 1
        crawl = Crawl(f"crawl {self.begun}")
        self.crawls.append(crawl)
        self.renew(crawl)

    def spend(self, crawl):
        most = crawl.until - crawl.spent
        if most > 0:
            count = min(most, int(self.chance.expovariate(1 / (4 << 20))))
            crawl.spent += count
            self.used += count
            self.history.append((self.now, self.used, self.paid))

    def report(self, crawl, *, finished=False):
        crawl.reported = crawl.spent
        records.put_crawl(
            self.connection,
            KEY,
            CrawlReport(
                id=crawl.name, spider="s", project="", pid=1, host="", pool=POOL, started_at=1.0,
                updated_at=self.now, finished_at=self.now if finished else None,
                domains=(DomainSpend(POOL, "a.example", 0, crawl.spent, 1),),
            ),
        )  # fmt: skip

    def renew(self, crawl, need=0, under_way=0, live=0):
        given = floors.claim(
            self.connection, KEY, POOL, crawl.name, floor_bytes=self.floor,
            spent_bytes=crawl.spent, under_way=under_way, live=live, need=need, is_idle=False,
            holding_bytes=crawl.until, counts=NOBODY, now=self.now,
        )  # fmt: skip
        before = crawl.spent
        if self.chance.random() < 0.3:
            # Until the answer is there, the crawl goes by its last claim.
            self.spend(crawl)
        crawl.renewed_at = self.now
        crawl.until, crawl.may_grow = before + given.count, given.may_grow

    def tick(self, crawl):
        """What a crawl does each second, or a few seconds late."""
        self.report(crawl)
        self.renew(crawl, self.chance.choice([0, 0, 64 << 10]))

    def end(self, crawl):
        self.report(crawl, finished=True)
        floors.drop(self.connection, KEY, POOL, crawl.name)
        self.crawls.remove(crawl)

    def kill(self, crawl):
        """What it had not reported is known to nobody; its claim stands."""
        self.crawls.remove(crawl)

    def top_up(self):
        self.read()
        self.paid += self.chance.randrange(1 << 20, 100 << 20)
        self.history.append((self.now, self.used, self.paid))
        self.now += 1
        self.read()

    def step(self):
        self.now += min(self.chance.expovariate(1 / 2), LONGEST_STEP)
        for crawl in self.crawls:
            if self.now - crawl.renewed_at > LATE_SECONDS:
                self.tick(crawl)
        deed = self.chance.choices(
            ("spend", "tick", "read", "begin", "end", "kill", "top up"),
            (40, 30, 8, 6, 3, 2, 1),
        )[0]
        if deed == "read":
            self.read()
        elif deed == "begin" or not self.crawls:
            self.begin()
        elif deed == "top up":
            self.top_up()
        else:
            crawl = self.chance.choice(self.crawls)
            if deed == "spend":
                self.spend(crawl)
            elif deed == "tick":
                self.tick(crawl)
            elif deed == "end":
                self.end(crawl)
            else:
                self.kill(crawl)

    @property
    def below(self):
        """How far below the floor the pool is."""
        return self.floor - (self.paid - self.used)
