"""Stored readings, windows and crawls as the one value that screens show."""

from dataclasses import replace

from rf_core import parsing, picture
from rf_core.drain import Reading
from rf_core.picture import Material
from rf_core.snapshot import CrawlReport, Drain
from rf_core.troubles import Trouble

NOW = 10_000.0
DISCOVERY = parsing.discovery(
    {
        "pools": [
            {"id": "shop", "label": "Shop", "host": "gw", "proxy_types": ["rotating"]},
            {"id": "empty", "label": "", "host": "gw", "proxy_types": []},
        ],
        "targeting": {
            "countries": [],
            "us_states": [],
            "session_minutes": {"min": 1, "max": 1_440},
            "carriers": [],
        },
    }
)
CRAWL = CrawlReport(
    id="c1",
    spider="books",
    project="p",
    pid=1,
    host="h",
    pool="shop",
    started_at=9_000,
    updated_at=NOW - 1,
    bytes_per_second=5_000,
)


def usage(**domains):
    return parsing.usage(
        {"top_domains": [{"domain": d, "bytes": n, "requests": 1} for d, n in domains.items()]}
    )


def take(**material):
    return picture.snapshot(Material(now=NOW, key="rf_live_…x7kQ", **material))


def test_with_nothing_stored_there_is_nothing_to_see_and_nothing_wrong():
    snapshot = take()
    assert (snapshot.pools, snapshot.findings, snapshot.domains) == ((), (), ())
    assert snapshot.taken_at == NOW


def test_pools_come_as_discovery_lists_them_then_those_with_a_balance_only():
    """C-093"""
    snapshot = take(
        discovery=DISCOVERY,
        readings={"zeta": [Reading(NOW, 5)], "shop": [Reading(NOW, 7)]},
        latest=frozenset({"zeta", "shop"}),
    )
    assert [(pool.id, pool.balance_bytes, pool.listed) for pool in snapshot.pools] == [
        ("shop", 7, True),
        ("empty", None, True),
        ("zeta", 5, False),
    ]


def test_without_discovery_every_pool_with_a_balance_is_shown_by_its_id():
    (pool,) = take(readings={"shop": [Reading(NOW, 7)]}, latest=frozenset({"shop"})).pools
    assert (pool.label, pool.listed) == ("shop", True)


def test_a_pool_that_the_newest_answer_does_not_name_is_gone():
    readings = {"old": [Reading(NOW - 100, 5)], "shop": [Reading(NOW, 7)]}
    pools = take(readings=readings, latest=frozenset({"shop"})).pools
    assert [pool.id for pool in pools] == ["shop"]


def test_what_our_crawls_spent_since_the_reading_is_taken_off():
    """C-170"""
    readings = {"shop": [Reading(NOW - 5, 1_000_000, spent_bytes=400)]}
    (pool,) = take(readings=readings, latest=frozenset({"shop"}), spent={"shop": 1_400}).pools
    assert pool.spent_since_bytes == 1_000
    assert pool.left_bytes == 999_000


def test_forgotten_crawls_never_make_a_spend_negative():
    readings = {"shop": [Reading(NOW - 5, 1_000_000, spent_bytes=400)]}
    (pool,) = take(readings=readings, latest=frozenset({"shop"}), spent={}).pools
    assert pool.spent_since_bytes == 0


def test_running_crawls_drain_their_pool_at_once():
    other = replace(CRAWL, id="c2", pool="empty", bytes_per_second=1)
    pools = take(discovery=DISCOVERY, crawls=(CRAWL, other)).pools
    assert pools[0].drain == Drain("draining", 5_000, "crawls")


def test_a_crawl_that_fell_silent_has_no_rate_and_one_whose_process_is_gone_has_ended():
    silent = replace(CRAWL, id="silent", updated_at=NOW - 10)
    dead = replace(CRAWL, id="dead", updated_at=NOW - 16)
    late = replace(CRAWL, id="late", updated_at=NOW - 16)
    snapshot = take(crawls=(silent, dead, late), gone=frozenset({"dead", "silent"}))
    seen = {crawl.id: crawl for crawl in snapshot.crawls}
    assert seen["silent"].bytes_per_second == 0
    assert seen["silent"].finished_at is None
    assert (seen["dead"].finish_reason, seen["dead"].finished_at) == ("lost", NOW - 16)
    assert seen["late"].finished_at is None
    assert [finding.code for finding in snapshot.findings] == ["crawl_lost"]


def test_running_crawls_come_before_finished_ones_the_latest_first():
    done = replace(
        CRAWL, id="done", started_at=9_900, finished_at=NOW - 3, finish_reason="finished"
    )
    young = replace(CRAWL, id="young", started_at=9_500)
    ids = [crawl.id for crawl in take(crawls=(done, CRAWL, young)).crawls]
    assert ids == ["young", "c1", "done"]


def test_an_empty_pool_is_said_once_with_the_time_it_was_first_seen():
    """C-068 C-069"""
    readings = {"shop": [Reading(1, 5), Reading(2, 0), Reading(3, 0)]}
    (finding,) = take(readings=readings, latest=frozenset({"shop"})).findings
    assert finding.code == "demo_credentials"
    assert "shop" in finding.text
    assert finding.since == 2


def test_domains_show_their_growth_and_a_shrinking_one_shows_none():
    """C-097"""
    snapshot = take(usage=usage(a=10, b=5, new=3), usage_before=usage(a=4, b=9))
    assert [(d.domain, d.delta_bytes) for d in snapshot.domains] == [
        ("a", 6),
        ("b", None),
        ("new", 3),
    ]


def test_the_first_reading_of_domains_has_no_growth():
    assert [d.delta_bytes for d in take(usage=usage(a=10)).domains] == [None]


def test_a_domain_that_entered_a_full_list_has_no_known_growth():
    """C-099"""
    before = usage(**{f"d{number}": 1_000 for number in range(100)})
    (new, *_) = take(usage=usage(new=3_000), usage_before=before).domains
    assert new.delta_bytes is None


def test_troubles_are_said_with_the_age_of_the_balances():
    trouble = Trouble("api_unreachable", NOW - 60, detail="No route.")
    (finding,) = take(troubles=(trouble,), balance_at=NOW - 65).findings
    assert finding.text == "No route. Balances are 1 min 05 s old."
