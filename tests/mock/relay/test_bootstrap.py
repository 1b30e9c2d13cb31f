"""The user, token and channel that a relay brings along."""

from __future__ import annotations

from kling_mock.relay.bootstrap import USER, bootstrap
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import User

SETTINGS = RelaySettings(
    upstream_url="http://127.0.0.1:1", upstream_key="access|secret", token="sk-token"
)
NOW = 1_700_000_000


class Overtaken(MemoryStorage):
    """A store that another relay fills right after this one has found it empty."""

    overtaken = False

    async def find_user(self, username: str) -> User | None:
        user = await super().find_user(username)
        if not self.overtaken:
            self.overtaken = True
            await bootstrap(self, SETTINGS, NOW - 1)
        return user


async def test_relays_that_start_at_the_same_moment_fill_one_database_once() -> None:
    """Several processes may be started together on an empty database."""
    store = Overtaken()
    await store.open()

    await bootstrap(store, SETTINGS, NOW)

    user = await store.find_user(USER)
    assert user is not None
    assert user.quota > 0
    assert [channel.name for channel in await store.list_channels()] == ["Kling AI"]
