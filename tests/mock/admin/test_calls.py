"""The admin API: each call does what the handle of the same name does in Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.admin.calls import CALLS
from kling_mock.admin.calls.snapshots import MAX_SNAPSHOTS
from tests.mock.admin_client import Admin
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver, receiver
from tests.plain_http import NO_TLS

__all__ = ["receiver"]


@pytest.fixture
def admin(mock: KlingMock) -> Iterator[Admin]:
    with Admin(mock) as admin:
        yield admin


# ---------------------------------------------------------------- clock


def test_advancing_delivers_what_is_due(
    mock: KlingMock, admin: Admin, api: Api, receiver: Receiver
) -> None:
    """The answer comes when the task has ended and its callbacks are delivered."""
    api.new(callback_url=receiver.url)
    before = admin.ask("GET", "/clock")["now"]
    clock = admin.ask("POST", "/clock/advance", {"seconds": 1000})
    assert clock == {"now": before + 1000, "kind": "manual", "speed": None, "next": None}
    assert receiver.statuses == ["submitted", "processing", "succeed"]


def test_the_clock_stays_within_what_dates_can_say(admin: Admin, mock: KlingMock) -> None:
    """The year 10000 is refused, and nothing has moved."""
    mock.clock.reset(253_402_300_000.0)
    admin.refused("POST", "/clock/advance", {"seconds": 1000}, status=400)
    assert admin.ask("GET", "/clock")["now"] == 253_402_300_000.0


def test_a_manual_clock_has_no_speed(admin: Admin) -> None:
    """The refusal says which clock has one."""
    assert admin.refused("PATCH", "/clock", {"speed": 2}, status=409) == "other_clock"


def test_a_scaled_clock_can_be_hurried() -> None:
    """Its speed can be set, and it cannot be advanced."""
    with KlingMock(clock=1.0, start=0.0) as mock, Admin(mock) as admin:
        assert admin.refused("POST", "/clock/advance", {"seconds": 1}, status=409) == "other_clock"
        api = Api(mock)
        task = api.new()
        clock = admin.ask("PATCH", "/clock", {"speed": 1_000_000})
        assert (clock["kind"], clock["speed"]) == ("scaled", 1_000_000)
        while api.task(task)["task_status"] != "succeed":
            pass
        api.http.close()


def test_the_real_clock_keeps_its_speed() -> None:
    """It can be neither hurried nor advanced."""
    with KlingMock(clock="real") as mock, Admin(mock) as admin:
        assert admin.ask("GET", "/clock")["kind"] == "real"
        admin.refused("PATCH", "/clock", {"speed": 2}, status=409)
        admin.refused("POST", "/clock/advance", {"seconds": 1}, status=409)


# ---------------------------------------------------------------- reset


def test_reset_forgets_everything_and_keeps_the_keys(
    mock: KlingMock, admin: Admin, api: Api
) -> None:
    """After it the same key sees an empty account."""
    task = api.new()
    admin.ask("POST", "/reset")
    assert api.get(f"/v1/videos/text2video/{task}").json()["code"] == 1201
    assert admin.ask("GET", "/tasks")["data"] == []


def test_a_seed_decides_ids_and_times() -> None:
    """Two servers that were started without one are equal after a reset to the same seed."""
    seen: list[Any] = []
    for seed in (7, 7, 8):
        with KlingMock() as mock, Admin(mock) as admin:
            key = mock.api_key
            admin.ask("POST", "/reset", {"seed": seed})
            assert mock.api_key == key
            api = Api(mock)
            api.new()
            api.http.close()
            admin.ask("POST", "/clock/advance", {"seconds": 1000})
            seen.append(admin.ask("GET", "/tasks"))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_is_put_back_by_its_name(admin: Admin, api: Api) -> None:
    """What follows is again what followed: the same id, the same time."""
    api.new()
    snapshot = admin.ask("POST", "/snapshots", {"snapshot_id": "before"}, status=201)
    assert (snapshot["snapshot_id"], snapshot["tasks"]) == ("before", 1)
    seen: list[Any] = []
    for _ in range(2):
        api.new()
        admin.ask("POST", "/clock/advance", {"seconds": 1000})
        seen.append((admin.ask("GET", "/tasks"), admin.ask("GET", "/journal")))
        assert admin.ask("POST", "/snapshots/before/restore") == snapshot
    assert seen[0] == seen[1]
    assert len(admin.ask("GET", "/tasks")["data"]) == 1


def test_snapshots_are_listed_bounded_and_deleted(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a maximum; a name is taken once; a reset forgets all of them."""
    first = admin.ask("POST", "/snapshots", status=201)
    assert admin.ask("GET", "/snapshots")["data"] == [first]
    again = {"snapshot_id": first["snapshot_id"]}
    assert admin.refused("POST", "/snapshots", again, status=409) == "snapshot_exists"
    for _ in range(MAX_SNAPSHOTS - 1):
        admin.ask("POST", "/snapshots", status=201)
    assert admin.refused("POST", "/snapshots", status=409) == "too_many_snapshots"
    assert admin.ask("DELETE", "/snapshots/snapshot-1") == {"removed": 1}
    assert admin.ask("POST", "/snapshots", status=201)["snapshot_id"] == "snapshot-1"
    admin.ask("DELETE", "/snapshots/snapshot-1")
    monkeypatch.setattr("kling_mock.admin.calls.snapshots.MAX_BYTES", 1000)
    assert admin.refused("POST", "/snapshots", status=409) == "too_many_snapshots"
    admin.ask("POST", "/reset")
    assert admin.ask("GET", "/snapshots")["data"] == []
    code = admin.refused("POST", "/snapshots/snapshot-2/restore", status=404)
    assert code == "unknown_snapshot"


