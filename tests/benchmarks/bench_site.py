"""How quick the site is: requests per second of CPU, beside a server that reads nothing at all.

The bare server answers whatever comes with 2,000 bytes that were ready before: what asyncio itself
leaves of a core. Both are asked over 32 connections that stay open, in turns, in one run.
"""

from __future__ import annotations

import select
import socket
import statistics
import subprocess
import sys
import time

CONNECTIONS = 32
SECONDS = 1.0
ROUNDS = 5
PACKED = "Accept-Encoding: gzip, br, zstd\r\n"
CASES = (
    ("/bytes/2000", ""),
    ("/pages/7", ""),
    ("/items/7", ""),
    ("/items/7", PACKED),
    ("/catalogue/?page=3", PACKED),
    ("/ip", ""),
)
SERVER = """
import asyncio, sys, time

class Bare(asyncio.Protocol):
    answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2000\\r\\n\\r\\n" + b"x" * 2000
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(self.answer)

def of_site():
    from rf_sandbox.clock import Clock
    from rf_sandbox.pages import Site
    from rf_sandbox.site import SiteConnection
    site = Site(now=Clock())
    return lambda: SiteConnection(site, "http")

async def main():
    loop = asyncio.get_running_loop()
    make = Bare if sys.argv[1] == "bare" else of_site()
    server = await loop.create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time(), flush=True)

asyncio.run(main())
"""


class Server:
    """One server in a process of its own, and the connections to it."""

    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())
        self.poll = select.poll()
        self.lines = {}
        for _ in range(CONNECTIONS):
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.lines[sock.fileno()] = sock
            self.poll.register(sock, select.POLLIN)

    def cpu(self) -> float:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def rate(self, target: str, extra: str, seconds: float) -> float:
        """Requests per second of the server's CPU."""
        request = f"GET {target} HTTP/1.1\r\nHost: localhost:{self.port}\r\n{extra}\r\n".encode()
        first = next(iter(self.lines.values()))
        first.sendall(request)
        size = len(first.recv(1 << 20))
        left = dict.fromkeys(self.lines, size)
        done, waiting = 0, len(left)
        began = self.cpu()
        end = time.perf_counter() + seconds
        for sock in self.lines.values():
            sock.sendall(request)
        while waiting:
            for number, _event in self.poll.poll(10_000):
                sock = self.lines[number]
                left[number] -= len(sock.recv(1 << 18))
                if left[number] > 0:
                    continue
                left[number] = size
                done += 1
                if time.perf_counter() < end:
                    sock.sendall(request)
                else:
                    waiting -= 1
        return done / (self.cpu() - began)

    def close(self) -> None:
        for sock in self.lines.values():
            sock.close()
        self.process.kill()
        self.process.wait(10)


def main() -> None:
    bare, site = Server("bare"), Server("site")
    try:
        print(f"{'page':<22}{'coding':<10}{'bare/CPU-s':>12}{'site/CPU-s':>12}{'ratio':>8}")
        for target, extra in CASES:
            pairs = []
            for _ in range(ROUNDS):
                floor = bare.rate("/", "", SECONDS)
                pairs.append((floor, site.rate(target, extra, SECONDS)))
            floor, rate = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(mine / theirs for theirs, mine in pairs)
            coding = "chosen" if extra else "none"
            print(f"{target:<22}{coding:<10}{floor:>12,.0f}{rate:>12,.0f}{ratio:>8.2f}")
    finally:
        bare.close()
        site.close()


if __name__ == "__main__":
    main()
