"""Files of media pipelines: fetched whole, counted to the byte, from where their page was."""

import hashlib
import json

import httpx
import pytest
from support.crawls import ADDON, crawl, environment, every_handler, gateway_bytes

PICTURES = """
import rf_scrapy
from scrapy.pipelines.files import FilesPipeline

class FromTheSamePlace(FilesPipeline):
    def get_media_requests(self, item, info):
        return [scrapy.Request(url, meta=dict(item["kept"])) for url in item["file_urls"]]

class Pictures(scrapy.Spider):
    name = "pictures"
    custom_settings = {{
        "ITEM_PIPELINES": {{{pipeline}: 1}}, "FILES_STORE": "files", "MEDIA_ALLOW_REDIRECTS": True,
    }}

    async def start(self):
        for n, country in enumerate(("de", "jp", "us", "gb") * 3, 1):
            url = "{site}/items/" + str(n)
            yield scrapy.Request(url, meta={{"rf_country": country}}, cb_kwargs={{"n": n}})

    def parse(self, response, n):
        kept = rf_scrapy.kept_meta(response)
        urls = ["{site}/image/" + str(n) + ".png", "{site}/bytes/" + str(50_000 + n)]
        yield {{"n": n, "kept": kept, "file_urls": urls}}
"""


def files_of(folder):
    (feed,) = folder.glob("items.json")
    for item in json.loads(feed.read_text()):
        for file in item["files"]:
            yield item, file["url"], (folder / "files" / file["path"]).read_bytes()


@every_handler
@pytest.mark.parametrize("follows", [True, False], ids=["kept", "settings"])
def test_files_arrive_whole_and_from_where_they_were_asked_for(sandbox, tmp_path, handler, follows):
    pipeline = "FromTheSamePlace" if follows else '"scrapy.pipelines.files.FilesPipeline"'
    source = PICTURES.format(site=sandbox.site_https, pipeline=pipeline)
    feed = {"FEEDS": {str(tmp_path / "items.json"): {"format": "json"}}}
    done = crawl(tmp_path, source, ADDON | handler | feed, environment(tmp_path, sandbox))
    assert done.stats["file_status_count/downloaded"] == 24, done.log
    known = {}
    with httpx.Client(base_url=sandbox.site_http, trust_env=False) as client:
        for _, url, content in files_of(tmp_path):
            known[url] = hashlib.sha256(content).digest()
            path = url.removeprefix(sandbox.site_https)
            assert hashlib.sha256(client.get(path).content).digest() == known[url]
    assert len(known) == 24
    by_exit = {row["exit"]: row["username"] for row in sandbox.traffic()["traffic"]}
    countries = ("gb", "de", "jp", "us")
    for one in sandbox.site_log()["requests"]:
        if one["client"] not in by_exit:
            continue  # the test's own look
        number = int("".join(filter(str.isdigit, one["target"].rpartition("/")[2])))
        country = countries[number % 50_000 % 4]
        is_page = one["target"].startswith("/items/")
        expected = country if follows or is_page else "any"
        assert by_exit[one["client"]].split("-")[2] == expected, one["target"]
    assert done.wire_bytes == gateway_bytes(sandbox)
    assert done.stats["rf/requests/direct"] == 0
