"""An upstream task that two channels of one account report is charged once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.cli.main import main
from kling_mock.web.webhook_signing import signed_headers
from tests.mock.relay.http_calls import PRICE, Caller, error_of
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)
from tests.plain_http import NO_TLS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DAYS = 3 * 86_400  # seconds: longer than any task stays open


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(seed=7) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)


def one_task(request: ReceivedRequest) -> Reply:
    """Answer every create and every poll with one and the same task."""
    if request.method == "POST":
        return accepted(request, "873")
    own = request.external_task_id
    info = {"task_info": {"external_task_id": own}} if own.startswith("kling_") else {}
    return envelope(task("873", "succeed", final_unit_deduction="2", **info))


def second_channel(caller: Caller, url: str, **settings: object) -> None:
    """Make another channel the only one that takes new tasks."""
    (first,) = caller.operate("GET", "channels")["data"]
    caller.operate("PATCH", f"channels/{first['id']}", json={"status": "disabled"})
    channel = {"name": "second", "base_url": url, "key": "AK-by-hand-2|SK-by-hand-2"} | settings
    caller.operate("POST", "channels", json=channel)


def statuses(caller: Caller, tasks: list[str]) -> list[str]:
    return [caller.query(task_id)["status"] for task_id in tasks]


@pytest.mark.slow  # days of polling
def test_two_channels_of_one_account_charge_a_task_once(caller: Caller) -> None:
    """The second row is reported in the log, stays open with its hold, and ends as failed."""
    with ScriptedKling(one_task) as kling:
        kling.serve(caller)
        first = caller.created()
        second_channel(caller, kling.url)
        second = caller.created()
        caller.mock.clock.advance(3600)
        user = caller.mock.ledger.user()
        assert (user.used_quota, user.held_quota) == (PRICE, PRICE)
        caller.mock.clock.advance(DAYS)
        assert statuses(caller, [first, second]) == ["succeed", "failed"]
    user = caller.mock.ledger.user()
    assert (user.used_quota, user.held_quota) == (PRICE, 0)
    caller.mock.ledger.assert_balanced()


def test_channels_of_two_hosts_charge_their_own_tasks(caller: Caller) -> None:
    """The same id of another server is another task."""
    with ScriptedKling(one_task) as kling, ScriptedKling(one_task) as another:
        kling.serve(caller)
        tasks = [caller.created()]
        second_channel(caller, another.url)
        tasks.append(caller.created())
        caller.mock.clock.advance(3600)
        assert statuses(caller, tasks) == ["succeed", "succeed"]
    user = caller.mock.ledger.user()
    assert (user.used_quota, user.held_quota) == (2 * PRICE, 0)
    caller.mock.ledger.assert_balanced()


def test_hosts_with_one_label_are_one_service(caller: Caller) -> None:
    """The operator says so for two hosts of one vendor."""
    with ScriptedKling(one_task) as kling, ScriptedKling(one_task) as another:
        kling.serve(caller)
        (first,) = caller.operate("GET", "channels")["data"]
        caller.operate("PATCH", f"channels/{first['id']}", json={"service": "kling"})
        caller.created()
        second_channel(caller, another.url, service="kling")
        caller.created()
        caller.mock.clock.advance(3600)
    assert caller.mock.ledger.user().used_quota == PRICE
    caller.mock.ledger.assert_balanced()


def test_a_signed_callback_of_the_second_row_charges_nothing(caller: Caller) -> None:
    """One that names no task of ours is found by Kling's id, at the first row."""
    with ScriptedKling(one_task) as kling:
        kling.serve(caller)
        caller.created()
        second_channel(caller, kling.url, webhook_secrets=SECRET)
        second = caller.created()
        caller.mock.clock.advance(3600)
        info = {"external_task_id": second}
        body = task("873", "succeed", final_unit_deduction="2", task_info=info)
        raw = json.dumps(body).encode()
        signed = dict(signed_headers([SECRET], "msg_1", int(caller.mock.clock.now()), raw))
        posted = caller.http.post(f"/kling/callback/{second}", content=raw, headers=signed)
        assert posted.json() == {"message": "success"}
        body = {"task_id": "873", "task_status": "succeed"}
        reply = caller.http.post("/kling/internal/callback", json=body)
        assert reply.json() == {"message": "already processed"}
    assert caller.mock.ledger.user().used_quota == PRICE


