"""Keys and passwords are in no log, no job directory, no cache, no feed, no stat."""

import base64
import json
import urllib.parse

import pytest
from support.crawls import ADDON, AIOHTTP, crawl, environment, every_handler


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    return {
        raw,
        urllib.parse.quote(secret, safe="").encode(),
        base64.b64encode(raw),
        raw.hex().encode(),
    }


def secrets_of(sandbox):
    credentials = sandbox._servers.world.credentials
    found = {sandbox.key}
    for row in sandbox.traffic()["traffic"]:
        if row["username"]:
            found.add(credentials.password(row["username"]))
            found.add(f"{row['username']}:{credentials.password(row['username'])}")
    return found


@pytest.mark.parametrize("handler", [{}, AIOHTTP], ids=["HTTP11", "aiohttp"])
def test_no_secret_is_left_anywhere_outside_the_private_state(sandbox, tmp_path, handler):
    code = """
    class Careless(scrapy.Spider):
        name = "careless"
        async def start(self):
            for n in range(6):
                yield scrapy.Request(f"HTTP/bytes/{900 + n}", meta={"n": n})
                yield scrapy.Request(f"HTTPS/bytes/{900 + n}", meta={"n": n})
            yield scrapy.Request("HTTPS/status/500")
            yield scrapy.Request("https://localhost:1/nowhere", errback=self.failed)
        def failed(self, failure):
            self.logger.error("failed: %r %s", failure, failure.getTraceback(detail="verbose"))
        def parse(self, response):
            yield {"meta": repr(response.meta), "headers": repr(response.request.headers)}
            if "again" not in response.url:
                yield scrapy.Request(response.url + "?again", meta=response.meta)
    """.replace("HTTPS", sandbox.site_https).replace("HTTP/", f"{sandbox.site_http}/")
    settings = (
        ADDON
        | handler
        | {
            "JOBDIR": str(tmp_path / "job"),
            "HTTPCACHE_ENABLED": True,
            "HTTPCACHE_DIR": str(tmp_path / "httpcache"),
            "FEEDS": {str(tmp_path / "items.json"): {"format": "json"}},
            "LOG_FILE": str(tmp_path / "crawl.log"),
            "RETRY_TIMES": 1,
        }
    )
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] >= 24, outcome.log
    private = tmp_path / "state"
    places = [
        path for path in tmp_path.rglob("*") if path.is_file() and private not in path.parents
    ]
    assert {path.name for path in places} >= {"crawl.log", "items.json", "stats.json"}
    texts = {str(path): path.read_bytes() for path in places} | {"output": outcome.log.encode()}
    for secret in secrets_of(sandbox):
        for spelling in spellings(secret):
            assert [name for name, text in texts.items() if spelling in text] == []
    # The relay's own header is taken off again, too.
    assert b"Proxy-Authorization" not in texts[str(tmp_path / "items.json")]


def test_a_key_in_the_settings_is_taken_out_and_warned_about(sandbox, tmp_path):
    settings = ADDON | {"RF_API_KEY": sandbox.key, "LOG_LEVEL": "DEBUG"}
    code = """
    class Nosy(scrapy.Spider):
        name = "nosy"
        async def start(self):
            self.logger.info("settings: %r", dict(self.crawler.settings))
            yield scrapy.Request("SITE/ip")
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    env = environment(tmp_path, sandbox)
    del env["RF_API_KEY"]
    outcome = crawl(tmp_path, code, settings, env)
    assert outcome.stats["item_scraped_count"] == 1, outcome.log
    assert "RF_API_KEY stood in the Scrapy settings" in outcome.log
    assert sandbox.key not in outcome.log


@every_handler
def test_no_target_ever_sees_what_is_meant_for_the_proxy(sandbox, tmp_path, handler):
    code = """
    class Headers(scrapy.Spider):
        name = "headers"
        async def start(self):
            for site in ("HTTPS", "HTTP"):
                for path in ("headers", "to-http/headers", "to-https/headers"):
                    yield scrapy.Request(f"{site}/{path}?{site}", dont_filter=True)
                yield scrapy.Request(f"{site}/headers?{site}", method="POST", body="x")
        def parse(self, response):
            yield {"headers": [name.lower() for name, _ in response.json()["headers"]]}
    """.replace("HTTPS", sandbox.site_https).replace('"HTTP"', f'"{sandbox.site_http}"')
    feed = tmp_path / "items.json"
    settings = ADDON | handler | {"FEEDS": {str(feed): {"format": "json"}}, "RF_ROTATE": 2}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    items = json.loads(feed.read_text())
    assert len(items) == 8, outcome.log
    seen = {name for item in items for name in item["headers"]}
    assert not {name for name in seen if "proxy" in name or "relay" in name}


LOOK = """
print(dict(crawler.settings), crawler.stats.get_stats())
parts = [*crawler.extensions.middlewares, *crawler.engine.downloader.middleware.middlewares]
seen = set()
def show(thing, depth):
    print(repr(thing)[:20_000])
    names = [*getattr(thing, "__dict__", ())]
    for kind in type(thing).__mro__:
        names += getattr(kind, "__slots__", ())
    if id(thing) in seen or not depth or not type(thing).__module__.startswith("rf_"):
        return
    seen.add(id(thing))
    for name in names:
        value = getattr(thing, name, None)
        show(value, depth - 1)
        if isinstance(value, (dict, list, tuple, set)):
            for one in [*value][:50]:
                show(one, depth - 1)
            if isinstance(value, dict):
                for one in [*value.values()][:50]:
                    show(one, depth - 1)
