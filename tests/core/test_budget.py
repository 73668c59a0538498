import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.budget import Budget, Leave
from rf_core.meter import Meter, Tally

MEGABYTE = 1_048_576


def test_where_nothing_is_left_nothing_starts_however_little_it_is_expected_to_take():
    assert Budget(0).ask("a", 0) is Leave.SPENT
    assert Budget(5).ask("a", 5) is Leave.SPENT


def test_a_request_leaves_while_what_it_usually_takes_still_fits():
    budget = Budget(100_000)
    budget.learn("a", 20_000)
    assert budget.ask("a", 0) is Leave.GO
    assert budget.ask("a", 79_000) is Leave.GO
    assert budget.ask("a", 79_001) is Leave.SPENT, "the ends of connections take something, too"


def test_what_is_under_way_is_set_aside_and_free_again_when_it_has_settled():
    budget = Budget(100_000)
    budget.learn("a", 30_000)
    held = [budget.reserve("a") for _ in range(3)]
    assert budget.reserved_bytes == 90_000
    assert budget.ask("a", 0) is Leave.WAIT
    budget.settle(held[0])
    assert budget.ask("a", 0) is Leave.GO
    assert repr(budget) == "<Budget 100000 bytes, 60000 reserved>"


def test_a_guess_serves_until_something_is_known_and_never_more_than_an_eighth():
    assert Budget(100 * MEGABYTE).expected("a") == 65_536
    assert Budget(80_000).expected("a") == 9_900


def test_a_tiny_part_of_what_is_shared_lets_nothing_unknown_out():
    assert Budget(28_000).ask("a", 0) is Leave.GO
    assert Budget(28_000, is_shared=True).ask("a", 0) is Leave.SPENT
    assert Budget(70_000, is_shared=True).ask("a", 0) is Leave.GO


def test_what_is_expected_is_what_nineteen_of_twenty_took_in_that_domain():
    budget = Budget(100 * MEGABYTE)
    for number in range(1, 65):
        budget.learn("a", number * 1_000)
    assert budget.expected("a") == 61_000
    assert budget.expected("b") == 61_000, "nothing is known of it but how large others are"
    for _ in range(64):
        budget.learn("a", 3_000)
    assert budget.expected("a") == 3_000, "what was long ago is forgotten"


def test_a_request_whose_size_is_not_known_teaches_nothing():
    budget = Budget(100 * MEGABYTE)
    budget.settle(budget.reserve("a"))
    assert budget.reserved_bytes == 0
    assert budget.expected("a") == 65_536


@given(
    st.lists(st.integers(500, 60_000), min_size=1, max_size=200),
    st.integers(1, 16),
    st.integers(300_000, 3_000_000),
)
def test_requests_no_larger_than_usual_never_reach_beyond_and_stop_early_by_one(sizes, room, limit):
    """At any concurrency, whatever the order in which they end."""
    budget, spent, under_way = Budget(limit), 0, []
    biggest = max(sizes)
    for _ in range(8):
        budget.learn("a", biggest)  # it is known how large they get
    turn = 0
    while True:
        leave = budget.ask("a", spent)
        if leave is Leave.GO and len(under_way) < room:
            under_way.append((budget.reserve("a"), sizes[turn % len(sizes)]))
            turn += 1
            assert turn < 20_000
            continue
        if not under_way:
            break
        reserved, size = under_way.pop(turn % len(under_way))
        spent += size
        budget.settle(reserved)
        budget.learn("a", max(size, biggest))
    assert spent <= limit
    assert limit - spent < max(biggest, 2_048) + budget.goodbye_bytes
    assert budget.reserved_bytes == 0


def asked(budget, count, spent=0):
    """Let as many leave as may, of so many."""
    begun = []
    while len(begun) < count and budget.ask("a", spent) is Leave.GO:
        begun.append(budget.reserve("a"))
    return begun


def test_two_leave_before_it_is_known_how_large_they_are_and_more_as_answers_tell():
    budget = Budget(42 * MEGABYTE)
    assert len(asked(budget, 64)) == 2
    assert budget.ask("a", 0) is Leave.SOON
    budget.announce("a", 20_000, 65_536)
    assert len(asked(budget, 64)) == 2, "twice as many as answers have shown"
    for _ in range(5):
        budget.announce("a", 20_000, 65_536)
    assert len(asked(budget, 64)) == 10


