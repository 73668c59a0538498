"""A proxy that remembers who came, and lets nobody through."""

from __future__ import annotations

import base64
import socket
import threading
from typing import Self


class RememberingProxy:
    """Answers every request with 204, every CONNECT with 502.

    Attributes:
        came: (method, user:password) of each, decoded from its Proxy-Authorization.
    """

    def __enter__(self) -> Self:
        self.came: list[tuple[str, bytes | None]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=60)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(60)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65_536)
            if not piece:
                return
            head += piece
        first, *lines = head.split(b"\r\n\r\n")[0].split(b"\r\n")
        method = first.split()[0].decode()
        fields = dict(line.split(b": ", 1) for line in lines)
        values = {name.lower(): value for name, value in fields.items()}
        scheme, _, token = values.get(b"proxy-authorization", b"").partition(b" ")
        self.came.append((method, base64.b64decode(token) if scheme == b"Basic" else None))
        status = b"502 Bad Gateway" if method == "CONNECT" else b"204 No Content"
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
