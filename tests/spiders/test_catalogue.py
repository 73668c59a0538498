"""Nothing is lost and nothing comes twice, whatever goes wrong on the way."""

from support.catalogue import crawl_catalogue

from rf_sandbox.pages import Site
from rf_sandbox.sandbox import Sandbox

ITEMS = 500


def test_every_item_comes_once_through_mixed_faults_an_interrupt_and_a_resume(tmp_path):
    with Sandbox(seed=7, site=Site(items=ITEMS)) as sandbox:
        result = crawl_catalogue(sandbox, tmp_path, ITEMS, stop_after=150, seconds=120)
        struck = sandbox.site_log()["requests"]
    assert sorted(result.items) == list(range(1, ITEMS + 1)), result.log[-20_000:]
    assert set(result.items.values()) == {1}
    assert result.wrong == []
    assert [stats["finish_reason"] for stats in result.stats] == ["shutdown", "finished"]
    assert sum(stats["rf/proxies/retired"] for stats in result.stats) >= 2
    assert result.again == [], "a credential was tried again after its refusal"
    assert "127.0.0.1" not in result.clients
    assert sum(stats["rf/requests/direct"] for stats in result.stats) == 0
    assert any(one["faults"] for one in struck)
