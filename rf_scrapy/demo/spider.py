"""A spider that knows nothing of proxies: a shop, a magazine on https, and a slow corner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.http import Response, TextResponse


class CatalogueSpider(scrapy.Spider):
    """Follows catalogue pages from site to site and reads every item, until it is stopped."""

    name = "catalogue"

    def __init__(self, shop: str, magazine: str, press: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shop = shop
        self.magazine = magazine
        self.press = press

    async def start(self) -> AsyncIterator[Any]:
        """Begin on both sites, and in the corner where only so much may be asked."""
        for site in (self.shop, self.magazine):
            yield scrapy.Request(f"{site}/pages/1", cb_kwargs={"number": 1})
        for visit in range(200):
            yield scrapy.Request(
                f"{self.press}/ratelimit?scope=site&visit={visit}",
                callback=self.parse_press,
                priority=-visit,
            )

    def parse(self, response: Response, number: int = 1) -> Iterator[Any]:
        """Read a catalogue page: its items and pictures, then the next page."""
        if not isinstance(response, TextResponse):
            return
        site = "{0.scheme}://{0.netloc}".format(urlsplit(response.url))
        for link in response.css("a::attr(href)").getall():
            if "/items/" in link:
                yield response.follow(link, callback=self.parse_item)
        picture = f"{site}/bytes/{120_000 + number % 7 * 30_000}?page={number}"
        yield scrapy.Request(picture, callback=self.parse_picture)
        yield scrapy.Request(f"{site}/pages/{number + 1}", cb_kwargs={"number": number + 1})

    def parse_item(self, response: Response) -> Iterator[dict[str, Any]]:
        """Read an item."""
        yield {"url": response.url, "bytes": len(response.body)}

    def parse_picture(self, response: Response) -> Iterator[dict[str, Any]]:
        """Note a picture's size."""
        yield {"url": response.url, "bytes": len(response.body)}

    def parse_press(self, response: Response) -> Iterator[dict[str, Any]]:
        """Read what the slow corner gave."""
        yield {"url": response.url, "status": response.status}