def test_a_snapshot_holds_the_relay(admin: Admin, mock: KlingMock) -> None:
    """A task made through the relay is open again after a restore."""
    with mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        admin.ask("POST", "/snapshots", {"snapshot_id": "before"}, status=201)
        for _ in range(2):
            assert kling.text2video.wait(task).is_succeed
            admin.ask("POST", "/snapshots/before/restore")
            assert not kling.text2video.get(task.task_id).is_done


def test_a_snapshot_that_cannot_be_taken(tmp_path: Path) -> None:
    """With a database behind the relay it is refused as a conflict, with the reason."""
    with KlingMock(relay=RelaySettings(database=f"sqlite:///{tmp_path}/relay.db")) as mock:
        url = f"{mock.kling_url}/__kling/snapshots"
        headers = {"Authorization": f"Bearer {mock.admin_token}"}
        reply = httpx.post(url, headers=headers, trust_env=False, verify=NO_TLS)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (409, "no_snapshot")
    assert "Leave out database=" in error["message"]


def test_a_snapshot_waits_for_callbacks(admin: Admin, api: Api, receiver: Receiver) -> None:
    """Callbacks under way are delivered first."""
    api.new(callback_url=receiver.url)
    admin.ask("POST", "/snapshots", {"snapshot_id": "sent"}, status=201)
    admin.ask("POST", "/snapshots/sent/restore")
    assert admin.ask("GET", "/deliveries")["data"][0]["state"] == "delivered"


# ---------------------------------------------------------------- tasks


def test_tasks_are_moved_by_hand(admin: Admin, api: Api, receiver: Receiver) -> None:
    """process, complete and fail, each answered with the task and after its callbacks."""
    admin.ask("POST", "/progress", {"kind": "by-hand"}, status=201)
    good, bad = api.new(callback_url=receiver.url), api.new()
    assert admin.ask("POST", f"/tasks/{good}/process")["status"] == "processing"
    assert admin.ask("POST", f"/tasks/{good}/complete")["status"] == "succeed"
    assert len(receiver.received) == 3
    failed = admin.ask("POST", f"/tasks/{bad}/fail", {"code": 1301, "message": "withheld"})
    assert (failed["status"], failed["code"], failed["message"]) == ("failed", 1301, "withheld")
    assert api.task(bad)["task_status_msg"] == "withheld"


def test_a_terminal_status_never_changes(admin: Admin, api: Api) -> None:
    """What has ended is refused with 409; what does not exist, with 404."""
    task = api.new()
    admin.ask("POST", f"/tasks/{task}/complete")
    for event in ("process", "complete", "fail"):
        code = admin.refused("POST", f"/tasks/{task}/{event}", status=409)
        assert code == "illegal_transition"
    assert admin.refused("POST", "/tasks/1/complete", status=404) == "not_found"


