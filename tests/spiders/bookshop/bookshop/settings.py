BOT_NAME = "bookshop"

SPIDER_MODULES = ["bookshop.spiders"]
NEWSPIDER_MODULE = "bookshop.spiders"

ADDONS = {}

ROBOTSTXT_OBEY = True

CONCURRENT_REQUESTS_PER_DOMAIN = 8
DOWNLOAD_DELAY = 0

ITEM_PIPELINES = {"bookshop.pipelines.BookshopPipeline": 300}

FEED_EXPORT_ENCODING = "utf-8"
