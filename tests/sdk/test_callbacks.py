"""Reading callbacks, and telling them from forgeries."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from kling_sdk import CallbackVerificationError, parse_callback
from kling_sdk.callbacks import check_signature

# The vector of the vendor's callback page.
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
SENT = 1781080794
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,'
    b'"update_time":1781080794151}'
)
HEADERS = {
    "Webhook-Id": "9876543210",
    "Webhook-Timestamp": str(SENT),
    "Webhook-Signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()
LEGACY: dict[str, Any] = {
    "task_id": "100000000000000001",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "mine"},
    "created_at": 1781080778802,
    "updated_at": 1781080794151,
    "final_unit_deduction": "1.5",
    "task_result": {"videos": [{"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5"}]},
}


def body(**changes: Any) -> bytes:
    return json.dumps({**LEGACY, **changes}).encode()


def test_the_vendors_own_vector_verifies() -> None:
    """A callback signed as the vendor documents is accepted, header names in any case."""
    event = parse_callback(BODY, HEADERS, SECRET, now=SENT)

    assert event.verified
    assert event.webhook_id == "9876543210"
    assert event.generation == "new"
    assert event.task.task_id == "1234567890"
    assert event.task.is_succeed
    assert event.task.updated_at == datetime(2026, 6, 10, 8, 39, 54, 151000, tzinfo=UTC)


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER], (SECRET,)])
def test_during_a_rotation_either_secret_is_accepted(secrets: list[str]) -> None:
    """A secret can be replaced without losing a callback."""
    assert parse_callback(BODY, HEADERS, secrets, now=SENT).verified


def test_a_header_with_two_signatures_is_accepted_when_one_matches() -> None:
    """During the vendor's own rotation both signatures are sent, by space."""
    both = {**HEADERS, "Webhook-Signature": f"v1,AAAA v2,x {HEADERS['Webhook-Signature']}"}
    assert parse_callback(BODY, both, SECRET, now=SENT).verified


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_a_callback_up_to_300_seconds_old_or_early_is_accepted(off: int) -> None:
    """Clocks may differ by the vendor's tolerance."""
    assert parse_callback(BODY, HEADERS, SECRET, now=SENT + off).verified


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("too old", {"now": SENT + 301}, "301 s old"),
    ("too early", {"now": SENT - 301}, "-301 s old"),
    ("another body", {"raw_body": BODY.replace(b"succeeded", b"failed")}, "does not match"),
    ("the same JSON, other bytes", {"raw_body": BODY.replace(b",", b", ")}, "byte for byte"),
    ("another secret", {"secrets": OTHER}, "does not match"),
    ("no secret", {"secrets": []}, "no secret"),
    ("an empty secret", {"secrets": ""}, "empty"),
    ("an empty secret among others", {"secrets": [SECRET, "whsec_"]}, "empty"),
    ("a secret that is no base64", {"secrets": "whsec_!"}, "not base64"),
    ("no headers", {"headers": None}, "not signed"),
    ("no time", {"now": None}, "now is missing"),
    ("another id", {"headers": {**HEADERS, "Webhook-Id": "1"}}, "does not match"),
    ("no timestamp", {"headers": {**HEADERS, "Webhook-Timestamp": ""}}, "not signed"),
    ("a word as timestamp", {"headers": {**HEADERS, "Webhook-Timestamp": "now"}}, "no number"),
    ("another version", {"headers": {**HEADERS, "Webhook-Signature": "v0,AAAA"}}, "not match"),
    ("junk as signature", {"headers": {**HEADERS, "Webhook-Signature": "v1,!"}}, "not match"),
]


@pytest.mark.parametrize(
    ("changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_callback_that_is_not_signed_as_it_should_be_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    """Forged, stale and altered callbacks raise, and the message says what is wrong."""
    given: dict[str, Any] = {"raw_body": BODY, "headers": HEADERS, "secrets": SECRET, "now": SENT}
    with pytest.raises(CallbackVerificationError, match=words) as caught:
        parse_callback(**{**given, **changes})
    assert "dGVzdHNlY3JldHRlc3" not in str(caught.value)


@given(payload=st.binary(max_size=200), webhook_id=st.text("abc123-_", min_size=1, max_size=20))
def test_the_reference_implementation_agrees(payload: bytes, webhook_id: str) -> None:
    """What the scheme's own library signs is accepted here."""
    text = payload.decode("latin-1")
    signature = Webhook(SECRET).sign(webhook_id, datetime.fromtimestamp(SENT, UTC), text)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(SENT),
        "webhook-signature": signature,
    }
    assert check_signature(text.encode(), headers, SECRET, SENT) == webhook_id


@pytest.mark.parametrize("wrong", [{"a": 1}, "text", None])
def test_a_parsed_body_is_refused_with_the_way_to_get_the_bytes(wrong: Any) -> None:
    """The usual mistake - passing parsed JSON - is explained per framework."""
    with pytest.raises(TypeError, match=r"Flask: request.get_data\(\)"):
        parse_callback(wrong)


def test_an_unsigned_callback_is_a_hint() -> None:
    """Without secrets the event is read, and says that nothing was verified."""
    event = parse_callback(body())

    assert not event.verified
    assert event.generation == "legacy"
    assert event.task.units == Decimal("1.5")
    assert event.task.videos[0].url == "https://cdn.example/v.mp4"


@pytest.mark.parametrize(
    "raw",
    [
        body(),
        body(task_info={}, external_task_id="mine"),
        body(task_info=None, external_task_id="mine"),
        json.dumps({"code": 0, "message": "SUCCEED", "request_id": "r", "data": LEGACY}).encode(),
        b'{"id":"1","status":"failed","message":"no","external_id":"mine"}',
    ],
    ids=["in task_info", "at the top", "no task_info", "in an envelope", "new interface"],
)
def test_your_own_id_is_found_wherever_the_vendor_puts_it(raw: bytes) -> None:
    """Both generations of bodies, and both places of the external id, are read."""
    assert parse_callback(raw).task.external_task_id == "mine"


def test_the_new_interface_is_read_with_its_results_and_units() -> None:
    """Outputs become videos; what a package paid becomes units."""
    raw = {
        "id": "1",
        "status": "succeeded",
        "outputs": [
            {"type": "video", "id": "v", "url": "https://cdn.example/v.mp4", "duration": "5.1"},
            {"type": "image", "url": "https://cdn.example/i.png"},
        ],
        "billing": [{"package_type": "video", "amount": "2.5"}, {"charge_type": "cash"}],
    }
    task = parse_callback(json.dumps(raw).encode()).task

    assert [video.duration for video in task.videos] == [Decimal("5.1")]
    assert task.units == Decimal("2.5")


def test_what_the_vendor_adds_later_is_kept() -> None:
    """A new field and a new status pass through."""
    task = parse_callback(body(task_status="archived", mood="blue")).task

    assert task.status == "archived"
    assert not task.is_done
    assert task.raw["mood"] == "blue"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from([*LEGACY, "id", "status", "outputs", "billing", "data"]), inner
            )
        ),
    )
)
@pytest.mark.slow
def test_no_body_fails_in_another_way(value: Any) -> None:
    """Whatever is posted, the answer is an event or one kind of error."""
    with contextlib.suppress(CallbackVerificationError):
        parse_callback(json.dumps(value).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000, b"9" * 2_000_000])
def test_a_body_that_is_no_task_is_refused(raw: bytes) -> None:
    """Garbage, deep nesting and huge bodies end in the same error."""
    with pytest.raises(CallbackVerificationError):
        parse_callback(raw)
