"""A credential's URL in `meta["proxy"]` of a spider without our add-on: what arrives is it."""

import json

from support.crawls import crawl, environment
from support.proxies import RememberingProxy

from rf_core.models import Proxy
from rf_core.redaction import Secret

WORDS = [
    ("user-country-us-session-abc123", "hunter2"),
    ("user", "a:b@c/d?e#f%g&h+i=j"),
    ("user", "%41%2F%%"),
    ("user", " !\"$'()*,;<>[\\]^_`{|}~"),
]
SPIDER = """
class Plain(scrapy.Spider):
    name = "plain"
    async def start(self):
        for number, url in enumerate(URLS):
            yield scrapy.Request(f"http://target.example/{number}", meta={"proxy": url})
    def parse(self, response):
        pass
"""


def test_what_arrives_is_the_credential_to_the_byte(tmp_path):
    """C-075"""
    with RememberingProxy() as proxy:
        urls = [
            Proxy("127.0.0.1", proxy.port, username, Secret(password)).url
            for username, password in WORDS
        ]
        settings = {"CONCURRENT_REQUESTS": 1, "RETRY_ENABLED": False}
        code = SPIDER.replace("URLS", json.dumps(urls))
        done = crawl(tmp_path, code, settings, environment(tmp_path))
        assert done.stats["response_received_count"] == len(WORDS), done.log
        expected = {f"{username}:{password}".encode() for username, password in WORDS}
        assert {pair for _, pair in proxy.came} == expected
