"""A whole sandbox for its users: in a thread of this process, or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from rf_sandbox.accounts import Pool
from rf_sandbox.clock import Clock, read_pace
from rf_sandbox.external import External
from rf_sandbox.gateway import Patience, make_room
from rf_sandbox.listeners import Ports, PortTakenError
from rf_sandbox.loops import new_loop
from rf_sandbox.pages import Site
from rf_sandbox.servers import STOP_SECONDS, Servers
from rf_sandbox.store import StateError

__all__ = [
    "Clock",
    "PortTakenError",
    "Ports",
    "Sandbox",
    "StateError",
    "read_pace",
    "run_foreground",
    "write_ready_file",
]

_Result = TypeVar("_Result")


class Sandbox:
    """A sandbox in this process, in a thread of its own: `with Sandbox() as sb:`.

    Its methods may be called from any thread and answer as the control API does.

    Args:
        seed: Same seed, same keys, user names and exits; 0 unless a kept one has another.
        pools: Another account's pools; the first is the default one.
        site: The site to crawl, for other limits than the usual ones.
        ports: Ports to listen on instead of free ones.
        clock: The clock of windows, sessions, rows and meters: `real`, `virtual` (stands still
            until `advance`), `scaled:N`, or a `Clock`.
        profile: How open questions of the API are read at first: `documented` or `adverse`;
            `documented` unless a kept one has another.
        patience: How long the gateway waits.
        allowed_targets: What the gateway may reach besides the sandbox's own site.
        allow_external: Whether it reaches the public internet too, from this machine's own
            address; or how it does.
        state: A directory to keep everything in: a sandbox that starts there again goes on where
            that one was, killed or closed. What it holds comes before `pools`.

    Raises:
        StateError: that directory cannot be used; says why and what to do.

    Attributes:
        ready: What `rf sandbox` prints, as a dict.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        pools: Sequence[Pool] | None = None,
        site: Site | None = None,
        ports: Ports | None = None,
        clock: str | Clock = "real",
        profile: str | None = None,
        patience: Patience | None = None,
        allowed_targets: frozenset[tuple[str, int]] = frozenset(),
        allow_external: bool | External = False,
        state: Path | None = None,
    ) -> None:
        self._servers = Servers(
            seed=seed,
            pools={pool.id: pool for pool in pools} if pools else None,
            site=site,
            ports=ports,
            clock=Clock(read_pace(clock)) if isinstance(clock, str) else clock,
            profile=profile,
            patience=patience,
            allowed_targets=allowed_targets,
            external=External() if allow_external is True else allow_external or None,
            state=state,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        try:
            self.ready = self._in_loop(self._servers.start())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it. Repeatable."""
        if self._loop is None or self._thread is None:
            return
        try:
            self._in_loop(self._servers.stop())
        finally:
            loop, self._loop = self._loop, None
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def _in_loop(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox is not running: use it in a with statement")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_SECONDS * 3)

    def _ask(self, work: Callable[[], _Result]) -> _Result:
        async def call() -> _Result:
            result = work()
            self._servers.world.changed()
            return result

        return self._in_loop(call())

    @property
    def api(self) -> str:
        """Base URL of the API."""
        return str(self.ready["api"])

    @property
    def key(self) -> str:
        """The default key."""
        return str(self.ready["key"])

    @property
    def gateway(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        return self.ready["gateway"]["host"], self.ready["gateway"]["port"]

    @property
    def site_http(self) -> str:
        """The site without TLS."""
        return str(self.ready["site"]["http"])

    @property
    def site_https(self) -> str:
        """The site with TLS."""
        return str(self.ready["site"]["https"])

    @property
    def ca(self) -> str:
        """Path of the authority that the TLS site's certificate comes from."""
        return str(self.ready["ca"])

    @property
    def control(self) -> str:
        """Base URL of the control API; its token is in `control_token`."""
        return str(self.ready["control"])

    @property
    def control_token(self) -> str:
        """The control API's bearer token."""
        return str(self.ready["control_token"])

    def state(self) -> dict[str, Any]:
        """As `GET /state`."""
        return self._ask(self._servers.control.state)

    def traffic(self, since: int = 0) -> dict[str, Any]:
        """As `GET /traffic?since=`."""
        return self._ask(lambda: self._servers.control.traffic(since))

    def journal(self, since: int = 0) -> dict[str, Any]:
        """As `GET /journal?since=`."""
        return self._ask(lambda: self._servers.control.journal(since))

    def site_log(self, since: int = 0) -> dict[str, Any]:
        """As `GET /site-log?since=`."""
        return self._ask(lambda: self._servers.control.site_log(since))

    def top_up(self, pool: str, count: int) -> dict[str, Any]:
        """As `POST /top-up`."""
        return self._ask(lambda: self._servers.control.top_up({"pool": pool, "bytes": count}))

    def set_balance(self, pool: str, count: int) -> dict[str, Any]:
        """As `PATCH /pools/{id}`."""
        return self._ask(lambda: self._servers.control.patch_pool(pool, {"balance_bytes": count}))

    def patch_pool(self, pool: str, **changes: object) -> dict[str, Any]:
        """As `PATCH /pools/{id}`."""
        return self._ask(lambda: self._servers.control.patch_pool(pool, dict(changes)))

    def disable_account(self, *, disabled: bool = True) -> dict[str, Any]:
        """As `POST /account`."""
        return self._ask(lambda: self._servers.control.patch_account({"disabled": disabled}))

    def make_key(self, *scopes: str, name: str = "key") -> dict[str, Any]:
        """As `POST /keys`, with exactly these scopes; with none it is good for `/me` alone."""
        return self._ask(
            lambda: self._servers.control.make_key({"name": name, "scopes": list(scopes)})
        )

    def revoke_key(self, number: int) -> dict[str, Any]:
        """As `POST /keys/{id}/revoke`."""
        return self._ask(lambda: self._servers.control.revoke_key(number))

    def limit(self, **limits: float | str) -> dict[str, Any]:
        """As `PATCH /limits`."""
        return self._ask(lambda: self._servers.control.patch_limits(dict(limits)))

    def switch(self, **readings: object) -> dict[str, Any]:
        """As `PATCH /switches`."""
        return self._ask(lambda: self._servers.control.patch_switches(readings))

    def advance(self, seconds: float) -> dict[str, Any]:
        """As `POST /clock`."""
        return self._ask(lambda: self._servers.control.advance({"advance": seconds}))

    def faults(self, *rules: dict[str, Any]) -> dict[str, Any]:
        """As `PUT /faults`: these rules instead of those there are."""
        return self._ask(lambda: self._servers.control.put_faults(list(rules)))

    def foreign(self, per_minute: float, group: str = "reads", **others: float) -> dict[str, Any]:
        """As `POST /foreign`."""
        asked = {"per_minute": per_minute, "group": group, **others}
        return self._ask(lambda: self._servers.control.foreign(asked))

    def patch_targeting(self, **changes: object) -> dict[str, Any]:
        """As `PATCH /targeting`."""
        return self._ask(lambda: self._servers.control.patch_targeting(dict(changes)))

    def reset(self) -> dict[str, Any]:
        """As `POST /reset`."""
        return self._ask(self._servers.control.reset)


def run_foreground(
    *,
    seed: int | None,
    ports: Ports,
    clock: Clock,
    profile: str | None,
    allowed_targets: frozenset[tuple[str, int]],
    announce: Callable[[dict[str, Any]], None],
    allow_external: bool = False,
    state: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        PortTakenError: naming the port.
        StateError: the state cannot be kept there; says why and what to do.
    """
    make_room()
    gc.freeze()  # what is loaded by now stays: no collector need look at it, the last one least

    async def serve() -> None:
        servers = Servers(
            seed=seed,
            ports=ports,
            clock=clock,
            profile=profile,
            allowed_targets=allowed_targets,
            external=External() if allow_external else None,
            state=state,
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C ends it all the same
                loop.add_signal_handler(number, stopping.set)
        try:
            announce(await servers.start())
            await stopping.wait()
        finally:
            await servers.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())


def write_ready_file(path: Path, ready: dict[str, Any]) -> None:
    """Write the ready document where only its owner reads it, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(ready) + "\n")
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
