"""Crawls with caps, in several processes, against a model of the provider; chance decides all.

The guard is the real one, and so is what it keeps in `state.db`, here in memory. Made up are the
wire, which delivers in pieces and has some on its way when it is cut, and the provider, whose
meter rounds and is late. Time is virtual.
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from support.virtual_time import run

from rf_core.budget import Leave
from rf_core.caps import Cap
from rf_core.io import answers, records
from rf_core.io.guard import Guard
from rf_core.io.purses import Name
from rf_core.io.relay.dial import read_ahead
from rf_core.io.schema import MIGRATIONS
from rf_core.io.top_ups import AT_ONCE_SECONDS
from rf_core.meter import Meter, Tally
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.units import BALANCE_QUANTUM
from rf_core.verdicts import What

KEY, POOL = "key", "premium"
BEGAN = 1_700_000_000.0
"""Before any file that is made meanwhile."""
USUAL_BUFFER = 128 << 10
"""What the kernel may have taken in where the relay leaves that to it, on a usual way."""
GLANCE_SECONDS = 1.0
REPORT_SECONDS = 1.1
"""What is spent is reported this often."""
LONGEST_SECONDS = 50_000


@dataclass
class Plan:
    """One history: who spends how."""

    budget: int | None
    floor: int | None
    processes: int
    concurrency: int
    sizes: tuple[tuple[int, int], ...]
    lag: float
    crashes: int
    top_ups: int
    seconds_each: float
    announced: float


def planned(chance, requests):
    """Draw a history: 1 to 64 at a time, bodies to 20 MB, 1 to 4 processes, crashes, top-ups.

    Args:
        requests: How many there is money for, at least and at most.
    """
    largest = chance.choice([20_000, 200_000, 2_000_000, 20_000_000])
    sizes = tuple(
        sorted((_log_uniform(chance, 500, largest), _log_uniform(chance, 500, largest)))
        for _ in range(chance.choice([1, 1, 3]))
    )
    usual = sum(low + high for low, high in sizes) // (2 * len(sizes))
    amount = max(1 << 20, usual * chance.randint(*requests))
    kind = chance.choice(["budget", "budget", "floor", "both"])
    return Plan(
        budget=None if kind == "floor" else amount,
        floor=None if kind == "budget" else chance.randrange(0, 2 << 30),
        processes=chance.choice([1, 1, 2, 4]),
        concurrency=chance.choice([1, 2, 4, 8, 16, 32, 64]),
        sizes=sizes,
        lag=chance.choice([0.0, 0.0, 60.0, 900.0]),
        crashes=chance.choice([0, 0, 0, 1, 2]),
        top_ups=chance.choice([0, 0, 1]),
        seconds_each=chance.choice([0.05, 0.5, 3.0]),
        announced=chance.choice([0.0, 0.9, 1.0]),
    )


def _log_uniform(chance, low, high):
    return int(low * (high / low) ** chance.random())


class World:
    """A pool, its provider, a `state.db`, and the processes of one crawl."""

    def __init__(self, chance, requests=(20, 150)):
        self.chance = chance
        self.requests = requests
        self.plan = plan = planned(chance, requests)
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for script in MIGRATIONS:
            self.connection.executescript(script)
        above = (plan.budget or 0) if plan.floor is None else self._above()
        self.paid = (plan.floor or 0) + above + (0 if plan.floor is not None else 10 * above)
        self.used = 0
        self.history = []
        self.live_at_cut = 0
        self.allowed_past = 0
        self.begun_beyond = 0
        self.living = []
        self.started = 0
        self.topped_up = 0
        self.reasons = []
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "state.db"
        self.state = SimpleNamespace(run=self._run, read=self._run, path=path)

    def _above(self):
        usual = sum(low + high for low, high in self.plan.sizes) // (2 * len(self.plan.sizes))
        return max(1 << 20, usual * self.chance.randint(*self.requests))

    async def _run(self, work, *args, **kwargs):
        await asyncio.sleep(self.chance.choice([0.0, 0.002, 0.03]))
        return work(self.connection, *args, **kwargs)

    def now(self):
        return BEGAN + asyncio.get_running_loop().time()

    def took(self, count):
        self.used += count
        self.history.append((self.now(), self.used))

    async def balance(self, **_):
        """The provider's answer: rounded, and as late as this one is."""
        due = self.now() - self.plan.lag
        seen = 0
        for at, used in reversed(self.history):
            if at <= due:
                seen = used
                break
        left = self.paid - seen
        return SimpleNamespace(balances={POOL: round(left / BALANCE_QUANTUM) * BALANCE_QUANTUM})

    def session(self):
        async def yes(*_, **__):
            await asyncio.sleep(0)
            return True

        return SimpleNamespace(
            key=KEY,
            state=self.state,
            clock=SimpleNamespace(wall=self.now, sleep=asyncio.sleep, boot_id=lambda: "boot"),
            settings=SimpleNamespace(prices=()),
            client=SimpleNamespace(balance=self.balance, skew_seconds=0.0),
            lease=yes,
            release=yes,
        )

    async def play(self):
        """Start the processes, kill some and start them again, until all have come to an end."""
        plan, chance = self.plan, self.chance
        for _ in range(plan.processes):
            self.start()
            await asyncio.sleep(chance.choice([0.0, 0.1, 5.0]))
        for _ in range(plan.crashes):
            await asyncio.sleep(chance.uniform(0.1, 20.0))
            if self.living:
                chance.choice(self.living).kill()
                self.start()
        while self.living:
            assert self.now() - BEGAN < LONGEST_SECONDS, "it never ends"
            await asyncio.sleep(1.0)
            if self.topped_up < plan.top_ups and all(one.is_paused for one in self.living):
                await asyncio.sleep(chance.choice([1.0, 30.0, 600.0]))
                self.topped_up += 1
                self.paid += self._above()
        self.connection.close()
        self.folder.cleanup()

    def start(self):
        self.started += 1
        self.living.append(Process(self, f"crawl {self.started}"))

    @property
    def beyond(self):
        """How far the caps were missed: negative is what is left of the nearer one."""
        ways = []
        if self.plan.budget is not None:
            ways.append(self.used - self.plan.budget)
        if self.plan.floor is not None:
            ways.append(self.used - (self.paid - self.plan.floor))
        return max(ways)

    @property
    def hidden(self):
        """What a floor cannot know: what is rounded, or spent just before a balance is read.

        With a top-up nobody can tell what a late meter does not show.
        """
        if self.plan.floor is None:
            return 0
        late = self.whole if self.topped_up and self.plan.lag else 0
        return late + self._most_in(REPORT_SECONDS) + (1 + 2 * self.topped_up) * BALANCE_QUANTUM

    def _most_in(self, seconds):
        most = first = 0
        for at, used in self.history:
            while self.history[first][0] < at - seconds:
                first += 1
            most = max(most, used - self.history[first][1])
        return most

    @property
    def left(self):
        """What part of the nearer cap is left, beyond what nobody can help."""
        return (-self.beyond - self.hidden) / self.whole

    @property
    def whole(self):
        """The nearer cap, to measure by."""
        above = self.paid - (self.plan.floor or 0)
        return min(self.plan.budget or above, above)


