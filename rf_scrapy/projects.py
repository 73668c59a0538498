"""Checks a whole Scrapy project: its settings as they are, and as each spider changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scrapy import Spider
from scrapy.crawler import Crawler

from rf_scrapy import compat
from rf_scrapy.checks import Finding, check
from rf_scrapy.project import project_of, will_have_asyncio

if TYPE_CHECKING:
    from scrapy.settings import Settings


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, and the spiders that it is about; none means all of them."""

    finding: Finding
    spiders: tuple[str, ...] = ()


def check_settings(settings: Settings, names: Sequence[str] = ()) -> list[Told]:
    """Check a project's settings and those of its spiders, or of the named ones alone.

    Raises:
        KeyError: there is no such spider.
    """
    try:
        loader = compat.spider_loader(settings)
    except (ImportError, SyntaxError, NameError) as error:
        return [Told(finding) for finding in _findings(Spider, settings, spiders=str(error))]
    if names:
        by_spider = {name: _findings(loader.load(name), settings) for name in names}
        common: list[Finding] = []
    else:
        by_spider = {name: _findings(loader.load(name), settings) for name in sorted(loader.list())}
        common = _findings(Spider, settings)
    told = [Told(finding) for finding in common]
    special = dict.fromkeys(f for found in by_spider.values() for f in found if f not in common)
    for finding in special:
        spiders = tuple(name for name, found in by_spider.items() if finding in found)
        told.append(Told(finding, spiders))
    return told


def _findings(spider: type[Spider], settings: Settings, *, spiders: str = "") -> list[Finding]:
    """What is wrong when this spider runs: its own settings and the add-ons come first."""
    crawler = Crawler(spider, settings)
    crawler.addons.load_settings(crawler.settings)
    asyncio = will_have_asyncio(crawler.settings)
    project = project_of(crawler.settings, asyncio=asyncio, with_account=True)
    return check(replace(project, spiders=spiders))