def test_tasks_are_listed_in_pages(admin: Admin, api: Api) -> None:
    """Newest first; `next_before` leads to the next page, and filters narrow the list."""
    tasks = [api.new(external_task_id=f"order-{number}") for number in range(5)]
    first = admin.ask("GET", "/tasks?limit=3")
    assert [row["task_id"] for row in first["data"]] == tasks[:1:-1]
    rest = admin.ask("GET", f"/tasks?limit=3&before={first['next_before']}")
    assert [row["task_id"] for row in rest["data"]] == tasks[1::-1]
    assert rest["next_before"] is None
    matches = admin.ask("GET", "/tasks?external_task_id=order-2&status=submitted")["data"]
    assert [row["task_id"] for row in matches] == [tasks[2]]
    assert admin.ask("GET", f"/tasks/{tasks[2]}") == matches[0]


# ---------------------------------------------------------------- rules


def test_faults_strike_are_counted_and_end(admin: Admin, api: Api) -> None:
    """A fault by the admin API is one like `mock.faults.add` makes."""
    body = {"kind": "status", "match": "GET *", "code": 5001, "times": 1}
    fault = admin.ask("POST", "/faults", body, status=201)
    assert fault["settings"]["code"] == 5001
    assert api.get("/v1/videos/text2video").status_code == 503
    assert admin.ask("GET", "/faults")["data"][0]["acted"] == 1
    assert admin.ask("DELETE", f"/faults/{fault['fault_id']}") == {"removed": 1}
    assert admin.refused("DELETE", f"/faults/{fault['fault_id']}", status=404) == "unknown_fault"


def test_a_profile_of_faults_is_added_whole_or_not_at_all(admin: Admin) -> None:
    """If one row is wrong, no row is added."""
    rows: list[Any] = [{"kind": "reset", "account": "default"}, {"kind": "explode"}]
    admin.refused("POST", "/faults/profile", {"faults": rows}, status=400)
    assert admin.ask("GET", "/faults")["data"] == []
    faults = admin.ask("POST", "/faults/profile", {"faults": rows[:1] * 2}, status=201)
    assert [row["fault_id"] for row in faults["data"]] == ["fault-1", "fault-2"]
    assert admin.ask("DELETE", "/faults") == {"removed": 2}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "latency", "seconds": True},
        {"kind": "latency", "seconds": 10**400},
        {"kind": "status", "match": 5},
        {"kind": "status", "statuses": ["done"]},
        {"kind": "reset", "times": 0},
        {"kind": "reset", "seconds": 1},
        {"match": "GET *"},
    ],
)
def test_a_fault_that_is_not_accepted(admin: Admin, body: Any) -> None:
    """It is refused, and nothing goes wrong."""
    admin.refused("POST", "/faults", body, status=400)
    assert admin.ask("GET", "/faults")["data"] == []


def test_progress_rules(admin: Admin, api: Api) -> None:
    """Set, listed with their target, and removed again."""
    body = {"kind": "polls", "polls": 2, "prompt": "Turtle"}
    assert admin.ask("POST", "/progress", body, status=201) == {"rules": 1}
    row = admin.ask("GET", "/progress")["data"][0]
    assert (row["kind"], row["polls"], row["prompt"]) == ("polls", 2, "turtle")
    task = api.new(prompt="a turtle")
    assert [api.task(task)["task_status"] for _ in range(2)] == ["processing", "succeed"]
    assert admin.ask("DELETE", "/progress") == {"removed": 1}
    admin.refused("POST", "/progress", {"kind": "after"}, status=400)


def test_content_rules(admin: Admin, api: Api) -> None:
    """Set, listed as they were given, and removed again."""
    body = {"prompt": "red blood", "code": 1300, "message": "no"}
    assert admin.ask("POST", "/content", body, status=201) == {"rules": 1}
    row = admin.ask("GET", "/content")["data"][0]
    assert (row["prompt"], row["kind"], row["code"]) == ("red blood", "refuse", 1300)
    assert api.create(prompt="Red Blood").json()["message"] == "no"
    assert admin.ask("DELETE", "/content") == {"removed": 1}
    assert api.create(prompt="red blood").status_code == 200