class Process:
    """One process of the crawl: so many requests at a time, until its guard ends it."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.meter = Meter()
        cap = Cap(world.plan.budget) if world.plan.budget else None
        self.guard = Guard(self.meter, cap=cap, floor_bytes=world.plan.floor, reached=self._reached)
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_over = False
        self.is_paused = False
        self.waiting = None
        self.live = {}
        self.held = 0
        self.guard.relay = self
        self.main = asyncio.get_running_loop().create_task(self._main())

    # What the guard asks of a relay.

    def hold(self):
        self.gate.clear()

    def go_on(self):
        self.gate.set()

    def cut(self):
        """What has arrived and was not read is on the meter, too."""
        world = self.world
        live, self.live = self.live, {}
        for transfer, (tally, left, buffer) in live.items():
            transfer.cancel()
            world.live_at_cut += 1
            world.allowed_past += 64 << 10 if buffer <= 32 << 10 else 256 << 10
            self._take(tally, min(left, world.chance.randrange(buffer)))
        self.gate.set()

    def _reached(self, cap):
        if cap is What.FLOOR and self.world.topped_up < self.world.plan.top_ups:
            self.is_paused = True
        else:
            self.is_over = True
            self.world.reasons.append(cap)

    # Its life

    async def _main(self):
        world, guard = self.world, self.guard
        session = world.session()
        await guard.open(session, POOL, self.name, Name("crawl", is_kept=True))
        work = [asyncio.ensure_future(self._work()) for _ in range(world.plan.concurrency)]
        tick = asyncio.ensure_future(self._tick())
        try:
            await asyncio.gather(*work)
            self._report(finished=True)
            tick.cancel()
            await guard.close()
            world.living.remove(self)
        finally:
            tick.cancel()
            for one in work:
                one.cancel()

    async def _tick(self):
        while True:
            await asyncio.sleep(15.0 if self.is_paused else 1.0)
            self._report()
            await self.guard.renew(is_tick=True)

    def _report(self, *, finished=False):
        now = self.world.now()
        records.put_crawl(
            self.world.connection,
            KEY,
            CrawlReport(
                id=self.name, spider="s", project="", pid=1, host="", pool=POOL, started_at=BEGAN,
                updated_at=now, finished_at=now if finished else None,
                domains=(DomainSpend(POOL, "all", 0, self.meter.billed_bytes, 1),),
            ),
        )  # fmt: skip

    def kill(self):
        """No goodbye: what it has spent is found where the kernel keeps it."""
        self.meter.cells = [0]
        if self.guard._count is not None:
            self.guard._count.let_go()
            self.guard._count = None
        self.main.cancel()
        for transfer in self.live:
            transfer.cancel()
        for task in self.guard._tasks:
            task.cancel()
        self.world.living.remove(self)

    async def _work(self):
        world, guard = self.world, self.guard
        while not self.is_over:
            if self.is_paused:
                self.waiting = self.waiting or asyncio.ensure_future(self._wait_for_top_up())
                await asyncio.wait({self.waiting})
                continue
            number = world.chance.randrange(len(world.plan.sizes))
            kind = f"{number}.example"
            leave = guard.ask(kind)
            if leave is Leave.WAIT:
                leave = await guard.more(kind)
            if leave is Leave.WAIT or leave is Leave.SOON:
                await asyncio.sleep(GLANCE_SECONDS)
            elif leave is Leave.SPENT:
                self._reached(guard.bound_by)
            elif not self.is_over:
                await self._fetch(kind, _log_uniform(world.chance, *world.plan.sizes[number]))

    async def _wait_for_top_up(self):
        """As a paused crawl does; when no more is paid it is interrupted."""
        world = self.world
        enough, glances = self.guard.left_bytes + BALANCE_QUANTUM, 0
        await answers.balances(world.session(), AT_ONCE_SECONDS)
        while self.is_paused:
            await asyncio.sleep(15.0)
            await self.guard.renew(is_tick=True)
            if world.topped_up >= world.plan.top_ups:
                glances += 1
            if self.guard.left_bytes > enough:
                self.is_paused = False
            elif glances > 150:
                self.is_over, self.is_paused = True, False
        self.waiting = None

    async def _fetch(self, kind, size):
        world = self.world
        world.begun_beyond = max(world.begun_beyond, world.beyond)
        reserved = self.guard.reserve(kind)
        tally = Tally(self.meter, POOL, kind)
        tally.bill()
        is_announced = world.chance.random() < world.plan.announced
        if is_announced:
            reserved = self.guard.announce(kind, size, reserved)
        size += 700
        transfer = asyncio.ensure_future(self._transfer(tally, size))
        ahead = read_ahead(self.meter)
        buffer = 2 * ahead if ahead else USUAL_BUFFER
        self.live[transfer] = (tally, size, buffer)
        await asyncio.wait({transfer})
        whole = self.live.pop(transfer, None) is not None
        self.guard.settle(reserved)
        if whole:
            self.guard.learn(kind, size - 700, is_announced=is_announced)

    async def _transfer(self, tally, size):
        chance = self.world.chance
        me = asyncio.current_task()
        left = size
        while left:
            await asyncio.sleep(chance.expovariate(4 / self.world.plan.seconds_each))
            await self.gate.wait()
            # One read after another, until something else has its turn.
            for _ in range(max(1, size // 4 // USUAL_BUFFER)):
                if not (left and me in self.live and self.gate.is_set()):
                    break
                buffer = self.live[me][2]
                count = min(left, max(size // 4, 1), buffer)
                left -= count
                self.live[me] = (tally, left, buffer)
                self._take(tally, count)

    def _take(self, tally, count):
        self.world.took(count)
        tally.down(count)


def played(seed, requests):
    """Play one history to its end."""

    async def play():
        world = World(Random(seed), requests)
        await world.play()
        return world

    return run(play())
