"""The calls this machine made: noted once each, without a secret, in a ring that never grows."""

import pytest
from support.apis import ScriptedApi, answer, refusal
from support.clients import KINDS, clock_for, open_governed

from rf_core.errors import ResiFactoryError
from rf_core.io import journal
from rf_core.io.state import State
from rf_core.models import Order
from rf_core.protocol import Call
from rf_core.recording import Packer
from rf_core.snapshot import ApiCall, Snapshot

LEFT = ("RateLimit-Limit: 120", "RateLimit-Remaining: 117")


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


@pytest.fixture(params=KINDS)
async def governed(request, api, settings_for, tmp_path):
    client, state = await open_governed(
        request.param, settings_for(api.url), tmp_path / "state", clock_for(request.param)
    )
    async with client:
        yield client, state
    await state.close()


async def noted(folder, key="key", after=-1):
    """What another process reads."""
    state = State(folder)
    await state.open()
    try:
        return await state.read(journal.get_calls, key, after)
    finally:
        await state.close()


async def test_every_attempt_is_noted_with_what_came_of_it(api, governed, tmp_path):
    client, _ = governed
    api.script = [refusal(500, "internal_error"), answer(200, {"balances": {}}, LEFT)]
    await client.balance()
    newest, calls = await noted(tmp_path / "state")
    assert newest == 1
    assert [(call.method, call.path, call.status) for call in calls] == [
        ("GET", "/balance", 200), ("GET", "/balance", 500)
    ]  # fmt: skip
    assert (calls[0].who, calls[0].group) == ("test", "reads")
    assert (calls[0].remaining, calls[0].limit) == (117, 120)
    assert calls[0].seconds >= 0


async def test_a_refusal_is_noted_and_so_is_what_never_came(api, governed, tmp_path):
    client, _ = governed
    api.script = [refusal(401, "unauthorized")]
    with pytest.raises(ResiFactoryError):
        await client.me()
    api.script = ["reset"]
    with pytest.raises(ResiFactoryError):
        await client.generate(Order())
    _, calls = await noted(tmp_path / "state")
    assert calls[-1].status == 401
    assert (calls[0].path, calls[0].status, calls[0].trouble) == ("/proxies", 0, "transport")


async def test_no_key_query_or_password_is_noted(api, governed, settings_for, tmp_path):
    client, _ = governed
    key = settings_for(api.url).require_key().reveal()
    api.script = [answer(200, {"anything": 1})] * 2
    await client.request("GET", f"things/{key}", params={"password": "canary-query"})
    text = repr(await noted(tmp_path / "state"))
    assert "/things/" in text
    assert key not in text
    assert "canary-query" not in text
    stored = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert key.encode() not in stored
    assert b"canary-query" not in stored


async def test_a_journal_that_cannot_be_written_harms_no_call(api, governed):
    client, state = governed
    api.script = [answer(200, {"balances": {"a": 1}})]
    await state.run(lambda connection: connection.execute("DROP TABLE calls"))
    assert (await client.balance()).balances


async def test_the_ring_never_grows_and_keys_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "KEPT_CALLS", 10)
    state = State(tmp_path)
    await state.open()
    for n in range(25):
        noting = journal.Journal(state, "ab"[n % 2], "who")
        await noting.note(Call("GET", f"p{n}"), at=float(n), seconds=0.1)
    newest, calls = await state.read(journal.get_calls, "a", -1)
    assert newest == 24
    assert [call.path for call in calls] == ["/p24", "/p22", "/p20", "/p18", "/p16"]
    assert await state.read(journal.get_calls, "a", 22) == (24, calls[:1])
    assert await state.read(journal.get_calls, "a", 24) == (24, ())
    (rows,) = await state.read(lambda c: c.execute("SELECT COUNT(*) FROM calls").fetchone())
    assert rows == 10
    await state.close()


def test_a_frame_of_a_recording_has_no_calls_in_it():
    calls = (ApiCall(1.0, "GET", "/me", 200, 0.1, "x" * 5_000),)
    assert len(Packer().pack(Snapshot(1.0, calls=calls)).body) < 1_000