# ---------------------------------------------------------------- journal and callbacks


def test_the_journal_is_searched(admin: Admin, api: Api) -> None:
    """Searches are by method and path, status, code, account and fault; newest first, in pages."""
    task = api.new()
    api.get(f"/v1/videos/text2video/{task}")
    api.get("/v1/videos/text2video/nobody")
    every = admin.ask("GET", "/journal")["data"]
    assert [row["number"] for row in every] == [3, 2, 1]
    assert [row["status"] for row in every] == [400, 200, 200]
    for query, numbers in {
        "match=POST": [1],
        "match=GET%20/v1/videos/*": [3, 2],
        "code=1201": [3],
        "status=200": [2, 1],
        "account=default": [3, 2, 1],
        "match=POST%20/v1/videos/image2video": [],
        "fault=reset": [],
        f"task_id={task}": [2, 1],
        "external_task_id=nobody": [3],
        "limit=2": [3, 2],
        "before=3": [2, 1],
    }.items():
        entries = admin.ask("GET", f"/journal?{query}")["data"]
        assert [row["number"] for row in entries] == numbers, query
    assert '"prompt"' in every[2]["request"]
    assert task in every[2]["response"]
    for query, words in {
        "match=nothing%20at%20all": "match: must be a method, a path or both",
        "match=POST%20/v1/video/text2video": "the nearest is /v1/videos/text2video",
        "match=PSOT": "no endpoint has the method PSOT",
        "match=POST&code=1305": "code: must be one of",
        "account=defualt": "the nearest is default",
        "fault=response_lost": "the nearest is response-lost",
    }.items():
        error = admin.ask("GET", f"/journal?{query}", status=400)["error"]
        assert words in error["message"], query
    assert admin.ask("GET", "/journal/unexpected")["data"] == []
    api.get("/v1/video/text2video")
    (text,) = admin.ask("GET", "/journal/unexpected")["data"]
    assert "nearest is GET /v1/videos/text2video" in text
    assert admin.ask("DELETE", "/journal") == {"removed": 4}
    assert admin.ask("GET", "/journal/unexpected")["data"] == []
    api.get("/v1/videos/text2video")
    assert [row["number"] for row in admin.ask("GET", "/journal")["data"]] == [5]


def test_deliveries_are_listed_and_replayed(
    mock: KlingMock, admin: Admin, api: Api, receiver: Receiver
) -> None:
    """One, or all of a task; the same bytes again, with a new signature, or changed."""
    admin.ask("POST", "/accounts/default/webhook-secrets", status=201)
    task = api.new(callback_url=receiver.url)
    admin.ask("POST", f"/tasks/{task}/complete")
    rows = admin.ask("GET", f"/deliveries?task_id={task}&state=delivered")["data"]
    assert [row["task_status"] for row in rows] == ["succeed", "processing", "submitted"]
    assert rows[0]["attempts"][0]["status"] == 200
    first = receiver.received[-1]
    path = f"/deliveries/{rows[0]['delivery_id']}/replay"
    same = {"replayed": 1, "delivery_id": rows[0]["delivery_id"]}
    assert admin.ask("POST", path) == same
    assert receiver.received[-1] == first
    admin.ask("POST", "/clock/advance", {"seconds": 60})
    assert admin.ask("POST", path, {"resign": True}) == same
    assert receiver.received[-1].headers["webhook-signature"] != first.headers["webhook-signature"]
    assert admin.ask("POST", f"/tasks/{task}/replay") == {"replayed": 3}
    assert len(receiver.received) == 8
    changed = admin.ask("POST", path, {"body": "{}", "url": receiver.url + "/other"})
    assert changed["delivery_id"] == mock.deliveries[-1].delivery_id != rows[0]["delivery_id"]
    assert receiver.received[-1].body == b"{}"
    admin.refused("POST", path, {"url": "nowhere"}, status=400)
    admin.refused("POST", "/deliveries/nothing/replay", status=404)
    admin.refused("POST", "/tasks/1/replay", status=404)


