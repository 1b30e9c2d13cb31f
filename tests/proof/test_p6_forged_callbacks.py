"""P6: a callback alone never moves money: a forgery only makes the relay poll.

Each forgery is posted to each route, with signing on and off, against an open task that Kling
shows open. The checker compares status, balance and ledger before and after. Each forgery has
a negative control: a relay with the one mistake that lets it through, which the checker must see.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.service import callbacks, reconciler
from kling_mock.web.webhook_signing import signed_headers
from kling_sdk import CallbackVerificationError, parse_callback
from tests.mock.relay.http_calls import PRICE, Caller, error_of, without_request_id
from tests.plain_http import NO_TLS

Post = tuple[bytes, Mapping[str, str]]
INTERNAL: Final = "/kling/internal/callback"


def secret_of(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


OURS, OTHERS, STRANGERS = map(secret_of, "abc")


@attrs.frozen
class Victim:
    """An open task, and callers who would like to end it."""

    caller: Caller
    task_id: str
    kling_id: str

    @property
    def mock(self) -> KlingMock:
        return self.caller.mock

    def body(self, **changes: Any) -> bytes:
        """Return the body of a success, as Kling reports it."""
        clip = {"id": "1", "url": "https://evil.example/v.mp4", "duration": "5"}
        report = {
            "task_id": self.kling_id,
            "task_status": "succeed",
            "task_info": {"external_task_id": self.task_id},
            "task_result": {"videos": [clip]},
            "final_unit_deduction": "0",
        }
        return json.dumps(report | changes).encode()

    def signed(self, body: bytes, secret: str, *, late: int = 0) -> Post:
        now = int(self.mock.clock.now()) - late
        return body, dict(signed_headers([secret], "msg_1", now, body))


def without_key(victim: Victim) -> Post:
    """Sign with an empty key, which works if the secret is empty."""
    body, now = victim.body(), str(int(victim.mock.clock.now()))
    digest = hmac.digest(b"", f"msg_1.{now}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return body, dict(zip(names, ("msg_1", now, signature), strict=True))


def of_another_task(victim: Victim) -> Post:
    """Take a true report of the attacker's own task, and post it to the victim's address."""
    return victim.signed(victim.body(task_id="1", task_info={"external_task_id": "mine"}), OURS)


def changed(victim: Victim) -> Post:
    """Take a true report that it failed, and turn it into a success."""
    _, headers = victim.signed(victim.body(task_status="failed"), OURS)
    return victim.body(), headers


def newer_body(victim: Victim) -> Post:
    """Use the vendor's newer body, which this relay never asked for."""
    report = {
        "id": victim.kling_id,
        "status": "succeeded",
        "external_id": victim.task_id,
        "billing": [{"charge_type": "unit", "package_type": "video", "amount": "0"}],
    }
    return json.dumps(report).encode(), {}


FORGERIES: Final[dict[str, Callable[[Victim], Post]]] = {
    "unsigned": lambda victim: (victim.body(), {}),
    "unsigned failure": lambda victim: (victim.body(task_status="failed"), {}),
    "unsigned, newer body": newer_body,
    "empty secret": without_key,
    "wrong secret": lambda victim: victim.signed(victim.body(), STRANGERS),
    "another channel's secret": lambda victim: victim.signed(victim.body(), OTHERS),
    "another task's report": of_another_task,
    "changed report": changed,
    "replayed after 301 s": lambda victim: victim.signed(victim.body(), OURS, late=301),
    "from the future": lambda victim: victim.signed(victim.body(), OURS, late=-301),
}


# ------------------------------------------------------------ the victim and the checker


