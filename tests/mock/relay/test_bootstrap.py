"""The user, token and channel that a relay brings along."""

from __future__ import annotations

from kling_mock.relay.bootstrap import USER, Home, furnish
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.values import User

HOME = Home("http://127.0.0.1:1", "access|secret", "sk-token", "admin")
NOW = 1_700_000_000


class Overtaken(MemoryStorage):
    """A store that another relay furnishes right after this one has found it empty."""

    overtaken = False

    async def find_user(self, username: str) -> User | None:
        found = await super().find_user(username)
        if not self.overtaken:
            self.overtaken = True
            await furnish(self, HOME, NOW - 1)
        return found


async def test_relays_that_start_at_the_same_moment_furnish_one_database_once() -> None:
    """Several processes may be started together on an empty database."""
    store = Overtaken()
    await store.open()

    await furnish(store, HOME, NOW)

    user = await store.find_user(USER)
    assert user is not None
    assert user.quota > 0
    assert [channel.name for channel in await store.list_channels()] == ["Kling AI"]
