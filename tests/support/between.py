"""A wire with a counter: passes bytes on between a client and an address, and understands none.

It is the third count. The gateway counts at its socket, a client at its own; this one belongs to
neither, shares no code with them, and works for clients that count nothing, such as curl.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading

_RESET = struct.pack("ii", 1, 0)


class Between:
    """Listens on `port`; `up` and `down` are the bytes that passed, over all connections."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = ("127.0.0.1", self.port)
        self.up = 0
        self.down = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.settle()

    @property
    def total(self) -> int:
        with self._lock:
            return self.up + self.down

    def settle(self) -> None:
        """Wait until everybody who was let in is gone."""
        for thread in self._threads[1:]:
            thread.join(60)
            assert not thread.is_alive(), "a connection is still open"

    def _start(self, work, *arguments) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._address, timeout=60) as server:
            ends = selectors.DefaultSelector()
            ends.register(client, selectors.EVENT_READ, server)
            ends.register(server, selectors.EVENT_READ, client)
            with ends:
                while ends.get_map():
                    for key, _ in ends.select(60):
                        if not self._pass_on(ends, key.fileobj, key.data, key.fileobj is client):
                            return

    def _pass_on(self, ends, source, sink, is_up) -> bool:
        """Pass what is there; an end is an end to the other one, a reset a reset."""
        try:
            data = source.recv(65_536)
            with self._lock:
                self.up += len(data) if is_up else 0
                self.down += 0 if is_up else len(data)
            if data:
                sink.sendall(data)
                return True
            ends.unregister(source)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        return True
