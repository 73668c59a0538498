"""The crawl that `rf demo` watches: an ordinary Scrapy project with the one line added."""
