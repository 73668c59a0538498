"""What is usual of a provider is kept, and written down again only when it is better known."""

import pytest
from support.clocks import ManualClock

from rf_core.io import records
from rf_core.io.session import Session
from rf_core.io.shares import note_shares, stored_shares
from rf_core.meters import Usual


@pytest.fixture
async def session(settings_for):
    settings = settings_for("https://api.example/api/v1")
    async with Session(settings, holder="monitor", clock=ManualClock()) as opened:
        yield opened


async def kept(session):
    return stored_shares(await session.state.read(records.get_parts, session.key))


async def noted(session, **found):
    await note_shares(session, await kept(session), found)
    return await kept(session)


async def test_nothing_is_known_until_something_was_seen(session):
    assert await kept(session) == {}
    assert await noted(session) == {}


async def test_each_pool_keeps_its_own(session):
    await noted(session, premium=Usual(0.0, 0.01))
    found = await noted(session, mobile=Usual(0.074, 0.002))
    assert found == {"premium": Usual(0.0, 0.01), "mobile": Usual(0.074, 0.002)}


async def test_a_little_less_doubt_is_no_news_and_much_less_is(session):
    await noted(session, premium=Usual(0.0, 0.01))
    assert await noted(session, premium=Usual(0.0, 0.009)) == {"premium": Usual(0.0, 0.01)}
    assert await noted(session, premium=Usual(0.0, 0.005)) == {"premium": Usual(0.0, 0.005)}


async def test_another_share_is_news(session):
    await noted(session, premium=Usual(0.05, 0.01))
    assert await noted(session, premium=Usual(0.055, 0.01)) == {"premium": Usual(0.05, 0.01)}
    assert await noted(session, premium=Usual(0.08, 0.01)) == {"premium": Usual(0.08, 0.01)}
    assert await noted(session, premium=Usual(0.0, 0.01)) == {"premium": Usual(0.0, 0.01)}
