"""What tests ask of a running sandbox."""

from __future__ import annotations

import time

import httpx


class TurnedClock:
    """Unix seconds that a test turns."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def api_of(sandbox, key: str | None = None) -> httpx.Client:
    """A client of its API."""
    headers = {"Authorization": f"Bearer {key or sandbox.key}"}
    return httpx.Client(base_url=sandbox.api, headers=headers, trust_env=False, timeout=60)


def proxies_of(sandbox, quantity: int = 1, **order: object) -> list[tuple[str, str]]:
    """Order credentials: (user name, password) pairs."""
    with api_of(sandbox) as client:
        answer = client.post("/proxies", json={"quantity": quantity, "format": "json", **order})
    assert answer.status_code == 200, answer.text
    return [(entry["username"], entry["password"]) for entry in answer.json()["proxies"]]


def settled_of(sandbox, seconds: float = 60.0) -> list[dict]:
    """Wait until no exchange is alive; return them all."""
    deadline = time.monotonic() + seconds
    while True:
        rows = sandbox.traffic()["traffic"]
        alive = [row for row in rows if row["ended"] is None]
        if not alive:
            return rows
        assert time.monotonic() < deadline, alive
        time.sleep(0.005)


def assert_nothing_is_lost(sandbox, granted: dict[str, int]) -> None:
    """Every byte of a row is a byte of its pool's balance, at this very moment."""
    document = sandbox.traffic()
    billed = dict.fromkeys(granted, 0) | document["archived"]["bytes"]
    for row in document["traffic"]:
        if row["billed"]:
            billed[row["pool"]] += row["billed_bytes"]
        assert 0 <= row["billed_bytes"] <= row["bytes_up"] + row["bytes_down"]
    assert document["billed_bytes"] == billed
    left = document["balances_bytes"]
    assert {pool: left[pool] + billed[pool] for pool in granted} == granted
