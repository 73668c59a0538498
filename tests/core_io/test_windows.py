"""The windows of a key: one suite for every store, and what only the shared one can do."""

import asyncio
import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from support.clocks import ManualClock

from rf_core.errors import DeadlineError
from rf_core.io.state import State
from rf_core.io.stores import MemoryStore, SharedStore, WindowName
from rf_core.io.windows import Windows
from rf_core.ledger import Ask, Report, Taken
from rf_core.protocol import RateHeaders

NOTHING = RateHeaders()


@pytest.fixture(params=["memory", "state.db"])
def store(request, state, clock):
    """Every kind there is; a third one has to pass the same."""
    return MemoryStore(clock) if request.param == "memory" else SharedStore(state, clock)


@pytest.fixture
def shared(state, clock):
    return SharedStore(state, clock)


def windows(store, clock, *, key="k", holder="crawl books", chance=lambda: 0.0):
    return Windows(store, key, holder=holder, clock=clock, chance=chance)


async def take(windows, group="generate", *, within=0.0, priority="normal"):
    return await windows.acquire(
        group, priority=priority, within_seconds=within, timeout_seconds=30
    )


async def generate(windows):
    return (await windows.headroom())[0]


async def test_a_slot_is_taken_held_and_comes_back(store, clock):
    ours = windows(store, clock)
    ticket = await take(ours)
    await ours.settle(ticket, RateHeaders(limit=20, remaining=19))
    clock.advance(10)
    found = await generate(ours)
    assert (found.group, found.limit, found.used, found.free) == ("generate", 20, 1, 19)
    assert found.frees_in_seconds == (51.0,)
    assert found.holders == (("crawl books", 1),)
    clock.advance(51)
    assert (await generate(ours)).used == 0


async def test_all_that_use_the_store_share_one_window(store, clock):
    for number in range(20):
        await take(windows(store, clock, holder=f"crawl {number % 2}"))
    with pytest.raises(DeadlineError):
        await take(windows(store, clock))
    assert dict((await generate(windows(store, clock))).holders) == {"crawl 0": 10, "crawl 1": 10}


async def test_two_keys_have_windows_of_their_own(store, clock):
    """C-120"""
    first, second = windows(store, clock, key="a"), windows(store, clock, key="b")
    await take(first)
    assert (await generate(second)).used == 0


async def test_the_groups_of_a_key_share_no_slots(store, clock):
    """C-133"""
    ours = windows(store, clock)
    for _ in range(20):
        await take(ours)
    await take(ours, "reads")
    assert [found.used for found in await ours.headroom()] == [20, 1]


async def test_a_call_that_was_never_answered_frees_its_slot_with_its_lease(store, clock):
    """A process that was killed keeps its slots, and no longer than that."""
    await take(windows(store, clock, holder="killed"))
    survivor = windows(store, clock)
    clock.advance(30 + 60 + 1 - 0.01)
    assert (await generate(survivor)).used == 1
    clock.advance(0.02)
    assert (await generate(survivor)).used == 0


async def test_a_call_that_never_left_gives_its_slot_back(store, clock):
    ours = windows(store, clock)
    await ours.unsend(await take(ours))
    assert (await generate(ours)).used == 0


async def test_who_can_wait_waits_and_who_cannot_is_told_how_long_it_is(store, clock):
    ours = windows(store, clock)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
    with pytest.raises(DeadlineError, match="61 s away"):
        await take(ours, within=30)
    began = clock.monotonic()
    await take(ours, within=70)
    assert clock.monotonic() - began == pytest.approx(61, abs=0.1)


async def test_whoever_waits_asks_rarely_and_wakes_apart_from_others(store, clock):
    ours = windows(store, clock, chance=lambda: 0.5)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
    await take(ours, within=70)
    assert len(clock.slept) <= 14
    assert clock.slept[0] == pytest.approx(5 + 0.03), "a twelfth of a window, and a jitter"


async def test_headroom_says_when_the_next_slot_is_free(store, clock):
    ours = windows(store, clock)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
        clock.advance(1)
    found = await generate(ours)
    assert found.free == 0
    assert found.next_slot_seconds == 61 - 20


async def test_a_clock_on_the_wall_that_steps_changes_nothing(store, clock):
    ours = windows(store, clock)
    await ours.settle(await take(ours), NOTHING)
    clock.step_wall(-3_600)
    assert (await generate(ours)).frees_in_seconds == (61.0,)


async def test_the_last_slots_are_not_for_bulk_calls(store, clock):
    ours = windows(store, clock)
    for _ in range(16):
        await take(ours, priority="bulk")
    with pytest.raises(DeadlineError):
        await take(ours, priority="bulk")
    await take(ours, priority="interactive")


async def test_what_the_server_says_is_kept_for_everybody(store, clock):
    """C-130 C-132"""
    ours = windows(store, clock)
    await ours.settle(await take(ours), RateHeaders(limit=5, remaining=1))
    found = await generate(windows(store, clock, holder="another"))
    assert (found.limit, found.used, found.foreign, found.free) == (5, 1, 3, 1)


async def test_a_429_holds_everybody_back(store, clock):
    """C-126"""
    ours = windows(store, clock)
    await ours.settle(await take(ours), NOTHING, refused_after=20)
    with pytest.raises(DeadlineError, match="21 s away"):
        await take(windows(store, clock, holder="another"), priority="interactive")


