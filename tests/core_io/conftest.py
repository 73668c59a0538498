import pytest
from support.clocks import ManualClock

from rf_core.io.configuration import load_settings
from rf_core.io.state import State

KEY = "rf_live_0123456789abcdefx7kQ"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def state(tmp_path):
    opened = State(tmp_path / "state")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def settings_for(tmp_path):
    """Settings of a user whose base URL is given, with folders of this test."""

    def make(url, key=KEY):
        return load_settings(
            environ={
                "RF_BASE_URL": url,
                "RF_API_KEY": key,
                "RF_CONFIG": str(tmp_path / "config.toml"),
                "RF_STATE_DIR": str(tmp_path / "state"),
                "RF_CACHE_DIR": str(tmp_path / "cache"),
            }
        )

    return make
