"""zzuf damages good requests: each is answered well or not at all, in silence, counted exactly."""

import contextlib
import logging
import shutil
import subprocess

import pytest
from support.between import Between
from support.sandboxes import assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire, basic

from rf_sandbox.gateway import Patience
from rf_sandbox.sandbox import Sandbox

SEEDS = range(200)
CHUNKED = "5\r\nhello\r\n0\r\n\r\n"
INSIDE = "GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
RATES = ["0.0005", "0.002", "0.004"]


def good_requests(sandbox):
    site, auth = sandbox.site_http, basic(*proxies_of(sandbox)[0])
    port = site.rpartition(":")[2]
    return [
        f"GET {site}/bytes/500 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n{auth}\r\n",
        f"POST {site}/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n{auth}\r\n{'y' * 20}",
        f"POST {site}/echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{auth}\r\n{CHUNKED}",
        f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n{auth}\r\n{INSIDE}",
    ]


@pytest.mark.parametrize("rate", RATES)
def test_what_zzuf_makes_of_good_requests(rate, caplog):
    """C-167"""
    zzuf = shutil.which("zzuf")
    if zzuf is None:
        pytest.fail("this journey needs zzuf: install it, or run make test instead")
    patience = Patience(head=1.0, linger=0.3, idle=2.0)
    with Sandbox(seed=31, patience=patience) as sandbox, caplog.at_level(logging.INFO):
        sandbox.granted = sandbox.state()["balances_bytes"]
        good = [request.encode() for request in good_requests(sandbox)]
        statuses = set()
        for seed in SEEDS:
            first = seed % len(good)
            asked = b"".join(good[first:] + good[:first])
            damaged = subprocess.run(
                [zzuf, "-s", str(seed), "-r", rate], input=asked, capture_output=True, check=True
            ).stdout
            last = sandbox.traffic()["traffic"][-1:]
            with Between(sandbox.gateway) as relay, Wire(relay.address) as line:
                answer = b""
                with contextlib.suppress(ConnectionError):
                    line.send(damaged)
                    line.say_goodbye()
                    answer = line.read_to_the_end()
                relay.settle()
                settled_of(sandbox)
                rows = sandbox.traffic(last[0]["seq"] if last else 0)["traffic"]
                assert sum(row["bytes_down"] for row in rows) == relay.down
                assert sum(row["bytes_up"] for row in rows) <= relay.up
            assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:100]
            statuses |= {row["status"] for row in rows}
        assert {200, 400} <= statuses
        assert_nothing_is_lost(sandbox, sandbox.granted)
    assert [record.getMessage() for record in caplog.records if record.name != "httpx"] == []