@pytest.fixture
def shop() -> Iterator[Caller]:
    with (
        KlingMock(seed=7) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        mock.progress.add("stuck")
        mock.faults.add("callback-dropped")
        caller = Caller(http, mock)
        declare(caller, "PUT", "channels/1", "Kling AI", OURS)
        yield caller


def declare(caller: Caller, method: str, path: str, name: str, secrets: str) -> None:
    channel = {
        "name": name,
        "base_url": caller.mock.kling_url,
        "key": f"{caller.mock.access_key}|{caller.mock.secret_key}",
        "priority": 0 if name == "Kling AI" else -1,
        "webhook_secrets": secrets,
    }
    caller.operate(method, path, json=channel)


@pytest.fixture
def victim(shop: Caller) -> Victim:
    declare(shop, "POST", "channels", "another", OTHERS)
    reply = shop.create(model="kling-v1-6", mode="std").json()
    shop.mock.clock.advance(6)  # it may be read again
    return Victim(shop, reply["task_id"], reply["kling_task_id"])


def state(victim: Victim) -> object:
    task = victim.caller.operate("GET", f"tasks/{victim.task_id}")
    ledger = victim.mock.ledger
    ended = task["status"] if task["status"] in {"succeed", "failed"} else "open"
    return ended, task["store_url"], ledger.user(), len(ledger.entries())


def moved(victim: Victim, post: Post, path: str) -> tuple[bool, int]:
    """Post a forgery; return whether it moved anything, and how often Kling was asked."""
    before, requests = state(victim), victim.mock.journal.total
    body, headers = post
    reply = victim.caller.http.post(path, content=body, headers=headers)
    assert reply.status_code in {200, 404}, reply.text
    return state(victim) != before, victim.mock.journal.total - requests


# ------------------------------------------------------------ the proof


@pytest.mark.parametrize("signing", ["on", "off"])
def test_no_forgery_moves_money(victim: Victim, signing: str) -> None:
    """Ten forgeries on two routes move nothing; each makes the relay ask Kling itself."""
    if signing == "off":
        declare(victim.caller, "PUT", "channels/1", "Kling AI", "")
    looks = 0
    for name, forge in FORGERIES.items():
        for path in (f"/kling/callback/{victim.task_id}", INTERNAL):
            victim.mock.clock.advance(60)
            has_moved, requests = moved(victim, forge(victim), path)
            assert not has_moved, (name, path)
            # Kling is polled, unless that was done within 5 s; a body without a task finds none.
            if (name, path) != ("another task's report", INTERNAL):
                looks += requests
    assert looks > len(FORGERIES)
    victim.mock.complete(victim.kling_id)
    victim.mock.clock.advance(6)
    moved(victim, FORGERIES["unsigned"](victim), f"/kling/callback/{victim.task_id}")
    task = victim.caller.query(victim.task_id)
    assert task["status"] == "succeed"  # the result still arrives: Kling itself has reported it
    assert "evil" not in task["video_url"]
    assert victim.mock.ledger.user().used_quota == PRICE
    victim.mock.ledger.assert_balanced()


def test_a_true_signature_does_move_it(victim: Victim) -> None:
    """The checker is not blind: what Kling has signed counts, without a question."""
    post = victim.signed(victim.body(), OURS)
    assert moved(victim, post, f"/kling/callback/{victim.task_id}") == (True, 0)
    again = victim.signed(victim.body(), OURS)
    for _ in range(20):  # it counts once, however often it is replayed in time
        assert moved(victim, again, f"/kling/callback/{victim.task_id}") == (False, 0)


def test_ids_that_are_guessed_find_nothing(victim: Victim) -> None:
    """Short, sequential and foreign ids are unknown, signed or not; the answer is the same."""
    replies = set[tuple[int, str]]()
    for guess in ("1", "2", "kling_1", victim.task_id[:-1], victim.task_id.upper(), "%00", "*"):
        for post in (
            (victim.body(task_id="1"), {}),
            victim.signed(victim.body(task_id="1"), STRANGERS),
        ):
            reply = victim.caller.http.post(
                f"/kling/callback/{guess}", content=post[0], headers=post[1]
            )
            replies.add((reply.status_code, json.dumps(without_request_id(reply))))
    assert len(replies) == 1
    assert replies.pop()[0] == 404


@pytest.mark.parametrize("secrets", ["whsec_", f"{OURS} whsec_", "no base64!", "whsec_é"])
def test_a_secret_that_cannot_sign_is_refused(shop: Caller, secrets: str) -> None:
    """An empty or broken secret is refused to the operator, who would otherwise rely on it."""
    channel = {"name": "x", "base_url": shop.mock.kling_url, "key": "AK|SK"}
    operator = {"Authorization": f"Bearer {shop.mock.admin_token}"}
    body = channel | {"webhook_secrets": secrets}
    reply = shop.http.post("/__kling/relay/channels", json=body, headers=operator)
    assert error_of(reply) == (400, "invalid_request_error", "invalid_request")
    assert OURS not in reply.text


# ------------------------------------------------------------ negative controls


def _naive(verify: Callable[..., Any]) -> Callable[..., Any]:
    """Return a relay's check of signatures that has one mistake."""

    async def is_signed(self: Any, row: Any, raw: bytes, headers: Mapping[str, str]) -> bool:
        secrets = await self._channels.webhook_secrets(row.channel_id)
        try:
            return verify(raw, headers, secrets, self._clock.now()) is not None
        except CallbackVerificationError:
            return False

    return is_signed


def _trusts_all(raw: bytes, *_: Any) -> Any:
    return parse_callback(raw, verify=False)


def _trusts_newer(raw: bytes, headers: Any, secrets: Any, now: float) -> Any:
    event = parse_callback(raw, verify=False)
    return event if event.generation == "new" else parse_callback(raw, headers, secrets, now)


def _with_empty_key(raw: bytes, headers: Mapping[str, str], *_: Any) -> Any:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    signature = base64.b64encode(hmac.digest(b"", signed, "sha256")).decode()
    return (
        parse_callback(raw, verify=False)
        if headers["webhook-signature"] == f"v1,{signature}"
        else None
    )


def _looks_for_a_signature(raw: bytes, headers: Mapping[str, str], *_: Any) -> Any:
    return parse_callback(raw, verify=False) if "webhook-signature" in headers else None


def _with_all_secrets(raw: bytes, headers: Any, secrets: Any, now: float) -> Any:
    return parse_callback(raw, headers, (*secrets, OTHERS), now)


def _without_time(raw: bytes, headers: Mapping[str, str], secrets: Any, _: float) -> Any:
    return parse_callback(raw, headers, secrets, float(headers["webhook-timestamp"]))


async def _by_path(self: Any, row: Any, event: Any) -> Any:
    task = attrs.evolve(event.task, task_id=row.kling_task_id)
    await self._reconciler.apply(row, task, "callback")
    return callbacks.DONE


#: Each forgery, and a mistake that lets it through.
MISTAKES: Final[dict[str, Callable[..., Any]]] = {
    "unsigned": _trusts_all,
    "unsigned failure": _trusts_all,
    "unsigned, newer body": _trusts_newer,
    "empty secret": _with_empty_key,
    "wrong secret": _looks_for_a_signature,
    "another channel's secret": _with_all_secrets,
    "changed report": _looks_for_a_signature,
    "replayed after 301 s": _without_time,
    "from the future": _without_time,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_checker_catches_a_relay_that_falls_for_it(
    victim: Victim, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a relay with the one mistake that the forgery is made for moves money."""
    if name in MISTAKES:
        monkeypatch.setattr(callbacks.CallbackReceiver, "_is_signed", _naive(MISTAKES[name]))
    else:
        # The storage would refuse another task's id of Kling's too, so this relay does not check.
        monkeypatch.setattr(callbacks, "is_about", lambda *_: True)
        monkeypatch.setattr(reconciler, "names_another", lambda *_: False)
        monkeypatch.setattr(callbacks.CallbackReceiver, "_apply", _by_path)
    has_moved, _ = moved(victim, FORGERIES[name](victim), f"/kling/callback/{victim.task_id}")
    assert has_moved
