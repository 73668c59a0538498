"""`rf run -- scrapy …`: metered once, whoever holds the proxies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.crawls import ADDON, RUNNER, environment, gateway_bytes, spider
from support.invoking import RUN
from support.sandboxes import settled_of

from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(seed=8) as running:
        yield running


@pytest.mark.parametrize("addon", [True, False])
def test_a_crawl_under_rf_run_is_metered_once(tmp_path, sandbox, addon):
    """A proxy from the environment is not the user's word: the add-on's own relay carries."""
    (tmp_path / "key").write_text(sandbox.key)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "config.toml").write_text(f'key = "file:{tmp_path}/key"\n')
    urls = [f"{sandbox.site_http}/bytes/3000?n={n}" for n in range(5)]
    (tmp_path / "spider.py").write_text("import scrapy\n" + spider(*urls))
    settings = {"LOG_LEVEL": "INFO", "TELNETCONSOLE_ENABLED": False} | (ADDON if addon else {})
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    files = [tmp_path / name for name in ("spider.py", "settings.json", "stats.json")]
    env = environment(tmp_path, sandbox)
    run = [sys.executable, "-c", RUN]
    done = subprocess.run(
        [*run, "run", "--", sys.executable, RUNNER, *files],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    stats = json.loads(Path(files[2]).read_text())
    assert stats["response_received_count"] == 5
    settled_of(sandbox)
    listed = subprocess.run(
        [*run, "crawls", "--json"], env=env, capture_output=True, text=True, timeout=240, check=True
    )
    spent = {row["spider"]: row["wire_bytes"] for row in json.loads(listed.stdout)["crawls"]}
    name = f"run {Path(sys.executable).name}"
    if addon:
        assert spent == {name: 0, "fetch": gateway_bytes(sandbox)}
        assert "cost 0 B" in done.stderr
    else:
        assert spent == {name: gateway_bytes(sandbox)}
    assert gateway_bytes(sandbox) > 15_000
