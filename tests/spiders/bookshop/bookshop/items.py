import scrapy


class Book(scrapy.Item):
    url = scrapy.Field()
    size = scrapy.Field()
