"""Whether a pool is enough for what its crawls have still to do."""

from rf_core.outlook import outlooks
from rf_core.snapshot import CrawlReport, Drain, PoolState, Snapshot

MB = 1 << 20


def look(left, **crawl):
    report = CrawlReport(
        id="c", spider="books", project="", pid=1, host="", pool="p", started_at=0, updated_at=10,
        **({"down_bytes": 10 * MB, "requests": 100, "bytes_per_second": MB} | crawl),
    )  # fmt: skip
    pool = PoolState("p", balance_bytes=left, drain=Drain("draining", 2.0 * MB))
    return outlooks(Snapshot(taken_at=10, pools=(pool,), crawls=(report,)))


def test_a_crawl_needs_what_its_known_requests_will_take():
    (found,) = look(1_000 * MB, pending_requests=1_000)
    assert found.need_bytes == 100 * MB
    assert found.chance > 0.99


def test_what_others_take_meanwhile_counts():
    """Ours takes half of the drain: its 100 MB are 200 of the pool's."""
    (found,) = look(150 * MB, pending_requests=1_000)
    assert found.chance < 0.01


def test_what_is_not_known_is_not_guessed():
    assert look(1_000 * MB)[0].chance is None
    assert look(1_000 * MB, pending_requests=5, requests=0)[0].chance is None
    assert look(None, pending_requests=5)[0].chance is None


def test_a_crawl_that_is_over_has_no_outlook():
    assert look(1_000 * MB, pending_requests=5, finished_at=10.0) == ()