def test_how_callbacks_are_sent(mock: KlingMock, admin: Admin) -> None:
    """Retries, the time limit and the dates of signatures."""
    assert admin.ask("GET", "/callbacks")["retries"] == [10, 30, 60]
    changed = {"retries": [1], "timeout": 2, "timestamps": "real"}
    assert admin.ask("PATCH", "/callbacks", changed) == changed
    assert mock.callbacks.retries == (1,)


# ---------------------------------------------------------------- accounts


def test_settings_of_an_account(mock: KlingMock, admin: Admin, api: Api) -> None:
    """Each can be set and is read back; what is not named stays as it is."""
    changed = {
        "slots": 1,
        "denied": ["kling-v3"],
        "allowed_ips": ["127.0.0.0/8"],
        "rate_limit": {"requests": 50, "seconds": 1, "retry_after": True, "creates_only": False},
        "units": 100,
    }
    account = admin.ask("PATCH", "/accounts/default", changed)
    assert {name: account[name] for name in changed} == changed
    assert api.create().status_code == 200
    assert api.create().json()["code"] == 1303
    account = admin.ask("PATCH", "/accounts/default", {"in_arrears": True, "slots": None})
    assert (account["slots"], account["denied"], account["open_tasks"]) == (None, ["kling-v3"], 1)
    assert api.create().json()["code"] == 1101
    account = admin.ask("PATCH", "/accounts/default", {"rate_limit": None, "units": None})
    assert (account["rate_limit"], account["units"]) == (None, None)
    admin.ask("PATCH", "/accounts/default", {"disabled": True})
    assert mock.account.disabled


@pytest.mark.parametrize("wrong", [{"allowed_ips": ["here"]}, {"denied": ["kling-v9"]}])
def test_settings_change_all_or_none(mock: KlingMock, admin: Admin, wrong: Any) -> None:
    """One that is refused leaves the others as they were."""
    body = {"disabled": True, "units": 1, **wrong}
    admin.refused("PATCH", "/accounts/default", body, status=400)
    assert (mock.account.disabled, mock.account.units) == (False, None)


def test_accounts_keys_and_packs(mock: KlingMock, admin: Admin, api: Api) -> None:
    """A new account with keys that work, keys that can be refused, and packs."""
    acme = admin.ask("POST", "/accounts", {"account": "acme"}, status=201)
    body = {"account": "acme"}
    assert admin.refused("POST", "/accounts", body, status=409) == "account_exists"
    pair = admin.ask("POST", "/accounts/acme/key-pairs", status=201)
    key = admin.ask("POST", "/accounts/acme/api-keys", status=201)["api_key"]

    def works(key: str) -> bool:
        return api.get("/v1/videos/text2video", headers=api.headers(key)).status_code == 200

    token = api.token(iss=pair["access_key"], secret=pair["secret_key"])
    assert works(acme["api_key"])
    assert works(key)
    assert works(token)
    for name in (key, pair["access_key"]):
        admin.ask("PATCH", "/accounts/acme/keys", {"key": name, "active": False})
    assert not works(key)
    assert not works(token)
    admin.ask("PATCH", "/accounts/acme/keys", {"key": key, "active": True})
    assert works(key)
    admin.refused("PATCH", "/accounts/acme/keys", {"key": "x", "active": True}, status=404)
    pack_wanted = {"units": 5, "slots": 2, "name": "summer", "begins_in": 0, "lasts": 60}
    pack = admin.ask("POST", "/accounts/acme/packs", pack_wanted, status=201)["pack_id"]
    account = admin.ask("GET", "/accounts/acme")
    assert [row["pack_id"] for row in account["packs"]] == [pack]
    assert account["units"] == 5
    assert [row["account"] for row in admin.ask("GET", "/accounts")["data"]] == ["default", "acme"]
    admin.refused("GET", "/accounts/nobody", status=404)


def test_webhook_secrets(mock: KlingMock, admin: Admin) -> None:
    """Made or given, two during a rotation, and removed."""
    first = admin.ask("POST", "/accounts/default/webhook-secrets", status=201)["secret"]
    body = {"secret": "whsec_" + "YWJj" * 8}
    admin.ask("POST", "/accounts/default/webhook-secrets", body, status=201)
    assert mock.account.webhook_secrets == (body["secret"], first)
    assert admin.ask("GET", "/accounts/default")["webhook_secrets"] == 2
    wrong = {"secret": "whsec_short"}
    admin.refused("POST", "/accounts/default/webhook-secrets", wrong, status=400)
    assert admin.ask("DELETE", "/accounts/default/webhook-secrets")["webhook_secrets"] == 0


