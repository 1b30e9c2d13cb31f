"""The operator's API: users, tokens, channels, and responses without secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.mock.relay.http_calls import PRICE, Caller, error_of
from tests.mock.relay.storage import samples as kit
from tests.plain_http import NO_TLS

CHANNEL = {"name": "two", "base_url": "http://127.0.0.1:1", "key": "access|verysecret"}


def refused(caller: Caller, method: str, path: str, body: Any = None, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token or caller.mock.admin_token}"}
    path = f"/__kling/relay/{path}"
    return error_of(caller.http.request(method, path, headers=headers, json=body))


def test_only_the_operator_may_operate(caller: Caller) -> None:
    """Without the admin token nothing is shown, and a user's token is not enough."""
    assert refused(caller, "GET", "users", token="x")[0] == 401
    assert refused(caller, "GET", "users", token=caller.mock.relay_token)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("DELETE", "overview", None, 405),
        ("GET", "users/99", None, 404),
        ("GET", "users/x", None, 404),
        ("GET", "tasks/kling_x", None, 404),
        ("POST", "users", {"username": "default"}, 409),
        ("POST", "users", {"username": "a", "quota": -1}, 400),
        ("POST", "users", {"nick": "a"}, 400),
        ("POST", "users", {}, 400),
        ("POST", "users", [1], 400),
        ("POST", "users/1/status", {"status": "sleepy"}, 400),
        ("POST", "users/1/credit", {"amount": 0, "reference": "r"}, 400),
        ("POST", "users/1/credit", {"amount": -(10**15), "reference": "r"}, 402),
        ("POST", "channels", CHANNEL | {"key": "|"}, 400),
        ("POST", "channels", CHANNEL | {"key": ""}, 400),
        ("POST", "channels", CHANNEL | {"model_mapping": "["}, 400),
        ("POST", "channels", CHANNEL | {"status": 7}, 400),
        ("POST", "channels", CHANNEL | {"name": "Kling AI"}, 409),
        ("DELETE", "channels/99", None, 404),
        ("POST", "notices/msg_x/replay", None, 404),
        ("GET", "notices?state=lost", None, 400),
        ("GET", "reconcile?user_id=x", None, 400),
    ],
)
def test_a_wrong_order_is_refused(
    caller: Caller, method: str, path: str, body: Any, status: int
) -> None:
    """What does not exist, is taken or makes no sense is refused in the relay's shape."""
    assert refused(caller, method, path, body)[0] == status


def test_keys_and_secrets_go_in_and_never_come_out(caller: Caller) -> None:
    """A channel shows fingerprints of its keys; a token is shown once, when it is made."""
    secret = "whsec_" + "QUJD" * 8
    channel = caller.operate("POST", "channels", json=CHANNEL | {"webhook_secrets": secret})
    assert len(channel["keys"]) == 1
    assert channel["webhook_secrets"] == 1
    token = caller.operate("POST", "users/1/tokens", json={"name": "second"})
    everything = str([caller.operate("GET", path) for path in ("channels", "users/1/tokens")])
    for hidden in ("verysecret", secret, token["token"], caller.mock.secret_key):
        assert hidden not in everything
    assert token["token"].startswith("sk-")
    assert len(token["token"]) == 51
    assert Caller(caller.http, caller.mock, token["token"]).create().status_code == 200


def test_a_deleted_channel_takes_no_tasks_and_still_shows_its_old_ones(caller: Caller) -> None:
    """Deletion is soft: open tasks of a deleted channel end as if it still existed."""
    task_id = caller.created()
    caller.operate("DELETE", "channels/1")
    assert caller.create().status_code == 503
    caller.mock.clock.advance(3600)
    assert caller.query(task_id)["status"] == "succeed"
    assert len(caller.operate("GET", "channels?deleted=true")["data"]) == 1
    assert caller.operate("GET", "channels")["data"] == []


def test_the_operator_sees_what_the_money_did(caller: Caller) -> None:
    """Ledger, reconciliation, daily totals and counts tell one story."""
    caller.created()
    caller.mock.clock.advance(3600)
    caller.operate("POST", "users/1/credit", json={"amount": 5, "reference": "gift", "note": "hi"})
    kinds = [entry["kind"] for entry in caller.operate("GET", "users/1/ledger")["data"]]
    assert kinds == ["credit", "charge", "release", "hold", "opening"]
    (balance,) = caller.operate("GET", "reconcile")["data"]
    assert (balance["charged"], balance["credits"], balance["is_explained"]) == (PRICE, 5, True)
    (day,) = caller.operate("GET", "stats")["data"]
    assert (day["total"], day["succeeded"], day["charged"]) == (1, 1, PRICE)
    assert caller.operate("GET", "overview")["open_tasks"] == 0
    assert caller.operate("GET", "reports")["data"] == []
    caller.mock.ledger.credit(-5)
    assert caller.mock.ledger.entries()[0].amount == -5


