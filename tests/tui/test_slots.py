"""Windows drawn as slots: where each comes free, whose it is, what is told in little room."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_core.snapshot import Headroom
from rf_tui.cells import plain
from rf_tui.slots import Held, held_slots, holders_briefly, letters, strip, windows_panel

READS = snapshots.WINDOWS[1]


def test_a_slot_stands_where_it_comes_free_and_moves_to_the_left():
    slots = [Held(0.5, "a"), Held(30.5, "b"), Held(60.5, "c")]
    assert strip(slots, 61, 61) == "a" + "·" * 29 + "b" + "·" * 29 + "c"
    later = [replace(slot, seconds=slot.seconds - 30) for slot in slots[1:]]
    assert strip(later, 61, 61) == "b" + "·" * 29 + "c" + "·" * 30


def test_several_in_one_cell_are_counted_and_a_lease_is_in_the_last_cell():
    assert strip([Held(1, "a"), Held(2, "b"), Held(95, "c")], 60, 6) == "2····c"
    assert strip([Held(1, "a")] * 10, 60, 2) == "+·"
    assert strip([Held(1, "?")] * 4, 60, 2) == "?·"
    assert strip([Held(1, "a")], 60, 0) == ""


@given(
    seconds=st.lists(st.floats(-5, 200), max_size=9),
    cells=st.integers(1, 130),
    over=st.floats(1, 200),
)
def test_no_slot_is_lost_and_no_cell_is_added(seconds, cells, over):
    drawn = strip([Held(moment, "a") for moment in seconds], over, cells)
    assert len(drawn) == cells
    assert sum(int(cell) for cell in drawn.replace("a", "1").replace("·", "0")) == len(seconds)


def test_each_holder_has_its_own_letter():
    window = Headroom("reads", 120, 3, holders=(("crawl bees", 1), ("crawl books", 1), ("", 1)))
    assert letters(window) == {"": "a", "crawl bees": "b", "crawl books": "o"}


def test_a_machine_with_more_holders_than_letters_still_names_them():
    many = Headroom("reads", 120, 80, holders=tuple((f"crawl {n:02}", 1) for n in range(80)))
    assert set(letters(many)) == {f"crawl {n:02}" for n in range(80)}


def test_strangers_come_back_all_at_once():
    assert [slot.seconds for slot in held_slots(READS) if slot.letter == "?"] == [33.0] * 4
    assert len(held_slots(READS)) == READS.used + READS.foreign


def test_a_window_of_an_older_recording_has_no_slots_to_draw_and_says_what_it_knows():
    old = Headroom("reads", 120, 3, holders=(("poller", 3),), frees_in_seconds=(1.0, 2.0, 3.0))
    text = "\n".join(plain(line) for line in windows_panel((old,), 80))
    assert "117 of 120" in text
    assert "p=poller 3" in text


def test_holders_that_do_not_fit_are_counted():
    assert holders_briefly(READS, 30) == "p=poller 8, +3 more"
    assert holders_briefly(Headroom("reads", 120, 0), 30) == "nobody"


def test_with_room_every_holder_has_a_line_and_says_until_when():
    text = [plain(line) for line in windows_panel(snapshots.WINDOWS, 120, detailed=True)]
    (strangers,) = [line for line in text if "strangers" in line]
    assert "? strangers" in strangers
    assert strangers.rstrip().endswith("until 33s")
    assert len({line.index("·") for line in text if "·" in line}) == 1  # below one another


def test_a_crowd_of_holders_is_summed_in_the_last_line():
    crowd = tuple((f"crawl {n:02}", 2) for n in range(20))
    window = Headroom("reads", 120, 40, holders=crowd)
    text = [plain(line) for line in windows_panel((window,), 120, detailed=True)]
    assert len(text) < 10
    assert "and 15 more with 30" in text[-1]
