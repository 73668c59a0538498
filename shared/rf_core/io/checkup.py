"""Gathers what `rf doctor` judges: settings, folders, a few calls of the API, a few connections."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from rf_core import checkup
from rf_core.checkup import Check
from rf_core.errors import (
    AccountDisabledError,
    InsufficientScopeError,
    InvalidKeyError,
    ResiFactoryError,
    SettingsError,
    StateError,
    UnauthorizedError,
)
from rf_core.io import notes
from rf_core.io.client import AsyncClient
from rf_core.io.configuration import load_settings
from rf_core.io.folders import private_folder
from rf_core.io.kept import kept_inventories
from rf_core.io.session import Session
from rf_core.models import Account
from rf_core.parts import ACCOUNT
from rf_core.settings import Settings
from rf_core.units import format_bytes

_CALL_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 5.0
_MOST_GATEWAYS: Final = 8
_SAMPLE: Final = 1_000


@dataclass(slots=True)
class Examined:
    """What a checkup brings besides its findings.

    Attributes:
        settings: As far as they could be read.
        is_refused: Whether the API refused the key or the account.
        hosts: Where gateways are.
    """

    settings: Settings | None = None
    is_refused: bool = False
    hosts: set[str] = field(default_factory=set)


async def examine(
    profile: str | None, examined: Examined, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Check]:
    """Walk over everything that can be told of an account and this machine.

    Costs three reads, or what of them the key may make, and never an order.
    """
    env = os.environ if environ is None else environ
    for check in checkup.environment(sorted(env)):
        yield check
    try:
        examined.settings = settings = load_settings(profile=profile, environ=env)
    except SettingsError as error:
        yield _failed("key" if isinstance(error, InvalidKeyError) else "settings", error)
        return
    of = f"profile {settings.profile}" if settings.profile else "no profile"
    yield Check("settings", "ok", f"{settings.base_url}, {of}.")
    try:
        secret = settings.require_key()
    except SettingsError as error:
        yield _failed("key", error)
    else:
        source = "RF_API_KEY" if env.get("RF_API_KEY") else "config.toml"
        for check in checkup.key(secret, source, settings.warnings):
            yield check
    for check in _folders(settings):
        yield check
    if settings.key is not None:
        async for check in _of_account(settings, examined):
            yield check


def _failed(area: str, error: ResiFactoryError) -> Check:
    return Check(area, "failed", error.message, error.way_out)


def _folders(settings: Settings) -> Iterator[Check]:
    for area, folder in (("state", settings.state_dir), ("cache", settings.cache_dir)):
        try:
            private_folder(folder)
        except StateError as error:
            # Without a cache everything works; discovery is asked for at each start.
            level: checkup.Level = "failed" if area == "state" else "warning"
            yield Check(area, level, error.message, error.way_out)
        else:
            size = sum(_size(path) for path in folder.rglob("*"))
            text = f"{folder} is yours and can be written; it holds {format_bytes(size)}."
            yield Check(area, "ok", text)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


async def _of_account(settings: Settings, examined: Examined) -> AsyncIterator[Check]:
    try:
        async with Session(settings, holder="doctor") as session:
            client = AsyncClient(
                settings,
                windows=session.windows,
                clock=session.clock,
                deadline_seconds=_CALL_SECONDS,
                attempts=2,
            )
            session.closing.push_async_callback(client.aclose)
            async for check in _of_calls(session, client, examined):
                yield check
            for check in checkup.windows(await session.headroom()):
                yield check
            async for check in _of_gateways(session, examined):
                yield check
    except StateError as error:
        yield _failed("state", error)


async def _of_calls(
    session: Session, client: AsyncClient, examined: Examined
) -> AsyncIterator[Check]:
    try:
        account = await client.me(priority="interactive")
    except StateError:
        raise
    except ResiFactoryError as error:
        examined.is_refused = isinstance(error, UnauthorizedError | AccountDisabledError)
        yield _failed("account", error)
        return
    await notes.cure(session, ACCOUNT, client.skew_seconds)
    for check in checkup.account(account, session.settings.require_key()):
        yield check
    for check in checkup.scopes(account):
        yield check
    yield checkup.clock(client.skew_seconds)
    async for check in _of_pools(session, client, account, examined):
        yield check
    async for check in _of_document(client):
        yield check


async def _of_pools(
    session: Session, client: AsyncClient, account: Account, examined: Examined
) -> AsyncIterator[Check]:
    try:
        found, _ = await session.discovery(refresh=True, priority="interactive", client=client)
    except InsufficientScopeError:
        text = "What can be ordered cannot be listed without the scope pools:read."
        yield Check("pools", "warning", text, "Orders work all the same, and go unchecked.")
    except StateError:
        raise
    except ResiFactoryError as error:
        yield _failed("pools", error)
    else:
        examined.hosts |= {pool.host for pool in found.pools if pool.host}
        for check in checkup.pools(found, account.balances):
            yield check
    if session.cache.trouble:
        yield Check("cache", "warning", session.cache.trouble)


async def _of_document(client: AsyncClient) -> AsyncIterator[Check]:
    try:
        answer = await client.request("GET", "openapi.json", priority="interactive")
        document: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
    except StateError:
        raise
    except (ResiFactoryError, msgspec.MsgspecError) as error:
        why = error.message if isinstance(error, ResiFactoryError) else "it is no JSON object"
        yield checkup.no_api(why.rstrip("."))
        return
    for check in checkup.api(document):
        yield check


async def _of_gateways(session: Session, examined: Examined) -> AsyncIterator[Check]:
    """Connect to gateways whose port an order has told; of others only the name can be tried."""
    folder = session.settings.state_dir
    inventories = await kept_inventories(
        session.state, folder, key=session.key, most=_MOST_GATEWAYS * _SAMPLE
    )
    gateways = list(
        dict.fromkeys((proxy.host, proxy.port) for i in inventories for proxy in i[:_SAMPLE])
    )[:_MOST_GATEWAYS]
    known = {host for host, _ in gateways}
    names = sorted(examined.hosts - known)[:_MOST_GATEWAYS]
    examined.hosts |= known
    tries = [_connected(host, port) for host, port in gateways]
    for check in await asyncio.gather(*tries, *map(_resolved, names)):
        yield check


async def _connected(host: str, port: int) -> Check:
    began = time.monotonic()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # TimeoutError is one
        return checkup.gateway(host, port, error.strerror or "no answer in time")
    writer.close()
    return checkup.gateway(host, port, None, milliseconds=1_000 * (time.monotonic() - began))


async def _resolved(host: str) -> Check:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found: Iterable[Any] = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return checkup.gateway_name(host, None, error.strerror or "no answer in time")
    return checkup.gateway_name(host, len({entry[4][0] for entry in found}))
