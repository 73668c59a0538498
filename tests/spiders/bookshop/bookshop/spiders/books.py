import scrapy

from bookshop.items import Book


class BooksSpider(scrapy.Spider):
    name = "books"

    def __init__(self, sites, pages=3, **kwargs):
        super().__init__(**kwargs)
        self.start_urls = [f"{site}/pages/1" for site in sites.split(",")]
        self.pages = int(pages)

    def parse(self, response):
        number = int(response.url.rsplit("/", 1)[1])
        for link in response.css("a::attr(href)").getall():
            if "/items/" in link:
                yield response.follow(link, self.parse_book)
        if number < self.pages:
            yield response.follow(f"/pages/{number + 1}", self.parse)

    def parse_book(self, response):
        yield Book(url=response.url, size=len(response.body))
