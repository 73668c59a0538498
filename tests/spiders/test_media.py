"""Files and images of media pipelines: whole, counted to the byte, from where their page was."""

import hashlib
import json

import httpx
import pytest
from support.crawls import (
    ADDON,
    crawl,
    environment,
    every_handler,
    gateway_bytes,
    static_proxy,
)  # fmt: skip

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
    with httpx.Client(timeout=60, base_url=sandbox.site_http, trust_env=False) as client:
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


IMAGES = """
import scrapy
from scrapy.http.request import NO_CALLBACK
from scrapy.pipelines.images import ImagesPipeline

class Asked(ImagesPipeline):
    def get_media_requests(self, item, info):
        for url in item["image_urls"]:
            yield scrapy.Request(url, meta=dict(item["meta"]), callback=NO_CALLBACK)

class Images(scrapy.Spider):
    name = "images"
    custom_settings = {{
        "ITEM_PIPELINES": {{Asked: 1}}, "IMAGES_STORE": "{store}",
        "IMAGES_THUMBS": {{"small": (8, 8)}}, "MEDIA_ALLOW_REDIRECTS": True,
    }}

    async def start(self):
        for n in range(1, 13):
            yield scrapy.Request("{site}/items/" + str(n), meta={meta!r}, cb_kwargs={{"n": n}})

    def parse(self, response, n):
        url = response.urljoin(response.css("img::attr(src)").get())
        yield {{"n": n, "image_urls": [url], "meta": {meta!r}}}
"""


def images_in(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.jpg")
    }


@every_handler
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_images_and_thumbnails_are_those_of_one_static_credential(
    sandbox, tmp_path, handler, scheme
):
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    static = IMAGES.format(site=site, store="static", meta={"proxy": static_proxy(sandbox)})
    without = crawl(tmp_path, static, handler, environment(tmp_path))
    assert without.stats["file_status_count/downloaded"] == 12, without.log
    before = gateway_bytes(sandbox)
    ours = IMAGES.format(site=site, store="ours", meta={"rf_session": "one"})
    done = crawl(tmp_path, ours, ADDON | handler, environment(tmp_path, sandbox))
    assert done.stats["file_status_count/downloaded"] == 12, done.log
    assert images_in(tmp_path / "ours") == images_in(tmp_path / "static")
    assert len(images_in(tmp_path / "ours")) == 24
    assert done.wire_bytes == gateway_bytes(sandbox) - before
    causes = {name: done.stats[f"rf/cause/{name}"] for name in ("page", "media")}
    assert min(causes.values()) > 12 * 700
    by_name = {row["username"] for row in sandbox.traffic()["traffic"] if "-s-" in row["username"]}
    assert len(by_name) == 1, "pages and pictures came from one exit"
    assert done.stats["rf/requests/direct"] == 0