def test_the_operator_sees_and_sets_the_service(caller: Caller) -> None:
    """The host of the base URL, unless there is a label; a row shows what it was sent to."""
    (channel,) = caller.operate("GET", "channels")["data"]
    host = caller.mock.kling_url.removeprefix("http://")
    own = channel["service"]
    assert own == "emulated-kling"
    path = f"channels/{channel['id']}"
    assert caller.operate("GET", f"tasks/{caller.created()}")["service"] == own
    label = {"service": "kling", "yes": True}
    assert caller.operate("PATCH", path, json=label)["service"] == "kling"
    assert caller.operate("GET", f"tasks/{caller.created()}")["service"] == "kling"
    assert caller.operate("PATCH", path, json={"service": "", "yes": True})["service"] == host
    headers = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    for wrong in ("Kling", "a b", "a" * 256, 7):
        url = f"/__kling/relay/{path}"
        reply = caller.http.patch(url, json={"service": wrong}, headers=headers)
        assert (reply.status_code, "service" in reply.text) == (400, True), reply.text


# ---------------------------------------------------------------- changes with open tasks


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://another.example"},
        {"key": "AK-of-another|SK-of-another"},
        {"service": "another"},
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_open_tasks_need_is_changed_only_if_it_is_meant(
    caller: Caller, method: str, change: dict[str, str]
) -> None:
    """The refusal has the number of open tasks; without open tasks no confirmation is needed."""
    (channel,) = caller.operate("GET", "channels")["data"]
    whole = {
        "name": channel["name"],
        "base_url": channel["base_url"],
        "key": f"{caller.mock.access_key}|{caller.mock.secret_key}\n{caller.mock.api_key}",
        "service": channel["service"],
    }
    body = change if method == "PATCH" else whole | change
    tasks = [caller.created() for _ in range(3)]
    headers = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    url = f"/__kling/relay/channels/{channel['id']}"
    reply = caller.http.request(method, url, json=body, headers=headers)
    assert error_of(reply) == (409, "conflict_error", "open_tasks")
    assert "has 3 open tasks" in reply.text
    assert caller.operate("GET", "channels")["data"] == [channel]
    # A change that leaves the tasks readable is accepted.
    more = whole | {"key": whole["key"] + "\nAK-of-more|SK-of-more", "priority": 3}
    caller.operate(method, f"channels/{channel['id']}", json=more)

    caller.mock.clock.advance(3600)
    assert set(statuses(caller, tasks)) == {"succeed"}
    caller.operate(method, f"channels/{channel['id']}", json=body)


def test_the_command_asks_for_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The question has the number of open tasks."""
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    with (
        KlingMock(relay=RelaySettings(database=url)) as mock,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        Caller(http, mock).created()
        words = ["channel", "set", "id:1", "--service", "another", "--db", url]
        assert main(words) != 0
        assert "channel 1 has 1 open tasks" in capsys.readouterr().err
        assert main([*words, "--yes"]) == 0


def test_an_open_task_is_asked_only_at_its_own_service(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """Another one may have another task by its number, which would end ours."""
    with ScriptedKling(one_task) as kling, ScriptedKling(one_task) as another:
        kling.serve(caller)
        task_id = caller.created()
        path = f"channels/{caller.operate('GET', f'tasks/{task_id}')['channel_id']}"
        caller.operate("PATCH", path, json={"base_url": another.url, "yes": True})
        caller.mock.clock.advance(3600)
        assert caller.query(task_id)["status"] == "submitted"
        assert another.requests == []
        assert caplog.text.count("its service is no longer") == 1
        caller.operate("PATCH", path, json={"base_url": kling.url, "yes": True})
        caller.mock.clock.advance(3600)
        assert caller.query(task_id)["status"] == "succeed"
