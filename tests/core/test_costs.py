"""The line that says what something cost."""

from decimal import Decimal

from rf_core.caps import Cap
from rf_core.costs import cost_line
from rf_core.meter import Meter, Tally


def spent(*domains):
    meter = Meter()
    for number, domain in enumerate(domains, 1):
        tally = Tally(meter, "premium", domain)
        tally.up(100)
        tally.down(1024 * number)
        tally.bill()
        meter.spend("premium", domain).requests += 1
    return meter


def test_it_names_the_three_largest_domains():
    line = cost_line("This crawl", spent("a", "b", "c", "d"), pool="premium", proxies=2)
    assert line == (
        "This crawl cost 10.4 kB of pool premium (400 bytes up, 10,240 down) for 4 requests "
        "through 2 proxies: d 4.1 kB, c 3.1 kB, b 2.1 kB."
    )


def test_one_is_one_and_a_budget_is_named():
    line = cost_line("curl", spent("a"), pool="p", proxies=1, budget=Cap(5 << 20))
    assert "1.1 kB (budget 5.00 MB) of pool p" in line
    assert "for 1 request through 1 proxy: a 1.1 kB." in line


def test_money_is_named_where_a_price_is_known():
    line = cost_line("curl", spent("a"), pool="p", proxies=1, cost=Decimal("1.5"))
    assert "cost 1.1 kB = $1.5" in line


def test_nothing_went_nowhere():
    assert cost_line("x", Meter(), pool="p", proxies=0).endswith("through 0 proxies: nowhere.")
