"""Runs one spider in a process of its own and writes its final stats, the way a script would.

Usage: run_crawl.py SPIDER_FILE SETTINGS_JSON STATS_JSON
"""

import importlib.util
import json
import sys
from pathlib import Path

try:
    from scrapy.crawler import AsyncCrawlerProcess
except ImportError:  # before 2.14
    from scrapy.crawler import CrawlerProcess as AsyncCrawlerProcess
from scrapy.utils.spider import iter_spider_classes


def main(spider_file: str, settings_file: str, stats_file: str) -> None:
    spec = importlib.util.spec_from_file_location("spider_under_test", spider_file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    (spider,) = iter_spider_classes(module)
    process = AsyncCrawlerProcess(json.loads(Path(settings_file).read_text()))
    crawler = process.create_crawler(spider)
    process.crawl(crawler)
    process.start()
    stats = {name: str(value) for name, value in crawler.stats.get_stats().items()}
    for name, value in stats.items():
        if value.lstrip("-").isdigit():
            stats[name] = int(value)
    Path(stats_file).write_text(json.dumps(stats))


if __name__ == "__main__":
    main(*sys.argv[1:])