def test_what_an_answer_says_of_its_size_is_set_aside_and_expected_of_what_left_before():
    budget = Budget(42 * MEGABYTE)
    first, second = asked(budget, 64)
    held = budget.announce("a", 20 * MEGABYTE, first)
    assert held == 20 * MEGABYTE
    assert budget.reserved_bytes == held + second
    assert budget.ask("a", 0) is Leave.WAIT, "the second may be as large"
    budget.settle(held)
    budget.learn("a", 20 * MEGABYTE, spent_bytes=20 * MEGABYTE, is_announced=True)
    budget.settle(second)
    assert budget.ask("a", 20 * MEGABYTE) is Leave.GO
    assert (budget.reserved_bytes, budget.under_way) == (0, 0)


def test_answers_that_do_not_come_hold_nobody_back_for_long():
    budget = Budget(42 * MEGABYTE)
    counts = []
    for _ in range(5):
        asked(budget, 64)
        counts.append(budget.under_way)
        budget.wait_no_longer()
    assert counts == [2, 4, 8, 16, 32]
    assert budget.expected("a") == 65_536, "nothing was learnt by waiting"


def test_far_from_the_cap_nobody_waits_to_know_more():
    assert len(asked(Budget(1_100 * MEGABYTE), 64)) == 64


def test_what_is_not_told_apart_is_expected_of_each_request():
    budget = Budget(100 * MEGABYTE)
    budget.learn("a", 10_000, spent_bytes=14_000)
    assert budget.expected("a") == 14_000, "a tunnel took the rest"
    budget.learn("a", 10_000, spent_bytes=26_000)
    assert budget.expected("a") == 13_000


def test_one_may_dare_alone_while_more_than_a_fiftieth_is_left():
    budget = Budget(10 * MEGABYTE)
    budget.learn("a", 4 * MEGABYTE)
    assert budget.ask("a", 8 * MEGABYTE) is Leave.SPENT
    assert budget.dare(8 * MEGABYTE)
    held = budget.reserve("a")
    assert budget.cut_bytes == 10 * MEGABYTE - 65_536, "it is cut before the cap"
    assert budget.ask("b", 8 * MEGABYTE) is Leave.WAIT
    assert not budget.dare(8 * MEGABYTE), "only one"
    budget.settle(held)
    assert budget.cut_bytes == 10 * MEGABYTE
    assert not budget.dare(10 * MEGABYTE - 10 * MEGABYTE // 50)


def test_a_budget_can_be_lowered_and_not_raised():
    budget = Budget(10 * MEGABYTE)
    budget.lower(4 * MEGABYTE)
    assert (budget.limit_bytes, budget.whole_bytes) == (4 * MEGABYTE, 4 * MEGABYTE)
    budget.lower(8 * MEGABYTE)
    assert budget.limit_bytes == 4 * MEGABYTE
    budget.lower(-1)
    assert budget.ask("a", 0) is Leave.SPENT


def test_kinds_without_number_do_not_fill_the_memory():
    budget = Budget(100 * MEGABYTE)
    for number in range(10_050):
        budget.learn(f"{number}.example", 3_000)
    assert budget.expected("9.example") == 3_000
    assert budget.expected("10049.example") == 3_000
    assert len(budget._sizes) <= 10_000


def test_the_meter_tells_when_the_limit_is_reached_and_refusals_are_free():
    told = []
    meter = Meter(limit_bytes=1_000, at_limit=lambda: told.append(meter.billed_bytes))
    refused = Tally(meter, "premium", "a")
    refused.down(5_000)
    refused.waive()
    assert told == []
    tally = Tally(meter, "premium", "a")
    tally.up(300)
    tally.bill()
    tally.down(600)
    assert told == []
    tally.down(150)
    assert told == [1_050]
    assert meter.billed_bytes == meter.up_bytes + meter.down_bytes == meter.wire_bytes
    assert meter.unbilled_bytes == 5_000


def test_without_a_limit_nobody_is_told():
    meter = Meter()
    tally = Tally(meter, "premium", "a")
    tally.bill()
    tally.down(10**12)
    assert meter.billed_bytes == 10**12


@pytest.mark.parametrize("limit", [1, 7])
def test_a_budget_that_is_too_small_for_anything_is_spent_at_once(limit):
    assert Budget(limit).ask("a", 0) is Leave.GO, "nothing is known yet"
    known = Budget(limit)
    known.learn("a", 5_000)
    assert known.ask("a", 0) is Leave.SPENT
