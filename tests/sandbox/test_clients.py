"""Ordinary clients go through the gateway with the credentials exactly as they are printed."""

import asyncio
import json
import os
import ssl
import urllib.request
from urllib.parse import urlsplit

import httpx
import pytest
from support.wire import basic


def urls_of(document):
    """Proxy URLs from an answer, the way its documentation tells a user to read it."""
    proxies = document["proxies"]
    match document["format"]:
        case "json":
            return [
                f"http://{one['username']}:{one['password']}@{one['host']}:{one['port']}"
                for one in proxies
            ]
        case "userpass":
            return [f"http://{line}" for line in proxies.split("\n")]
        case _:
            urls = []
            for line in proxies.split("\n"):
                host, port, user, password = line.split(":")
                urls.append(f"http://{user}:{password}@{host}:{port}")
            return urls


@pytest.mark.parametrize("shape", ["list", "json", "userpass"])
def test_httpx_with_every_format_over_http_and_https(sandbox, api, shape):
    """C-061 to C-065, C-074, C-075"""
    document = api.post("/proxies", json={"quantity": 3, "format": shape}).json()
    trust = ssl.create_default_context(cafile=sandbox.ca)
    seen = set()
    for url in urls_of(document):
        with httpx.Client(proxy=url, verify=trust, trust_env=False, timeout=60) as client:
            for site in (sandbox.site_http, sandbox.site_https):
                seen.add(client.get(f"{site}/ip").json()["ip"])
    assert len(seen) == 6, "each request and each tunnel has an exit of its own"


def test_httpx_with_many_requests_at_once(sandbox, api, settled):
    document = api.post("/proxies", json={"quantity": 4, "proxyType": "sticky"}).json()
    trust = ssl.create_default_context(cafile=sandbox.ca)

    async def crawl(url):
        async with httpx.AsyncClient(proxy=url, verify=trust, trust_env=False) as client:
            paths = [f"{sandbox.site_http}/pages/{n}" for n in range(1, 16)]
            paths += [f"{sandbox.site_https}/items/{n}" for n in range(1, 16)]
            answers = await asyncio.gather(*(client.get(path) for path in paths))
            ip = (await client.get(f"{sandbox.site_https}/ip")).json()["ip"]
        return {answer.status_code for answer in answers}, ip

    async def main():
        return await asyncio.gather(*(crawl(url) for url in urls_of(document)))

    results = asyncio.run(main())
    assert [statuses for statuses, _ in results] == [{200}] * 4
    assert len({ip for _, ip in results}) == 4
    rows = settled()
    assert {row["exit"] for row in rows} == {ip for _, ip in results}


def test_a_wrong_password_is_seen_by_httpx_on_both_schemes(sandbox, api):
    """C-172"""
    document = api.post("/proxies", json={"quantity": 1}).json()
    [url] = urls_of(document)
    wrong = url.replace("@", "x@")
    with httpx.Client(timeout=60, proxy=wrong, trust_env=False) as client:
        assert client.get(f"{sandbox.site_http}/ip").status_code == 407
        with pytest.raises(httpx.ProxyError, match="407"):
            client.get(f"{sandbox.site_https}/ip")


def test_the_standard_library_goes_through_too(sandbox, api):
    """Its CONNECT speaks HTTP/1.0."""
    [url] = urls_of(api.post("/proxies", json={"quantity": 1}).json())
    trust = ssl.create_default_context(cafile=sandbox.ca)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": url, "https": url}),
        urllib.request.HTTPSHandler(context=trust),
    )
    for site in (sandbox.site_http, sandbox.site_https):
        with opener.open(f"{site}/ip", timeout=60) as answer:
            assert json.load(answer)["ip"] != "127.0.0.1"


def test_streams_by_hand_keep_a_tunnel_busy_both_ways(sandbox, api, settled):
    """Full duplex: a large upload and a large download share one tunnel."""
    [url] = urls_of(api.post("/proxies", json={"quantity": 1}).json())
    parts = urlsplit(url)
    port = urlsplit(sandbox.site_http).port

    async def main():
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        authorization = basic(parts.username, parts.password)
        head = f"CONNECT localhost:{port} HTTP/1.1\r\n{authorization}\r\n"
        writer.write(head.encode())
        established = await reader.readuntil(b"\r\n\r\n")
        size = 4_000_000
        request = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size
        upload = (
            b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        )
        writer.write(request + upload % size + b"y" * size)
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return len(head) + len(request + upload % size) + size, len(established) + len(received)

    up, down = asyncio.run(main())
    [row] = settled()
    assert (row["bytes_up"], row["bytes_down"], row["outcome"]) == (up, down, "completed")


def test_users_have_a_fixture_for_their_own_tests(resifactory_sandbox):
    answer = httpx.get(
        f"{os.environ['RF_BASE_URL']}/me",
        headers={"Authorization": f"Bearer {os.environ['RF_API_KEY']}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200
    assert resifactory_sandbox.journal()["calls"][0]["status"] == 200
