"""Every kind of transfer that a relay carries, as a client makes it."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode

import httpx

LARGE = 20 * 1024 * 1024
SECONDS = 60


class Traveller:
    """A client of a proxy, and where it goes."""

    def __init__(self, port, user, password, *, http, https, ca):
        self.port, self.http, self.https = port, http, https
        self._token = b64encode(f"{user}:{password}".encode()).decode()
        self.client = httpx.AsyncClient(
            proxy=httpx.Proxy(f"http://127.0.0.1:{port}", auth=(user, password)),
            verify=ssl.create_default_context(cafile=ca),
            trust_env=False,
            timeout=SECONDS,
            follow_redirects=True,
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_exc):
        await self.client.aclose()

    async def ask(self, method, url, *, status=200, **body):
        answer = await self.client.request(method, url, **body)
        assert answer.status_code == status, (url, answer.status_code, answer.text[:200])
        return answer

    async def speak(self, line, *headers):
        """Say it by hand, and read to the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        auth = f"Proxy-Authorization: Basic {self._token}"
        writer.write("\r\n".join((line, auth, *headers, "", "")).encode())
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        writer.close()
        await writer.wait_closed()
        return answer


async def keep_alive(t):
    for number in range(20):
        await t.ask("GET", f"{t.http}/bytes/500?n={number}")


async def kept_tunnel(t):
    for number in range(20):
        await t.ask("GET", f"{t.https}/bytes/500?n={number}")


async def new_connections(t):
    for number in range(5):
        close = {"Connection": "close"}
        await t.ask("GET", f"{t.http}/bytes/500?n={number}", headers=close)
        await t.ask("GET", f"{t.https}/bytes/500?n={number}", headers=close)


async def heads(t):
    for _ in range(3):
        assert not (await t.ask("HEAD", f"{t.http}/bytes/9000")).content
        await t.ask("GET", f"{t.http}/bytes/100")
        assert not (await t.ask("HEAD", f"{t.https}/bytes/9000")).content


async def nothing(t):
    for site in (t.http, t.https):
        for status in (204, 304):
            await t.ask("GET", f"{site}/status/{status}", status=status)
        await t.ask("GET", f"{site}/bytes/100")


async def errors_of_the_sites(t):
    for status in (404, 403, 429, 500, 503):
        await t.ask("GET", f"{t.http}/status/{status}", status=status)
        await t.ask("GET", f"{t.https}/status/{status}", status=status)


async def posts(t):
    for site in (t.http, t.https):
        for size in (0, 1, 3_000, 200_000):
            await t.ask("POST", f"{site}/echo", content=b"p" * size)


async def chunked_upload(t):
    async def pieces():
        for number in range(10):
            yield b"c" * (number * 997 + 1)

    for site in (t.http, t.https):
        await t.ask("POST", f"{site}/echo", content=pieces())


async def large_down(t):
    for site in (t.http, t.https):
        assert len((await t.ask("GET", f"{site}/bytes/{LARGE}")).content) == LARGE


async def large_up(t):
    for site in (t.http, t.https):
        await t.ask("POST", f"{site}/echo", content=b"u" * LARGE)


async def many_at_once(t):
    sizes = range(100, 20_100, 1_000)
    await asyncio.gather(*(t.ask("GET", f"{t.http}/bytes/{size}") for size in sizes))
    await asyncio.gather(*(t.ask("GET", f"{t.https}/bytes/{size}") for size in sizes))


async def an_old_client(t):
    host = t.http.removeprefix("http://")
    answer = await t.speak(f"GET {t.http}/bytes/700 HTTP/1.0", f"Host: {host}")
    assert len(answer.partition(b"\r\n\r\n")[2]) == 700


async def odd_bodies(t):
    for site in (t.http, t.https):
        for path in ("chunked/9000", "chunked/9000?piece=7", "close/9000", "hints", "text/9000"):
            await t.ask("GET", f"{site}/{path}")


async def redirects(t):
    await t.ask("GET", f"{t.http}/redirect/3")
    await t.ask("GET", f"{t.https}/redirect/4?form=across")


async def ipv6(t):
    """The sandbox's gateway reaches its site by that address, too."""
    port = t.http.rpartition(":")[2]
    ask = f"GET http://[::1]:{port}/bytes/700 HTTP/1.1"
    answer = await t.speak(ask, f"Host: [::1]:{port}", "Connection: close")
    assert len(answer.partition(b"\r\n\r\n")[2]) == 700
    inside = f"GET /bytes/700 HTTP/1.0\r\nHost: [::1]:{port}"
    answer = await t.speak(f"CONNECT [::1]:{port} HTTP/1.1", "", inside)
    assert b" 200 Connection established\r\n\r\nHTTP/1." in answer


KINDS = (
    keep_alive, kept_tunnel, new_connections, heads, nothing, errors_of_the_sites, posts,
    chunked_upload, odd_bodies, redirects, large_down, large_up, many_at_once, an_old_client,
)  # fmt: skip