def test_an_unbalanced_ledger_is_reported(caller: Caller) -> None:
    """`assert_balanced` fails, and says where, when a balance is not what the ledger explains."""
    caller.mock._existing_relay().run(
        lambda store: kit.change(store, "UPDATE users SET quota = quota - 1")
    )
    with pytest.raises(AssertionError, match=r"user 'default': .* differs from the balance"):
        caller.mock.ledger.assert_balanced()
    with pytest.raises(KeyError, match="no user 'nobody'"):
        caller.mock.ledger.user("nobody")


def test_the_hold_of_a_deleted_task_is_released(caller: Caller) -> None:
    """It is shown before it is done."""
    caller.mock.progress.add("stuck")
    caller.create()
    caller.mock._existing_relay().run(lambda store: kit.change(store, "DELETE FROM videos"))
    for done, is_explained in ((False, False), (True, True)):
        options = {"release_deleted": True, "yes": done}
        release, *sums = caller.operate("POST", "reconcile", json=options)["data"]
        assert release["insert"]["amount"] == -PRICE
        assert [(repair["add"], repair["done"]) for repair in (*sums,)] == [(-PRICE, done)] * 2
        (balance,) = caller.operate("GET", "reconcile")["data"]
        assert balance["is_explained"] is is_explained
    assert caller.operate("POST", "reconcile")["data"] == []


def test_a_restart_keeps_what_the_operator_has_set(tmp_path: Path) -> None:
    """The channel gets the new server's address, and keeps its secrets, priority and status."""
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    with (
        KlingMock(relay=RelaySettings(database=url)) as mock,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        declared = {
            "name": "Kling AI",
            "base_url": mock.kling_url,
            "service": "emulated-kling",  # the next start recognizes it by this
            "key": f"{mock.access_key}|{mock.secret_key}",
            "webhook_secrets": mock.account.add_webhook_secret(),
            "priority": 7,
            "status": "disabled",
        }
        Caller(http, mock).operate("PUT", "channels/1", json=declared)
    with (
        KlingMock(relay=RelaySettings(database=url)) as mock,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        (channel,) = Caller(http, mock).operate("GET", "channels")["data"]
        settings = (channel["webhook_secrets"], channel["priority"], channel["status"])
        assert settings == (1, 7, "disabled")
        assert channel["base_url"] == mock.kling_url


@pytest.mark.slow
def test_two_changes_of_a_channel_at_the_same_time_are_both_made(tmp_path: Path) -> None:
    """Each process changes one setting, and neither overwrites the other's."""
    settings = RelaySettings(database=f"sqlite:///{tmp_path / 'relay.db'}")
    with (
        KlingMock(relay=settings) as first_mock,
        KlingMock(relay=settings) as second_mock,
        httpx.Client(base_url=first_mock.relay_url) as first,
        httpx.Client(base_url=second_mock.relay_url) as second,
        ThreadPoolExecutor(2) as pool,
    ):
        callers = [Caller(first, first_mock), Caller(second, second_mock)]
        path = f"channels/{callers[0].operate('POST', 'channels', json=CHANNEL)['id']}"
        for turn in range(1, 61):
            orders: list[dict[str, Any]] = [{"priority": turn}, {"weight": turn + 100}]
            list(pool.map(lambda who, what: who.operate("PATCH", path, json=what), callers, orders))
            channel = next(
                channel
                for channel in callers[0].operate("GET", "channels")["data"]
                if channel["name"] == CHANNEL["name"]
            )
            assert (channel["priority"], channel["weight"]) == (turn, turn + 100)


def test_all_webhooks_can_be_listed(caller: Caller) -> None:
    """Page by page, as reports: `before` takes the id of the last one."""
    for _ in range(3):
        caller.created(callback_url="http://receiver.invalid/")
    caller.mock.clock.advance(1800)
    newest, *others = caller.operate("GET", "notices")["data"]
    assert len(others) == 2
    assert caller.operate("GET", f"notices?before={newest['id']}")["data"] == others
    assert caller.operate("GET", f"notices?before={others[-1]['id']}")["data"] == []


def test_a_reference_that_is_taken_is_about_a_credit(caller: Caller) -> None:
    """The message is about the credit with this reference, not about a user's name."""
    credit = {"amount": 5, "reference": "payment-1"}
    caller.operate("POST", "users/1/credit", json=credit)
    headers = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    path = "/__kling/relay/users/1/credit"
    reply = caller.http.post(path, json=credit | {"amount": 6}, headers=headers)
    assert error_of(reply)[0] == 409
    assert "there is a credit with this reference already" in reply.json()["error"]["message"]