async def test_many_at_once_get_what_is_there_and_no_more(store, clock):
    ours = windows(store, clock)
    outcomes = await asyncio.gather(*(take(ours) for _ in range(50)), return_exceptions=True)
    assert sum(not isinstance(outcome, DeadlineError) for outcome in outcomes) == 20


async def test_whoever_stops_waiting_leaves_the_line(store, clock):
    ours = windows(store, clock)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
    waiting = asyncio.ensure_future(take(ours, within=1_000))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    clock.advance(61.5)
    free = [await take(ours) for _ in range(20)]
    assert len(free) == 20, "nobody is waited for"


async def test_after_a_reboot_nothing_is_sent_until_the_machine_has_run_for_a_window(state, clock):
    """The boot clock began anew; what was sent before has left the server's window by then."""
    ours = windows(SharedStore(state, clock), clock)
    await ours.settle(await take(ours), RateHeaders(limit=7, remaining=6))
    clock.reboot()
    reborn = windows(SharedStore(state, clock), clock)
    with pytest.raises(DeadlineError):
        await take(reborn)
    clock.advance(61 - 5)
    await take(reborn)
    assert (await generate(reborn)).limit == 7, "what the server said is still known"


async def test_two_processes_on_one_file_share_one_window(state, clock, tmp_path):
    second = State(tmp_path / "state")
    await second.open()
    for number in range(20):
        await take(windows(SharedStore((state, second)[number % 2], clock), clock))
    with pytest.raises(DeadlineError):
        await take(windows(second, clock))
    await second.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE windows SET body = x'00'",
        "UPDATE windows SET body = zeroblob(200)",
        "UPDATE windows SET body = substr(body, 1, 60)",
        "UPDATE windows SET body = CAST(body || x'00' AS BLOB)",
    ],
)
async def test_a_row_that_somebody_changed_holds_the_window_back_and_heals(state, clock, statement):
    """Nothing is known of it any more, so nothing is sent until nothing can count any more."""
    await take(windows(SharedStore(state, clock), clock))
    await state.run(lambda connection: connection.execute(statement))
    ours = windows(SharedStore(state, clock), clock)
    with pytest.raises(DeadlineError, match="91 s away"):
        await take(ours, priority="interactive")
    clock.advance(91)
    await take(ours)


async def test_a_row_of_a_clock_that_has_begun_anew_holds_the_window_back(state, clock):
    """Where the system has no name for its boots."""
    await take(windows(SharedStore(state, clock), clock))
    clock.advance(-900)
    with pytest.raises(DeadlineError):
        await take(windows(SharedStore(state, clock), clock))


async def test_a_row_that_vanished_is_begun_anew(state, clock):
    ours = windows(SharedStore(state, clock), clock)
    await take(ours)
    await state.run(lambda connection: connection.execute("DELETE FROM windows"))
    await take(ours)
    assert (await generate(ours)).used == 1


class Stores(RuleBasedStateMachine):
    """Whatever is done to both, the shared store says what the one in memory says."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = self.make_folder()
        self.clock = ManualClock()
        self.states = [State(self.folder) for _ in range(2)]
        for opened in self.states:
            self.loop.run_until_complete(opened.open())
        self.memory = MemoryStore(self.clock)
        self.shared = [SharedStore(opened, self.clock) for opened in self.states]
        self.numbers = itertools.count(1)
        self.out = []
        self.name = WindowName("k", "generate")

    def both(self, process, method, *args):
        stores = (self.memory, self.shared[process])
        return [
            self.loop.run_until_complete(getattr(store, method)(self.name, *args))
            for store in stores
        ]

    @rule(seconds=st.floats(0, 70))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(
        process=st.integers(0, 1),
        priority=st.sampled_from(["interactive", "normal", "bulk"]),
        patience=st.sampled_from([0.0, 1e6]),
        count=st.integers(1, 12),
    )
    def some_ask(self, process, priority, patience, count):
        for _ in range(count):
            ask = Ask(next(self.numbers), f"p{process}", priority, 30.0, patience)
            first, second = self.both(process, "acquire", ask)
            assert first == second
            if isinstance(first, Taken):
                self.out.append(first)

    @rule(process=st.integers(0, 1), remaining=st.integers(0, 25), refused=st.booleans())
    def an_answer_comes(self, process, remaining, refused):
        if self.out:
            report = Report(RateHeaders(20, remaining, 30.0), 5.0 if refused else None)
            self.both(process, "settle", self.out.pop(0), report)

    @rule(process=st.integers(0, 1))
    def a_call_never_leaves(self, process):
        if self.out:
            self.both(process, "withdraw", self.out.pop())

    @rule(process=st.integers(0, 1))
    def somebody_looks(self, process):
        first, second = self.both(process, "headroom")
        assert first == second

    def teardown(self):
        for opened in self.states:
            self.loop.run_until_complete(opened.close())
        self.loop.close()


def test_both_stores_say_the_same_whatever_happens(tmp_path):
    folders = (tmp_path / str(number) for number in itertools.count())

    class OnThisDisk(Stores):
        make_folder = staticmethod(lambda: next(folders))

    OnThisDisk.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
    OnThisDisk.TestCase().runTest()
