from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.accounts import Account, Pool
from rf_sandbox.traffic import Traffic


def meter():
    pools = {name: Pool(name, name, ["rotating"], 10_000) for name in ("one", "two")}
    return Traffic(Account(1, "somebody", pools))


def begin(traffic, pool="one", domain="site", *, billed=True):
    return traffic.begin(
        username="user",
        pool=pool,
        domain=domain,
        target=f"{domain}:80",
        method="GET",
        now=0.0,
        billed=billed,
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two"]),
            st.sampled_from(["a.test", "b.test"]),
            st.booleans(),
            st.integers(0, 5_000),
            st.integers(0, 5_000),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_balance_and_billed_bytes_are_constant_at_every_step(steps):
    """C-166, C-167"""
    traffic = meter()
    for pool, domain, billed, up, down, excused in steps:
        row = begin(traffic, pool, domain, billed=billed)
        traffic.up(row, up)
        traffic.down(row, down)
        if excused:
            traffic.excuse(row)
        for name, owned in traffic.account.pools.items():
            of_rows = sum(
                row.bytes_up + row.bytes_down
                for row in traffic.rows
                if row.billed and row.pool == name
            )
            assert owned.balance_bytes + of_rows == 10_000
            assert traffic.billed_bytes.get(name, 0) == of_rows
        total = sum(usage.bytes for usage in traffic.usage.values())
        assert total == sum(traffic.billed_bytes.values())


def test_usage_is_of_the_account_and_sorted_by_bytes_then_name():
    """C-098, C-099"""
    traffic = meter()
    for pool, domain, count in [
        ("one", "b.test", 5),
        ("two", "b.test", 5),
        ("one", "c.test", 7),
        ("one", "a.test", 7),
    ]:
        traffic.down(begin(traffic, pool, domain), count)
    begin(traffic, domain="refused.test", billed=False)
    told = [(name, usage.bytes, usage.requests) for name, usage in traffic.top_domains(100)]
    assert told == [("b.test", 10, 2), ("a.test", 7, 1), ("c.test", 7, 1)]
    assert len(traffic.top_domains(2)) == 2


def test_the_first_word_on_how_an_exchange_ended_stands():
    traffic = meter()
    row = begin(traffic)
    traffic.end(row, "exhausted", 1.0)
    traffic.end(row, "aborted", 2.0)
    assert (row.outcome, row.ended) == ("exhausted", 1.0)


def test_what_was_alive_when_everything_was_forgotten_counts_no_more():
    traffic = meter()
    row = begin(traffic)
    traffic.forget()
    traffic.down(row, 100)
    assert traffic.since(0) == []
    assert traffic.account.pools["one"].balance_bytes == 10_000