def test_no_secret_is_told_twice(mock: KlingMock, admin: Admin, api: Api) -> None:
    """Secret keys, API keys, webhook secrets and the admin token are not in responses to a GET."""
    account = admin.ask("POST", "/accounts", {"account": "acme"}, status=201)
    pair = admin.ask("POST", "/accounts/acme/key-pairs", status=201)
    key = admin.ask("POST", "/accounts/acme/api-keys", status=201)
    webhook = admin.ask("POST", "/accounts/acme/webhook-secrets", status=201)
    task = api.new()
    secrets = [
        mock.secret_key,
        mock.api_key,
        mock.admin_token,
        account["secret_key"],
        account["api_key"],
        pair["secret_key"],
        *key.values(),
        *webhook.values(),
    ]
    texts: dict[str, str] = {}
    for row in CALLS:
        if row.method == "GET":
            path = row.path.replace("{task_id}", task).replace("{account}", "acme")
            reply = admin.send("GET", path)
            assert reply.status_code == 200, row.name
            assert not [secret for secret in secrets if secret in reply.text], row.name
            texts[row.path] = reply.text
    # Where a secret would be: the account's keys are named there.
    assert pair["access_key"] in texts["/accounts/{account}"]
    assert pair["access_key"] in texts["/accounts"]


def test_a_task_is_known_by_its_external_id_as_well(
    mock: KlingMock, admin: Admin, receiver: Receiver
) -> None:
    """Wherever an id is taken: an app under test knows no other."""
    with mock.client() as kling:
        task = kling.text2video.create(
            prompt="a", external_task_id="order-1", callback_url=receiver.url
        )
    path = "/tasks/order-1"
    assert admin.ask("GET", path)["task_id"] == task.task_id
    assert admin.ask("POST", f"{path}/process")["status"] == "processing"
    assert admin.ask("POST", f"{path}/complete")["status"] == "succeed"
    deliveries = admin.ask("GET", "/deliveries?task_id=order-1")["data"]
    assert {row["task_id"] for row in deliveries} == {task.task_id}
    assert admin.ask("POST", f"{path}/replay")["replayed"] == len(deliveries)
    assert mock.deliveries.of("order-1") == mock.deliveries.of(task)
    other = mock.accounts.add("second")
    with mock.client(api_key=other.api_key) as kling:
        kling.text2video.create(prompt="a", external_task_id="order-1")
    assert "several accounts" in admin.ask("GET", path, status=404)["error"]["message"]


def test_python_takes_an_external_id_too(mock: KlingMock) -> None:
    """`process`, `complete` and `fail`, with a text that says what there must be."""
    with mock.client() as kling:
        for name in ("order-1", "order-2"):
            kling.text2video.create(prompt="a", external_task_id=name)
        mock.process("order-1")
        mock.complete("order-1")
        mock.fail("order-2")
        assert kling.text2video.get("order-1").status == "succeed"
        assert kling.text2video.get("order-2").status == "failed"
    with pytest.raises(KeyError, match="the task id or the external id"):
        mock.complete("order-3")


def test_a_row_of_the_journal_has_its_bodies_as_json(mock: KlingMock, admin: Admin) -> None:
    """Beside their first bytes as text; and a page says how many rows there are in all."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        for _ in range(3):
            kling.text2video.get(task.task_id)
    page = admin.ask("GET", "/journal?match=POST&limit=1")
    (row,) = page["data"]
    assert row["request_json"]["prompt"] == "a kitten"
    assert row["response_json"]["data"]["task_id"] == task.task_id
    assert page["total"] == 1
    page = admin.ask("GET", "/journal?match=GET&limit=2")
    assert (page["total"], len(page["data"])) == (3, 2)
    assert page["data"][0]["request_json"] is None
    page = admin.ask("GET", f"/journal?match=GET&limit=2&before={page['next_before']}")
    assert (page["total"], len(page["data"])) == (3, 1)
