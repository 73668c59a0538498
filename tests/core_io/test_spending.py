"""The ledger: exact, crash-safe, bounded, and never a byte less."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from rf_core.io import booking, records, spending
from rf_core.io.schema import MIGRATIONS
from rf_core.io.state import State
from rf_core.snapshot import CauseSpend, CrawlReport, DomainSpend
from rf_core.spending import OTHER, day_of, summed, total

DAY = 86_400.0
NOW = 20_000 * DAY + 3_600


@pytest.fixture
async def state(tmp_path):
    opened = State(tmp_path)
    await opened.open()
    yield opened
    await opened.close()


def report(crawl="c1", *, spider="books", at=NOW, items=0, finished=False, **domains):
    return CrawlReport(
        id=crawl, spider=spider, project="shop", pid=1, host="box", pool="premium",
        started_at=at, updated_at=at, items=items, finished_at=at if finished else None,
        domains=tuple(
            DomainSpend("premium", name.replace("_", "."), count, 10 * count, count)
            for name, count in domains.items()
        ),
    )  # fmt: skip


async def spent(state, by="spider", since=0, key="key"):
    rows = summed(await state.read(spending.entries, key, by, since), (), by=by)
    return {row.name: row.bytes for row in rows}


async def test_what_is_booked_is_what_is_new(state):
    await state.run(records.put_crawl, "key", report(a_example=100))
    await state.run(records.put_crawl, "key", report(a_example=100))
    await state.run(records.put_crawl, "key", report(a_example=150, b_example=1))
    assert await spent(state) == {"books": 151 * 11}
    assert await spent(state, "domain") == {"a.example": 1_650, "b.example": 11}
    assert await spent(state, "crawl") == {"c1": 1_661}
    assert await spent(state, "pool") == {"premium": 1_661}


async def test_a_crawl_over_midnight_is_two_days(state):
    await state.run(records.put_crawl, "key", report(a_example=100))
    await state.run(records.put_crawl, "key", report(at=NOW + DAY, a_example=170))
    assert list((await spent(state, "day")).values()) == [1_100, 770]
    assert await spent(state, since=day_of(NOW + DAY)) == {"books": 770}


def with_causes(count, **causes):
    told = {"page": count - sum(causes.values())} | causes
    return DomainSpend("premium", "a.example", 0, count, 1, tuple(
        CauseSpend(name, 0, took, 0) for name, took in told.items()
    ))  # fmt: skip


async def by_cause(state, since=0):
    rows = summed(await state.read(spending.entries, "key", "cause", since), (), by="cause")
    return {row.name: row.bytes for row in rows}


async def test_causes_are_booked_as_they_grow_and_sum_to_the_whole(state):
    first, second = with_causes(100, retry=30), with_causes(160, retry=40, blocked=20)
    await state.run(records.put_crawl, "key", replace(report(), domains=(first,)))
    assert await by_cause(state) == {"page": 70, "retry": 30}
    await state.run(records.put_crawl, "key", replace(report(), domains=(second,)))
    assert await by_cause(state) == {"page": 100, "retry": 40, "blocked": 20}
    assert await spent(state) == {"books": 160}


async def test_what_was_not_told_apart_has_no_cause(state):
    await state.run(records.put_crawl, "key", report(a_example=10))
    assert await by_cause(state) == {"": 110}


async def test_what_turns_out_after_midnight_is_taken_back_from_the_day_before(state):
    """A transfer of 90 bytes was under way at midnight as a retry, and broke after 20 more."""
    before, after = with_causes(100, retry=90), with_causes(120, aborted=110)
    await state.run(records.put_crawl, "key", replace(report(), domains=(before,)))
    await state.run(records.put_crawl, "key", replace(report(at=NOW + DAY), domains=(after,)))
    assert await by_cause(state) == {"page": 10, "aborted": 110}
    assert await by_cause(state, day_of(NOW + DAY)) == {"aborted": 20}
    assert list((await spent(state, "day")).values()) == [100, 20]


async def test_causes_are_rolled_up_with_their_domains(state):
    await state.run(
        records.put_crawl, "key", replace(report(), domains=(with_causes(100, media=30),))
    )
    await state.run(booking.roll_up, "key", NOW + 60 * DAY)
    assert await by_cause(state) == {"page": 70, "media": 30}
    assert await spent(state, "crawl") == {"": 100}


async def test_keys_have_ledgers_of_their_own(state):
    await state.run(records.put_crawl, "key", report(a_example=1))
    await state.run(records.put_crawl, "other", report("c2", a_example=2))
    assert await spent(state) == {"books": 11}
    assert await spent(state, key="other") == {"books": 22}


async def test_items_are_counted_once(state):
    await state.run(records.put_crawl, "key", report(items=3, a_example=1))
    await state.run(records.put_crawl, "key", report(items=5, a_example=2))
    await state.run(records.put_crawl, "key", report("c2", items=7, a_example=2))
    assert await state.read(spending.items, "key", "spider") == {"books": 12}
    assert await state.read(spending.items, "key", "crawl") == {"c1": 5, "c2": 7}
    assert await state.read(spending.items, "key", "domain") == {}


async def test_a_month_later_the_ledger_has_what_the_crawls_rows_have_not(state):
    await state.run(records.put_crawl, "key", report(finished=True, a_example=100))
    await state.run(records.put_crawl, "key", report("c2", at=NOW + 31 * DAY, finished=True))
    assert [crawl.id for crawl in await state.read(records.get_crawls, "key", None)] == ["c2"]
    assert await spent(state) == {"books": 1_100}


async def test_forgetting_a_crawl_takes_what_it_spent_off_the_readings_too(state):
    """Or else a pool's floor and its forecast would see that much being given back."""
    await state.run(records.put_crawl, "key", report(finished=True, a_example=100))
    await state.run(records.put_balances, "key", NOW, {"premium": 10_000})
    await state.run(records.put_crawl, "key", report("c2", at=NOW + 31 * DAY, finished=True))
    history = await state.read(records.get_history, "key")
    assert [one.spent_bytes for one in history["premium"]] == [0]
    assert await state.read(records.spent_by_pool, "key") == {}


