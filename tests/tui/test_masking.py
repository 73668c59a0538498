"""A screen for others' eyes."""

from dataclasses import replace

from support import snapshots
from support.snapshots import NOW

from rf_core.snapshot import Finding
from rf_tui import masking
from rf_tui.amounts import Amounts
from rf_tui.cells import plain
from rf_tui.looks import Looks
from rf_tui.masking import Mask
from rf_tui.places import Place, Row, Whereabouts
from rf_tui.view import overview

SECRETS = (
    "walmart_premium", "Walmart Premium", "retail_select", "gw.example", "books.example",
    "slow.example", "jane_doe", "x7kQ", "shop", "prices", "box",
)  # fmt: skip


def frame(snapshot, where=None, height=58):
    looks = Looks(now=NOW, where=where or Whereabouts(), amounts=Amounts(hidden=True))
    return "\n".join(plain(line) for line in overview(snapshot, 200, height, looks))


def test_nothing_that_names_anybody_is_drawn():
    mask = Mask()
    shown = snapshots.busy()
    covered = mask.covered(shown)
    for place in (
        Place(), Place("pool", "pool-1"), Place("crawl", "a"), Place("domain", "site-1"),
        Place("targeting"),
    ):  # fmt: skip
        text = frame(covered, Whereabouts((place,)))
        assert [name for name in SECRETS if name in text] == []
        assert "it is not there any more" not in text


def test_a_name_keeps_its_alias_however_often_it_comes_and_in_whatever_order():
    mask = Mask()
    first = mask.covered(snapshots.busy())
    again = mask.covered(replace(snapshots.busy(), pools=snapshots.busy().pools[::-1]))
    assert [pool.id for pool in first.pools] == ["pool-1", "pool-2"]
    assert [pool.id for pool in again.pools] == ["pool-2", "pool-1"]
    assert {crawl.pool for crawl in first.crawls} == {"pool-1"}
    assert first.crawls[0].domains[0].domain == first.domains[0].domain


def test_sentences_are_masked_as_tables_are():
    finding = Finding(
        "warning", "floor_near", "Pool walmart_premium has 12.3 MB left.",
        "Stop crawl books, which went to books.example; see /home/jane/state.db (key …x7kQ).",
    )  # fmt: skip
    mask = Mask()
    (said,) = mask.covered(replace(snapshots.busy(), findings=(finding,))).findings
    assert said.text == "Pool pool-1 has ••• left."
    assert said.way_out == "Stop crawl spider-1, which went to site-1; see ~/state.db (key …••••)."


def test_one_stays_where_one_is_when_the_mask_comes_and_goes():
    mask = Mask()
    mask.covered(snapshots.busy())
    where = Whereabouts(
        (Place(), Place("pool", "retail_select", Row("domains", "slow.example"))), filter="slow"
    )
    masked = mask.moved_in(where)
    assert masked.here == Place("pool", "pool-2", Row("domains", "site-2"))
    assert masked.filter == ""
    assert mask.moved_out(masked).here == where.here


def test_hostile_names_are_masked_too():
    covered = Mask().covered(snapshots.hostile())
    assert all(pool.id.startswith("pool-") or not pool.id for pool in covered.pools)
    assert frame(covered)


def test_for_a_sentence_no_more_names_are_looked_for_than_it_holds(monkeypatch):
    looked_for = []

    def any_of(names):
        looked_for.append(len(names))
        return every(names)

    every = masking._any_of
    monkeypatch.setattr(masking, "_any_of", any_of)
    mask = Mask()
    for number in range(1_000):
        mask.alias("site", f"{number:04}.example")
    assert mask.sentence("0007.example waits for 0999.example, not x0008.example.") == (
        "site-8 waits for site-1000, not x0008.example."
    )
    assert looked_for == [3]
