"""The demo's settings.py. The last line is the product; the rest is any project's."""

BOT_NAME = "demo"
SPIDER_MODULES = ["rf_scrapy.demo"]
ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS = 16
CONCURRENT_REQUESTS_PER_DOMAIN = 8
DOWNLOAD_DELAY = 0.03
DOWNLOAD_TIMEOUT = 15
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "INFO"

ADDONS = {"rf_scrapy.Addon": 500}
