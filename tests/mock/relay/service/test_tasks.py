"""Creates whose caller is no longer what the token was read as."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import DISABLED
from tests.mock.relay.http_calls import PRICE, Caller, error_of


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
    assert caller.mock.ledger.user().held_quota == PRICE  # of the one before