for part in parts:
    show(part, 6)
"""


def test_telnet_and_remote_control_show_no_secret_either(sandbox, tmp_path):
    """Whoever may ask there sees settings, stats and every part of ours, to six levels down."""
    code = """
    import asyncio, json, re
    from scrapy.extensions.remote_control import RemoteControl
    from scrapy.extensions.telnet import TelnetConsole

    class Watched(scrapy.Spider):
        name = "watched"
        start_urls = ["SITE/ip"]

        async def parse(self, response):
            look = open("look.py").read()
            with open("remote.txt", "w") as file:
                file.write(await self.remote(look) + await self.remote("1 / 0"))
            with open("telnet.txt", "wb") as file:
                file.write(await self.telnet())
            yield {}

        async def remote(self, code):
            control = self.crawler.get_extension(RemoteControl)
            port = control._runner.addresses[0][1]
            body = json.dumps({"code": code})
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((
                f"POST /execute HTTP/1.1\\r\\nHost: localhost:{port}\\r\\nConnection: close\\r\\n"
                f"Authorization: Bearer {control._auth_token}\\r\\n"
                f"Content-Type: application/json\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}"
            ).encode())
            answer = await asyncio.wait_for(reader.read(-1), 60)
            writer.close()
            return answer.decode()

        async def telnet(self):
            port = self.crawler.get_extension(TelnetConsole).port.getHost().port
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = b""
            for mark, words in (
                (b"Username: ", b"scrapy"), (b"Password: ", b"open-sesame"),
                (b">>> ", b"exec(open('look.py').read()); print('THE' + 'END')"), (b"THEEND", b""),
            ):
                while mark not in said[-2_000:]:
                    said += (data := await asyncio.wait_for(reader.read(65_536), 60))
                    for verb, option in re.findall(rb"\\xff([\\xfb-\\xfe])(.)", data, re.DOTALL):
                        # WILL is answered by DO, WONT by DONT, DO and DONT by WONT (RFC 854).
                        answer = {b"\\xfb": b"\\xfd", b"\\xfc": b"\\xfe"}.get(verb, b"\\xfc")
                        writer.write(b"\\xff" + answer + option)
                    if not data:
                        return said
                said += b"\\n"
                writer.write(words + b"\\r\\n")
            writer.close()
            return said
    """.replace("SITE", sandbox.site_https)
    (tmp_path / "look.py").write_text(LOOK)
    settings = ADDON | {
        "TELNETCONSOLE_ENABLED": True, "TELNETCONSOLE_PASSWORD": "open-sesame",
        "TELNETCONSOLE_PORT": [0], "REMOTE_CONTROL_OUTPUT_MAX_BYTES": 50_000_000,
    }  # fmt: skip
    env = environment(tmp_path, sandbox, HOME=str(tmp_path))
    outcome = crawl(tmp_path, code, settings, env)
    assert outcome.stats["item_scraped_count"] == 1, outcome.log
    remote, telnet = (tmp_path / name for name in ("remote.txt", "telnet.txt"))
    texts = {"remote": remote.read_bytes(), "telnet": telnet.read_bytes()}
    assert b"ZeroDivisionError" in texts["remote"]
    for text in texts.values():
        assert b"downloader/request_count" in text
        assert b"Lanes " in text, "it has looked inside"
    for secret in secrets_of(sandbox):
        for spelling in spellings(secret):
            assert [name for name, text in texts.items() if spelling in text] == []


def test_another_user_of_the_machine_cannot_use_the_relay(sandbox, tmp_path):
    """The port can be reached by anybody; without this process's secret it serves nobody."""
    code = """
    import asyncio, base64
    from rf_scrapy.crawl import crawl_of

    class Stranger(scrapy.Spider):
        name = "stranger"
        start_urls = ["SITE/ip"]

        async def parse(self, response):
            port = crawl_of(self.crawler).relay.port
            guess = base64.b64encode(b"lane-0:" + b"0" * 32).decode()
            for line in ("", f"Proxy-Authorization: Basic {guess}\\r\\n"):
                for ask in ("GET SITE/stolen", "CONNECT localhost:443"):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(f"{ask} HTTP/1.1\\r\\nHost: x\\r\\n{line}\\r\\n".encode())
                    status = (await asyncio.wait_for(reader.readline(), 60)).split()[1].decode()
                    writer.close()
                    yield {"status": status}
    """.replace("SITE", sandbox.site_http)
    feed = tmp_path / "items.json"
    settings = ADDON | {"FEEDS": {str(feed): {"format": "json"}}}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert [item["status"] for item in json.loads(feed.read_text())] == ["407"] * 4, outcome.log
    asked = [one["target"] for one in sandbox.site_log()["requests"]]
    assert asked == ["/ip"]
