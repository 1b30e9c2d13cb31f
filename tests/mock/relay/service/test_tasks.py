"""Creates whose caller is no longer what the token was read as."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import DISABLED
from tests.mock.relay.http_calls import PRICE, VIDEOS, Caller, error_of


@pytest.mark.parametrize(
    ("switch_off", "expected"),
    [
        (Storage.set_user_status, (403, "permission_error", "user_disabled")),
        (Storage.set_token_status, (401, "authentication_error", "invalid_token")),
    ],
    ids=["user", "token"],
)
def test_what_is_switched_off_while_a_create_is_checked_is_refused(
    caller: Caller, switch_off: Any, expected: tuple[int, str, str]
) -> None:
    """Another process may do it after this one has read the token: then nothing is held."""
    caller.created()
    relay: Any = caller.mock._existing_relay().host.built
    open_tasks = relay.handler._service._open_tasks
    take, storage = open_tasks.take, open_tasks._storage

    async def take_late(token_id: int) -> None:
        await getattr(storage, switch_off.__name__)(1, DISABLED)
        await take(token_id)

    open_tasks.take = take_late
    assert error_of(caller.create()) == expected
    assert caller.mock.ledger.user().held_quota == PRICE  # the hold of the create before


def test_a_create_is_refused_while_all_channels_are_left_alone(caller: Caller) -> None:
    """The refusal comes at once, is counted, and names the pause until the first is tried."""
    caller.operate("GET", "users")  # the relay is made by its first request
    relay = caller.mock._existing_relay()
    built: Any = relay.host.built

    async def fail(_: Storage) -> None:
        for _number in range(FAILURES):
            built._breakers.failed((1,))

    relay.run(fail)
    reply = caller.create()
    assert error_of(reply) == (503, "upstream_error", "upstream_unreachable")
    assert int(reply.headers["Retry-After"]) == FIRST_PAUSE
    assert built._metrics.limited["channels_paused"] == 1
    assert caller.mock.ledger.user().held_quota == 0


def test_a_model_that_needs_an_api_key_is_refused_with_the_reason(caller: Caller) -> None:
    """The channel has only a key pair; the reason is given for these models only."""
    pair = f"{caller.mock.access_key}|{caller.mock.secret_key}"
    caller.operate("PATCH", "channels/1", json={"key": pair, "models": "kling-3.0"})
    for model, reason in (("kling-3.0", True), ("kling-v2-6", False)):
        reply = caller.create(model=model)
        assert error_of(reply) == (503, "upstream_error", "no_channel")
        message = reply.json()["error"]["message"]
        assert message.startswith(f"no enabled channel takes {model}")
        assert message.endswith("needs an API key, not AK|SK") is reason


def test_a_disabled_user_gets_nothing(caller: Caller) -> None:
    """The user cannot create or query; once enabled again, it has all its tasks."""
    task_id = caller.created()
    caller.operate("POST", "users/1/status", json={"status": "disabled"})
    disabled = (403, "permission_error", "user_disabled")
    assert error_of(caller.create()) == disabled
    assert error_of(caller.call("GET", VIDEOS)) == disabled
    assert error_of(caller.call("GET", f"{VIDEOS}/{task_id}")) == disabled
    caller.operate("POST", "users/1/status", json={"status": "enabled"})
    assert caller.query(task_id)["task_id"] == task_id
