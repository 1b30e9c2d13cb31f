"""The channels that a task can go to, and the keys that it uses."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_mock.clock import ManualClock
from kling_mock.clock.choice import make_clock
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import DISABLED, KELING, Channel, NewChannel
from tests.mock.relay.storage.samples import NOW, Shop

PAIR, API_KEY = "access|secret", "an-api-key"


async def routes(model: str, *keys: str, mapping: str = "") -> list[tuple[int, str]]:
    """Return the channels and keys for a task, with a channel for each of *keys*."""
    storage = MemoryStorage()
    for number, text in enumerate(keys, start=1):
        channel = NewChannel(f"channel {number}", "http://k.test", text, model_mapping=mapping)
        await storage.create_channel(channel, now=1)
    registry = ChannelRegistry(storage, make_clock("manual", None), lambda: 0.0)
    chosen = [route for _ in range(2) for route in await registry.routes(model, "")]
    return [(route.channel.id, route.key.text) for route in chosen]


async def test_a_model_of_v1_goes_to_every_channel_with_each_key_in_turn() -> None:
    """Key pairs and API keys are as good as each other there."""
    both = f"{PAIR}\n{API_KEY}"
    assert await routes("kling-v3", PAIR, API_KEY) == [(1, PAIR), (2, API_KEY)] * 2
    assert await routes("kling-v3", both) == [(1, PAIR), (1, API_KEY)]


async def test_all_keys_of_a_channel_have_their_turn() -> None:
    """They are used in the order in which they are listed."""
    keys = [f"access-{number}|secret" for number in range(3)]
    storage = MemoryStorage()
    await storage.create_channel(NewChannel("one", "http://k.test", "\n".join(keys)), now=1)
    registry = ChannelRegistry(storage, ManualClock(), lambda: 0.0)
    key_texts = [(await registry.routes("kling-v3", ""))[0].key.text for _ in range(4)]
    assert key_texts == [*keys, keys[0]]


async def test_a_model_of_the_newer_interface_goes_to_channels_with_an_api_key() -> None:
    """A channel without one would be refused by Kling, and one with both uses only that."""
    both = f"{PAIR}\n{API_KEY}"
    assert await routes("kling-3.0", PAIR, API_KEY) == [(2, API_KEY)] * 2
    assert await routes("kling-3.0", both) == [(1, API_KEY)] * 2
    assert await routes("kling-o1", PAIR) == []


async def test_what_counts_is_the_name_that_the_model_has_on_the_channel() -> None:
    """A mapping leads from one interface to the other."""
    assert await routes("cheap", PAIR, mapping='{"cheap": "kling-3.0"}') == []
    assert await routes("kling-3.0", PAIR, mapping='{"kling-3.0": "kling-v3"}') == [(1, PAIR)] * 2


# ---------------------------------------------------------------- which channels there are


class Scene:
    """A store with channels, and a process's view of them."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.clock = ManualClock()
        self.registry = ChannelRegistry(self.storage, self.clock, lambda: 0.0)

    async def add(self, name: str, keys: str = PAIR, **settings: Any) -> Channel:
        channel = NewChannel(name, "http://k.test", keys, **settings)
        return await self.storage.create_channel(channel, now=1)

    async def change(self, channel: Channel, **settings: Any) -> None:
        """Change a channel, and have the change seen."""
        await self.storage.change_channel(channel.id, settings)
        self.registry.invalidate()

    async def ids(self, model: str = "kling-v3") -> list[int]:
        return [route.channel.id for route in await self.registry.routes(model, "")]


async def test_a_change_by_another_process_is_seen_after_two_seconds() -> None:
    """Until then the list that was read is used; the process's own change is seen at once."""
    scene = Scene()
    await scene.add("first")
    assert await scene.ids() == [1]
    await scene.add("second")
    await scene.clock.asleep(1.9)
    assert await scene.ids() == [1]
    await scene.clock.asleep(0.1)
    assert await scene.ids() == [1, 2]
    await scene.add("third")
    scene.registry.invalidate()
    assert await scene.ids() == [1, 2, 3]


async def test_a_channel_takes_the_models_that_it_names() -> None:
    """Blanks and empty names are ignored; a channel that names no model takes all."""
    scene = Scene()
    await scene.add("some", models=" kling-v3 ,, kling-v2-6")
    await scene.add("all", models=" , ")
    assert await scene.ids("kling-v3") == await scene.ids("kling-v2-6") == [1, 2]
    assert await scene.ids("kling-v1-6") == [2]


async def test_what_takes_no_tasks_is_no_route() -> None:
    """Channels that are disabled, deleted, or of another vendor; only the first two are unused."""
    scene = Scene()
    channels = [await scene.add(str(number), webhook_secrets="a\n b ") for number in range(4)]
    await scene.change(channels[1], status=DISABLED)
    await scene.change(channels[2], type=KELING + 1)
    await scene.storage.delete_channel(channels[3].id)
    scene.registry.invalidate()
    assert await scene.ids() == [1]
    assert scene.registry.in_use() == {1, 3}
    assert await scene.registry.webhook_secrets(4) == ("a", "b")
    assert await scene.registry.webhook_secrets(99) == ()


async def test_a_task_is_read_with_the_key_that_it_was_sent_with() -> None:
    """Another key may be of an account that does not know it; so may another channel."""
    shop = await Shop.fill(MemoryStorage(), api_keys=f"{PAIR}\n{API_KEY}")
    registry = ChannelRegistry(shop.store, ManualClock(), lambda: 0.0)
    routes_in_turn = [(await registry.routes("kling-v3", ""))[0] for _ in range(2)]
    rows = [await shop.create(attempt=route.attempt(NOW + 60)) for route in routes_in_turn]
    for route, row in zip(routes_in_turn, rows, strict=True):
        sent = await registry.sent_through(row)
        assert sent is not None
        assert (sent[0].id, sent[1]) == (shop.channel.id, route.key)
    row = rows[0]
    assert await registry.sent_through(attrs.evolve(row, channel_key_id="gone")) is None
    assert await registry.sent_through(attrs.evolve(row, channel_id=99)) is None
    await shop.store.delete_channel(shop.channel.id)
    registry.invalidate()
    assert await registry.sent_through(row) is not None  # open tasks of a deleted one are read


async def test_a_channel_that_cannot_be_read_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once more if it is repaired and broken again; a deleted one is not logged."""
    scene = Scene()
    broken = await scene.add("broken")
    await scene.add("sound")
    for _ in range(2):
        await scene.change(broken, api_keys="access|")
        for _ in range(2):
            scene.registry.invalidate()
            assert await scene.ids() == [2]
            assert scene.registry.unreadable() == [1]
        await scene.change(broken, api_keys=PAIR)
        assert await scene.ids() == [1, 2]
    await scene.change(broken, api_keys="access|")
    await scene.storage.delete_channel(broken.id)
    scene.registry.invalidate()
    assert scene.registry.unreadable() == []
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("kling relay error: channel 1 takes no tasks")
        assert line.endswith("kling-mock channel set id:1 ...")
        assert "access|" not in line
