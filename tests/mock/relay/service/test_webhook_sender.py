"""How a webhook is sent."""

from __future__ import annotations

from kling_mock.relay.service.webhook_sender import WebhookSender
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]


async def test_each_webhook_has_a_connection_of_its_own(receiver: Receiver) -> None:
    """The address is checked when a connection is made: one that was kept would skip that."""
    sender = WebhookSender(["127.0.0.1"])
    for _ in range(2):
        assert (await sender.send(receiver.url, {}, b"{}")).status == 200
    await sender.close()
    assert [one.headers.get("connection") for one in receiver.received] == ["close", "close"]
