"""A credential's URL, given to other people's clients as it is: what arrives is the credential."""

import asyncio
import contextlib

import aiohttp
import httpx
import pytest
import requests
from support.proxies import RememberingProxy

from rf_core.inventory import Inventory
from rf_core.listing import write
from rf_core.models import Proxy
from rf_core.redaction import Secret

SECONDS = 10
WORDS = [
    ("user-country-us-session-abc123", "hunter2"),
    ("user", "a:b@c/d?e#f%g&h+i=j"),
    ("user", "%41%2F%%"),
    ("user", " !\"$'()*,;<>[\\]^_`{|}~"),
    ("us%er@shop/1#?", "p"),
    ("user", "@"),
    ("user", ":"),
    ("user", "//"),
]
TARGETS = [("GET", "http://target.example/"), ("CONNECT", "https://target.example/")]


def by_httpx(proxy, target):
    with (
        httpx.Client(proxy=proxy, trust_env=False, timeout=SECONDS) as client,
        contextlib.suppress(httpx.ProxyError),
    ):
        client.get(target)


def by_requests(proxy, target):
    with requests.Session() as session, contextlib.suppress(requests.exceptions.ProxyError):
        session.trust_env = False
        session.get(target, proxies=dict.fromkeys(("http", "https"), proxy), timeout=SECONDS)


def by_aiohttp(proxy, target):
    async def ask():
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with contextlib.suppress(aiohttp.ClientHttpProxyError):
                async with session.get(target, proxy=proxy):
                    pass

    asyncio.run(ask())


@pytest.mark.parametrize(("method", "target"), TARGETS)
@pytest.mark.parametrize(("username", "password"), WORDS)
@pytest.mark.parametrize("client", [by_httpx, by_requests, by_aiohttp])
def test_what_arrives_is_the_credential_to_the_byte(client, username, password, method, target):
    """C-075"""
    with RememberingProxy() as proxy:
        one = Proxy("127.0.0.1", proxy.port, username, Secret(password))
        ((url,),) = write(Inventory.of([one]), "url")
        assert url == one.url
        client(url, target)
        assert proxy.came[0] == (method, f"{username}:{password}".encode())
