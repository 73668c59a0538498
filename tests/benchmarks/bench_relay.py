"""What the relay costs: pages per CPU-second against one static credential in every request.

Prints ratios of runs that alternate in one go; the best of each side counts. Nothing is asserted.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crawls import ADDON, RUNNER, environment, static_proxy

from rf_sandbox.sandbox import Sandbox

ROUNDS = 4
PAGES = 1_500

STATIC = """
import scrapy
class Bench(scrapy.Spider):
    name = "bench"
    async def start(self):
        for n in range({pages}):
            yield scrapy.Request("{url}?n=" + str(n), meta={meta!r})
    def parse(self, response):
        pass
"""


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(folder, sandbox, url, *, relay, pages):
    proxy = None if relay else static_proxy(sandbox)
    meta = {} if relay else {"proxy": proxy}
    (folder / "spider.py").write_text(STATIC.format(pages=pages, url=url, meta=meta))
    settings = {"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, "CONCURRENT_REQUESTS": 16}
    settings |= {"CONCURRENT_REQUESTS_PER_DOMAIN": 16} | (ADDON if relay else {})
    (folder / "settings.json").write_text(json.dumps(settings))
    before = cpu_seconds()
    files = [folder / name for name in ("spider.py", "settings.json", "stats.json")]
    subprocess.run(
        [sys.executable, RUNNER, *files],
        cwd=folder,
        env=environment(folder, sandbox),
        check=True,
        timeout=300,
    )
    stats = json.loads((folder / "stats.json").read_text())
    if stats["response_received_count"] != pages:
        message = f"only {stats['response_received_count']} of {pages} pages"
        raise RuntimeError(message)
    return cpu_seconds() - before


def main():
    with Sandbox(seed=1) as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox.limit(generate=10_000)
        idle = {
            relay: min(
                run(folder, sandbox, f"{sandbox.site_http}/bytes/10", relay=relay, pages=1)
                for _ in range(2)
            )
            for relay in (False, True)
        }
        print(f"{'pages':<18}{'static CPU s':>14}{'relay CPU s':>14}{'pages/CPU-s ratio':>20}")
        for scheme in ("http", "https"):
            for size in (2_000, 20_000):
                site = sandbox.site_http if scheme == "http" else sandbox.site_https
                url = f"{site}/bytes/{size}"
                best = {False: float("inf"), True: float("inf")}
                for _ in range(ROUNDS):
                    for relay in (False, True):
                        spent = run(folder, sandbox, url, relay=relay, pages=PAGES) - idle[relay]
                        best[relay] = min(best[relay], spent)
                ratio = best[False] / best[True]
                label = f"{scheme} {size // 1000} kB"
                print(f"{label:<18}{best[False]:>14.2f}{best[True]:>14.2f}{ratio:>20.2f}")


if __name__ == "__main__":
    main()
