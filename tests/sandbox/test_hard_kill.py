import signal
import socket
import threading
import time

import httpx
import pytest
from support.commands import run, started
from support.wire import absolute, basic

MOST_LOST = 64 * 1024


class Trickle:
    """A target that says eight kilobytes every few milliseconds, to whoever asks, for ever."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(20)
            try:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                while True:
                    connection.sendall(bytes(8_192))
                    time.sleep(0.002)
            except OSError:
                return


class Counting(threading.Thread):
    """A client that counts its own bytes, until the other end is gone."""

    def __init__(self, gateway, head, inside=b""):
        super().__init__(daemon=True)
        self._socket = socket.create_connection(gateway, timeout=60)
        self._socket.sendall(head)
        self.sent, self.received = len(head), 0
        self._inside = inside

    def run(self):
        with self._socket as sock:
            try:
                while data := sock.recv(1 << 20):
                    self.received += len(data)
                    if self._inside:
                        sock.sendall(self._inside)
                        self.sent += len(self._inside)
                        self._inside = b""
            except OSError:
                return


def connect_head(target, credential):
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{basic(*credential)}\r\n".encode()


def kept_of(ready):
    headers = {"Authorization": f"Bearer {ready['control_token']}"}
    return httpx.get(
        f"{ready['control']}/traffic", headers=headers, trust_env=False, timeout=60
    ).json()


def wait_until_each_has(clients, count):
    deadline = time.monotonic() + 20
    while any(client.received < count for client in clients):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("speed", ["steady", "as fast as it goes"])
def test_a_hard_kill_in_mid_transfer_loses_at_most_64_kib_a_connection(tmp_path, speed):
    """C-166, C-167: against the bytes that each client counted itself."""
    trickle = Trickle()
    allowed = ("--allow-target", f"127.0.0.1:{trickle.port}", "--state", str(tmp_path / "state"))
    try:
        with started(*allowed) as (process, ready):
            granted = kept_of(ready)["balances_bytes"]
            gateway = (ready["gateway"]["host"], ready["gateway"]["port"])
            target = f"127.0.0.1:{trickle.port}" if speed == "steady" else None
            plain = f"http://{target}/" if target else f"{ready['site']['http']}/huge"
            target = target or ready["site"]["http"].removeprefix("http://")
            answer = httpx.post(
                f"{ready['api']}/proxies",
                json={"quantity": 8, "format": "json"},
                headers={"Authorization": f"Bearer {ready['key']}"},
                trust_env=False,
                timeout=60,
            ).json()
            clients = {}
            for number, entry in enumerate(answer["proxies"]):
                credential = (entry["username"], entry["password"])
                if number % 2:
                    get = f"GET {plain.partition(target)[2]} HTTP/1.1\r\nHost: {target}\r\n\r\n"
                    client = Counting(gateway, connect_head(target, credential), get.encode())
                else:
                    client = Counting(gateway, absolute(plain, credential))
                clients[credential[0]] = client
                client.start()
            wait_until_each_has(clients.values(), 5 * MOST_LOST)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            for client in clients.values():
                client.join(60)
                assert not client.is_alive()
        with started(*allowed) as (_process, ready):
            kept = kept_of(ready)
    finally:
        trickle.close()
    billed = dict.fromkeys(clients, 0)
    for row in kept["traffic"]:
        assert row["outcome"] == "killed"
        assert row["billed_bytes"] == row["bytes_up"] + row["bytes_down"]
        billed[row["username"]] += row["billed_bytes"]
    for name, client in clients.items():
        lost = client.sent + client.received - billed[name]
        assert lost <= MOST_LOST
        if speed == "steady":  # nothing waits in buffers, so nothing is billed that never came
            assert lost >= -MOST_LOST
    assert kept["billed_bytes"]["premium"] == sum(billed.values())
    for pool, count in granted.items():
        assert kept["balances_bytes"][pool] + kept["billed_bytes"][pool] == count


def test_the_command_says_why_a_state_cannot_be_used(tmp_path):
    with started("--state", str(tmp_path / "state")):
        taken = run("--state", str(tmp_path / "state"))
    assert taken.returncode == 1
    assert "in use by another sandbox: stop that one" in taken.stderr
    assert "Traceback" not in taken.stderr
    assert taken.stderr.count("\n") == 1
