"""A raw client of a proxy gateway that counts what crosses its socket: the other meter."""

from __future__ import annotations

import base64
import socket
import ssl
import struct
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT = 60.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    raw_headers: list[tuple[str, str]] = field(default_factory=list)


def basic(username: str, password: str) -> str:
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return f"Proxy-Authorization: Basic {token}\r\n"


class Wire:
    """One connection. `sent` and `received` are bytes of this socket, TLS included."""

    def __init__(self, address: tuple[str, int], *, small_buffer: bool = False) -> None:
        self.sock = socket.socket()
        if small_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(address)
        self.sent = 0
        self.received = 0
        self._buffer = b""
        self._tls: ssl.SSLObject | None = None
        self._tls_in = ssl.MemoryBIO()
        self._tls_out = ssl.MemoryBIO()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def total(self) -> int:
        return self.sent + self.received

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Hang up without a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def say_goodbye(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    # Bytes

    def _push(self, data: bytes) -> None:
        self.sock.sendall(data)
        self.sent += len(data)

    def _pull(self, most: int = 65_536) -> bytes:
        data = self.sock.recv(most)
        self.received += len(data)
        return data

    def send(self, data: bytes | str) -> None:
        raw = data.encode("latin-1") if isinstance(data, str) else data
        if self._tls is None:
            self._push(raw)
            return
        self._tls.write(raw)
        self._push(self._tls_out.read())

    def read(self) -> bytes:
        """Some bytes; none at the end."""
        if self._tls is None:
            return self._pull()
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                data = self._pull()
                if not data:
                    return b""
                self._tls_in.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def read_to_the_end(self) -> bytes:
        data = self._buffer
        self._buffer = b""
        while piece := self.read():
            data += piece
        return data

    def start_tls(self, ca: str, name: str) -> None:
        context = ssl.create_default_context(cafile=ca)
        self._tls = context.wrap_bio(self._tls_in, self._tls_out, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._push(self._tls_out.read())
                data = self._pull()
                assert data, "the other end hung up in the handshake"
                self._tls_in.write(data)
            else:
                self._push(self._tls_out.read())
                return

    # HTTP

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            piece = self.read()
            if not piece:
                message = f"closed after {self._buffer!r}"
                raise EOFError(message)
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = self.read()
            if not piece:
                message = f"closed with {len(self._buffer)} of {count} bytes"
                raise EOFError(message)
            self._buffer += piece
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read_head(self) -> Answer:
        status = int(self._line().split(b" ", 2)[1])
        raw = []
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            raw.append((name, value.strip()))
        return Answer(status, {name.lower(): value for name, value in raw}, raw_headers=raw)

    def read_answer(self, method: str = "GET") -> Answer:
        answer = self.read_head()
        while answer.status < 200:
            answer = self.read_head()
        is_tunnel = method == "CONNECT" and answer.status == 200
        if method == "HEAD" or is_tunnel or answer.status in {204, 304}:
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            while size := int(self._line(), 16):
                answer.body += self._exactly(size)
                self._line()
            self._line()
        elif "content-length" in answer.headers:
            answer.body = self._exactly(int(answer.headers["content-length"]))
        else:
            answer.body = self.read_to_the_end()
        return answer

    def get(self, url: str, credential, *, method: str = "GET", extra: str = "") -> Answer:
        """One request in absolute form."""
        self.send(absolute(url, credential, method=method, extra=extra))
        return self.read_answer(method)

    def connect(self, host: str, port: int, credential, *, extra: str = "") -> Answer:
        """Open a tunnel."""
        authorization = basic(*credential) if credential else ""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}{extra}\r\n")
        return self.read_answer("CONNECT")

    def get_inside(self, path: str, host: str, *, method: str = "GET") -> Answer:
        """One request in origin form, inside a tunnel."""
        self.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        return self.read_answer(method)


def absolute(url: str, credential, *, method: str = "GET", extra: str = "") -> bytes:
    authorization = basic(*credential) if credential else ""
    host = urlsplit(url).netloc
    head = f"{method} {url} HTTP/1.1\r\nHost: {host}\r\n{authorization}{extra}\r\n"
    return head.encode("latin-1")
