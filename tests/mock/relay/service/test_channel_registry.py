"""Which channels a task can go to, and with which of their keys."""

from __future__ import annotations

from kling_mock.clock.choice import make_clock
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.values import NewChannel

PAIR, API_KEY = "access|secret", "an-api-key"


async def routes(model: str, *keys: str, mapping: str = "") -> list[tuple[int, str]]:
    """Return the channels and keys for a task, with a channel for each of *keys*."""
    storage = MemoryStorage()
    for number, text in enumerate(keys, start=1):
        channel = NewChannel(f"channel {number}", "http://k.test", text, model_mapping=mapping)
        await storage.create_channel(channel, now=1)
    registry = ChannelRegistry(storage, make_clock("manual", None), lambda: 0.0)
    found = [route for _ in range(2) for route in await registry.routes(model, "")]
    return [(route.channel.id, route.key.text) for route in found]


async def test_a_model_of_v1_goes_to_every_channel_with_each_key_in_turn() -> None:
    """Key pairs and API keys are as good as each other there."""
    both = f"{PAIR}\n{API_KEY}"
    assert await routes("kling-v3", PAIR, API_KEY) == [(1, PAIR), (2, API_KEY)] * 2
    assert await routes("kling-v3", both) == [(1, PAIR), (1, API_KEY)]


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
