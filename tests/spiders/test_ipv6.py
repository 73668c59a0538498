"""Targets with an IPv6 address: every handler writes them its own way, all of them arrive."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.crawls import ADDON, crawl, environment, every_handler, gateway_bytes, spider

from rf_sandbox.sandbox import Sandbox


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_args):
        """Keep quiet."""


class OnIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


@pytest.fixture
def port():
    with OnIPv6(("::1", 0), Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with contextlib.closing(server.socket):
            yield server.server_address[1]
            server.shutdown()
            thread.join()


@every_handler
def test_an_ipv6_target_is_reached_and_counted(tmp_path, handler, port):
    with Sandbox(seed=7, allowed_targets=frozenset({("::1", port)})) as sandbox:
        url = f"http://[::1]:{port}/page"
        settings = ADDON | handler
        done = crawl(tmp_path, spider(url, url + "?2"), settings, environment(tmp_path, sandbox))
        assert done.stats["item_scraped_count"] == 2, done.log
        assert {row["target"] for row in sandbox.traffic()["traffic"]} == {f"[::1]:{port}"}
        assert done.wire_bytes == gateway_bytes(sandbox)