async def test_domains_beyond_the_bound_share_an_entry(state):
    many = {f"d{n}_example": 1 for n in range(booking.MOST_DOMAINS + 40)}
    await state.run(records.put_crawl, "key", report(**many))
    found = await spent(state, "domain")
    assert len(found) == booking.MOST_DOMAINS + 1
    assert found[OTHER] == 40 * 11
    assert sum(found.values()) == 11 * len(many)
    again = {name: count + 1 for name, count in many.items()}
    await state.run(records.put_crawl, "key", report(**again))
    assert sum((await spent(state, "domain")).values()) == 22 * len(many)


async def test_rolling_up_loses_no_byte_no_day_and_no_item(state):
    for crawl, day in (("c1", 0), ("c2", 0), ("c3", 1)):
        domains = {"big_example": 50_000, **{f"s{n}_example": 1 for n in range(9)}}
        await state.run(
            records.put_crawl, "key", report(crawl, at=NOW + day * DAY, items=4, **domains)
        )
    before = {by: await spent(state, by) for by in ("spider", "day", "pool")}
    await state.run(booking.roll_up, "key", NOW + 60 * DAY)
    assert before == {by: await spent(state, by) for by in ("spider", "day", "pool")}
    assert await spent(state, "domain") == {"big.example": 1_650_000, OTHER: 297}
    assert list(await spent(state, "crawl")) == [""]
    assert await state.read(spending.items, "key", "spider") == {"books": 12}
    await state.run(booking.roll_up, "key", NOW + 60 * DAY)
    assert await spent(state, "spider") == before["spider"]


async def test_a_crawl_that_goes_on_after_its_first_days_were_rolled_up_books_on(state):
    await state.run(records.put_crawl, "key", report(items=1, a_example=100))
    await state.run(records.put_crawl, "key", report(at=NOW + 40 * DAY, items=2, a_example=130))
    await state.run(booking.roll_up, "key", NOW + 40 * DAY)
    await state.run(records.put_crawl, "key", report(at=NOW + 41 * DAY, items=3, a_example=150))
    assert await spent(state) == {"books": 1_650}
    assert await state.read(spending.items, "key", "spider") == {"books": 3}


async def test_a_failed_report_books_nothing(state):
    await state.run(records.put_crawl, "key", report(a_example=100))

    def fail(connection):
        records.put_crawl(connection, "key", report(a_example=900))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await state.run(fail)
    assert await spent(state) == {"books": 1_100}


async def test_what_was_spent_before_there_was_a_ledger_is_in_it(tmp_path):
    old = sqlite3.connect(tmp_path / "state.db")
    for script in MIGRATIONS[:3]:
        old.executescript(script)
    old.execute("PRAGMA user_version = 3")
    old.execute(
        "INSERT INTO crawls VALUES ('c0', 'key', ?, NULL, '{\"spider\": \"books\"}')", (NOW,)
    )
    old.execute("INSERT INTO spends VALUES ('c0', 'premium', 'a.example', 7, 70, 1)")
    old.commit()
    old.close()
    (tmp_path / "state.db").chmod(0o600)
    tmp_path.chmod(0o700)
    state = State(tmp_path)
    await state.open()
    assert await spent(state) == {"books": 77}
    await state.run(records.put_crawl, "key", replace(report(a_example=8), id="c0"))
    assert await spent(state) == {"books": 88}
    await state.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from rf_core.io import records
from rf_core.io.state import State
from rf_core.snapshot import CrawlReport, DomainSpend

async def main():
    state = State(Path(sys.argv[1]))
    await state.open()
    for count in range(1, 100_000):
        report = CrawlReport(
            id="c1", spider="books", project="", pid=1, host="", pool="p", started_at=0.0,
            updated_at=1e9, domains=(DomainSpend("p", "a.example", count, 0, 1),),
        )
        await state.run(records.put_crawl, "key", report)
        print(count, flush=True)

asyncio.run(main())
"""


def killed(folder):
    """Run the writer until it has told of fifty reports, kill it; return the last it told of."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            first = [process.stdout.readline() for _ in range(50)]
        finally:
            os.kill(process.pid, signal.SIGKILL)
        # What it had printed by then; a line that was cut off says nothing.
        lines = [*first, *process.stdout]
    return max(int(line) for line in lines if line.endswith("\n"))


async def test_what_was_reported_survives_a_kill(tmp_path):
    told = killed(tmp_path)
    assert told >= 50
    state = State(tmp_path)
    await state.open()
    rows = summed(await state.read(spending.entries, "key", "spider", 0), (), by="spider")
    await state.close()
    # One more may have been written whose line was not printed.
    assert total(rows).bytes in {told, told + 1}
