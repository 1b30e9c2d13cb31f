"""Reading callbacks, and telling them from forgeries."""

from __future__ import annotations

import base64
import hmac
import importlib
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal, Inexact, localcontext
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
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


@pytest.mark.parametrize(
    ("off", "reason", "hints"),
    [
        (301, "301 s before now; it must be within 300 s: it was delayed or replayed", 0),
        (24 * 3600, "86400 s before now", 0),
        (24 * 3600 + 1, "86401 s before now", 1),
        (-301, "301 s after now; it must be within 300 s: now is behind", 1),
        (-1_000_000, "1000000 s after now", 1),
    ],
)
def test_a_refusal_for_the_clock_says_what_to_do(off: int, reason: str, hints: int) -> None:
    """It says by how much and in which direction, and how a test passes the emulator's time."""
    with pytest.raises(CallbackVerificationError) as caught:
        parse_callback(BODY, HEADERS, SECRET, now=SENT + off)
    assert reason in str(caught.value)
    assert str(caught.value).count("now=mock.clock.time()") == hints


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("too old", {"now": SENT + 301}, "301 s before now; it must be within 300 s"),
    ("too early", {"now": SENT - 301}, "301 s after now; it must be within 300 s"),
    ("another body", {"raw_body": BODY.replace(b"succeeded", b"failed")}, "does not match"),
    ("the same JSON, other bytes", {"raw_body": BODY.replace(b",", b", ")}, "byte for byte"),
    ("another secret", {"secrets": OTHER}, "does not match"),
    ("no headers", {"headers": {}}, "not signed"),
    ("a header twice", {"headers": [*HEADERS.items(), ("webhook-id", "1")]}, "twice"),
    ("a byte as id", {"headers": {**HEADERS, "Webhook-Id": "\xff"}}, "not ASCII"),
    ("a byte as id, as aiohttp has it", {"headers": {**HEADERS, "Webhook-Id": "\udcff"}}, "ASCII"),
    ("a line break in the id", {"headers": {**HEADERS, "Webhook-Id": "1\n2"}}, "not ASCII"),
    ("other digits", {"headers": {**HEADERS, "Webhook-Timestamp": "\u0663"}}, "not ASCII"),
    (
        "a long timestamp",
        {"headers": {**HEADERS, "Webhook-Timestamp": "9" * 5000}},
        "not a number of seconds",
    ),
    ("another id", {"headers": {**HEADERS, "Webhook-Id": "1"}}, "does not match"),
    ("no timestamp", {"headers": {**HEADERS, "Webhook-Timestamp": ""}}, "not signed"),
    (
        "a word as timestamp",
        {"headers": {**HEADERS, "Webhook-Timestamp": "now"}},
        "not a number of seconds",
    ),
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
    arguments: dict[str, Any] = {
        "raw_body": BODY,
        "headers": HEADERS,
        "secrets": SECRET,
        "now": SENT,
    }
    with pytest.raises(CallbackVerificationError, match=words) as caught:
        parse_callback(**{**arguments, **changes})
    assert "dGVzdHNlY3JldHRlc3" not in str(caught.value)


MISTAKES: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("no secret in the environment", {"secrets": None}, TypeError, "verify=False"),
    ("an empty variable", {"secrets": ""}, ValueError, "empty"),
    ("an empty list", {"secrets": []}, ValueError, "whsec_"),
    ("an empty secret among others", {"secrets": [SECRET, "whsec_"]}, ValueError, "empty"),
    ("None in a list", {"secrets": [SECRET, None]}, TypeError, "a secret is a NoneType"),
    ("a secret as bytes", {"secrets": SECRET.encode()}, TypeError, "secrets is a bytes"),
    ("secrets as bytes", {"secrets": [SECRET.encode()]}, TypeError, "a secret is a bytes"),
    ("a number", {"secrets": 5}, TypeError, "secrets is a int"),
    ("a secret that is not base64", {"secrets": "whsec_!"}, ValueError, "not base64"),
    ("a secret and no check", {"verify": False}, TypeError, "leave out secrets"),
    ("no time", {"now": None}, TypeError, r"time\.time\(\)"),
    ("a time as text", {"now": "1781080794"}, TypeError, "now is a str"),
    ("True", {"now": True}, TypeError, "now is a bool"),
    ("no number", {"now": float("nan")}, ValueError, "now is not a time"),
    ("infinity", {"now": float("inf")}, ValueError, "now is not a time"),
    ("a huge number", {"now": 10**400}, ValueError, "now is not a time"),
    ("milliseconds", {"now": SENT * 1000}, ValueError, "not milliseconds"),
    ("no headers", {"headers": None}, TypeError, "headers is None"),
    ("headers as text", {"headers": "webhook-id: 1"}, TypeError, "headers is a str"),
    ("headers without values", {"headers": ["webhook-id"]}, TypeError, "pairs of name and value"),
    ("a list as value", {"headers": {"webhook-id": ["1"]}}, TypeError, "a header's value"),
    ("a number as name", {"headers": [(1, "1")]}, TypeError, "a header's name"),
]


@pytest.mark.parametrize(
    ("changes", "kind", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
@pytest.mark.parametrize("callback", ["signed", "unsigned"])
def test_a_mistake_of_the_program_is_not_answered_as_a_forgery(
    changes: dict[str, Any], kind: type[Exception], words: str, callback: str
) -> None:
    """It raises with the first callback, signed or not: as a 400 it would go unnoticed."""
    headers = HEADERS if callback == "signed" else {}
    arguments: dict[str, Any] = {
        "raw_body": BODY,
        "headers": headers,
        "secrets": SECRET,
        "now": SENT,
    }
    with pytest.raises(kind, match=words) as caught:
        parse_callback(**{**arguments, **changes})
    assert not isinstance(caught.value, CallbackVerificationError)
    assert "dGVzdHNlY3JldHRlc3" not in str(caught.value)


def as_email(headers: dict[str, str]) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    return message


HEADER_FORMS: dict[str, Any] = {
    "a mapping of bytes": {name.encode(): value.encode() for name, value in HEADERS.items()},
    "pairs of bytes, as ASGI has them": [
        (name.lower().encode(), value.encode()) for name, value in HEADERS.items()
    ],
    "pairs of text": list(HEADERS.items()),
    "the standard library's http.server": as_email(HEADERS),
    "multidict": CIMultiDict(HEADERS),
}


@pytest.mark.parametrize("headers", HEADER_FORMS.values(), ids=HEADER_FORMS)
def test_headers_are_taken_as_any_framework_has_them(headers: Any) -> None:
    """No handler has to convert them."""
    assert parse_callback(BODY, headers, SECRET, SENT).webhook_id == "9876543210"


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["starlette", "werkzeug"])
def test_headers_of_a_framework_are_taken_as_they_are(framework: str) -> None:
    """FastAPI's are those of Starlette, and Flask's those of Werkzeug."""
    headers = importlib.import_module(f"{framework}.datastructures").Headers(HEADERS)
    assert parse_callback(BODY, headers, SECRET, SENT).webhook_id == "9876543210"


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
        parse_callback(wrong, verify=False)


def test_an_unsigned_callback_is_a_hint() -> None:
    """With `verify=False` the event is read, and says that nothing was verified."""
    event = parse_callback(body(), verify=False)

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
    assert parse_callback(raw, verify=False).task.external_task_id == "mine"


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
    task = parse_callback(json.dumps(raw).encode(), verify=False).task

    assert [(video.id, video.duration) for video in task.videos] == [("v", Decimal("5.1"))]
    assert task.units == Decimal("2.5")


def test_what_the_vendor_adds_later_is_kept() -> None:
    """A new field and a new status pass through."""
    task = parse_callback(body(task_status="archived", mood="blue"), verify=False).task

    assert task.status == "archived"
    assert not task.is_done
    assert task.raw["mood"] == "blue"


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["9e999999", "1e-999999999", "nan", "inf", 10**30, 10**4000, "\ud800", -0.0]),
)
KNOWN_KEYS = [*LEGACY, "id", "status", "message", "outputs", "billing", "data", "amount"]


def _in_objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from([*KNOWN_KEYS, "package_type", "url", "videos", "type"]) | st.text()
    return st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6)


def dumped(value: Any) -> bytes:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(value).encode()
    finally:
        sys.set_int_max_str_digits(before)


BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(ODD_VALUES, _in_objects, max_leaves=20).map(dumped),
    st.integers(1, 200_000).map(lambda depth: b'{"data":' * min(depth, 100_000)),
)
NAMES = st.sampled_from([*HEADERS, *(name.lower() for name in HEADERS), "x"])
VALUES = st.text(max_size=40) | st.sampled_from([*HEADERS.values(), "\udcff", "v1,", "9" * 12])
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(
    raw=BODIES,
    headers=PAIRS
    | PAIRS.map(dict)
    | PAIRS.map(
        lambda pairs: [
            (name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in pairs
        ]
    ),
    signed=st.booleans(),
)
@pytest.mark.slow
def test_no_request_fails_in_another_way(raw: bytes, headers: Any, *, signed: bool) -> None:
    """Any body and headers end in an event, or in the one error that is answered with 400."""
    if signed:  # so that the code behind the signature is reached as well
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = hmac.digest(key, f"1.{SENT}.".encode() + raw, "sha256")
        signature = f"v1,{base64.b64encode(digest).decode()}"
        headers = dict(zip(HEADERS, ("1", str(SENT), signature), strict=True))
    try:
        event = parse_callback(raw, headers, SECRET, SENT)
    except CallbackVerificationError as error:
        str(error).encode()
    else:
        assert event.verified
        assert event.task.task_id.encode()
        assert event.task.units is None or event.task.units.is_finite()
        repr(event)


def test_units_are_summed_exactly() -> None:
    """For any precision of the program's own decimals, an amount is not rounded."""
    paid = [{"package_type": "video", "amount": amount} for amount in ("1234567.25", "0.0000001")]
    raw = json.dumps({"id": "1", "status": "succeeded", "billing": paid}).encode()
    with localcontext() as context:
        context.prec, context.traps[Inexact] = 3, True
        units = parse_callback(raw, verify=False).task.units
    assert units == Decimal("1234567.2500001")


def test_a_body_may_have_a_mebibyte() -> None:
    """A callback has a few hundred bytes; what is larger is not even parsed."""
    largest = body().ljust(1024 * 1024)
    assert parse_callback(largest, verify=False).task.task_id
    with pytest.raises(CallbackVerificationError, match="larger than 1,048,576 bytes"):
        parse_callback(largest + b" ", verify=False)
    # It is not hashed either: the refusal comes before the check of its signature.
    with pytest.raises(CallbackVerificationError, match="larger than 1,048,576 bytes"):
        parse_callback(largest + b" ", {}, "whsec_c2VjcmV0", 0)


@pytest.mark.parametrize("number", ["NaN", "1e400", "-Infinity", "true", "null", "[]"])
def test_what_is_no_number_is_no_id(number: str) -> None:
    """A task whose id is "nan" would be polled forever."""
    for name, status in (("task_id", "task_status"), ("id", "status")):
        raw = f'{{"{name}": {number}, "{status}": "submitted"}}'.encode()
        with pytest.raises(CallbackVerificationError, match="the body is not a task"):
            parse_callback(raw, verify=False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b"9" * 2_000_000,
        body(task_id="\ud800"),
        body(task_id="1\n2"),
    ],
    ids=range(8),
)
def test_a_body_that_is_no_task_is_refused(raw: bytes) -> None:
    """Garbage, deep nesting and huge bodies end in the same error."""
    with pytest.raises(CallbackVerificationError):
        parse_callback(raw, verify=False)


@pytest.mark.parametrize(
    ("before", "is_taken"),
    [
        ([], True),
        (["v1,!"], True),
        (["v1,AAAA", "v2,AAAA", "v1"], True),
        (["v1,AAAA"] * 19, True),
        (["v1,AAAA"] * 20, False),
    ],
)
def test_a_signature_counts_wherever_it_stands_among_the_first_twenty(
    *, before: list[str], is_taken: bool
) -> None:
    """It is found behind text that is not base64; the number of comparisons is bounded."""
    signatures = " ".join([*before, HEADERS["Webhook-Signature"]])
    junk = {**HEADERS, "Webhook-Signature": signatures.replace("v1,U", "v1,!U!")}
    with pytest.raises(CallbackVerificationError, match="does not match"):
        parse_callback(BODY, junk, SECRET, now=SENT)
    headers = {**HEADERS, "Webhook-Signature": signatures}
    if is_taken:
        assert parse_callback(BODY, headers, SECRET, now=SENT).verified
        return
    with pytest.raises(CallbackVerificationError, match="does not match"):
        parse_callback(BODY, headers, SECRET, now=SENT)


def signed(timestamp: str, payload: bytes = BODY) -> dict[str, str]:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"1.{timestamp}.".encode() + payload, "sha256")
    mark = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "1", "webhook-timestamp": timestamp, "webhook-signature": mark}


def test_a_timestamp_has_at_most_12_digits_and_is_no_future_of_milliseconds() -> None:
    """The last number that is read, and the first that is not."""
    for timestamp, words in (("9" * 12, "must be within 300 s"), ("9" * 13, "is not a number")):
        with pytest.raises(CallbackVerificationError, match=words):
            parse_callback(BODY, signed(timestamp), SECRET, now=SENT)
    assert parse_callback(BODY, signed(f"{SENT:012}"), SECRET, now=SENT).webhook_id == "1"


@pytest.mark.parametrize(
    ("payload", "generation", "task_id"),
    [
        ({"task_id": "1", "task_status": "submitted"}, "legacy", "1"),
        ({"id": "2", "status": "submitted"}, "new", "2"),
        ({"data": {"task_id": "3", "task_status": "submitted"}}, "legacy", "3"),
        ({"data": {"id": "4", "status": "submitted"}}, "new", "4"),
        (
            {"task_id": "5", "task_status": "submitted", "data": {"task_id": "6"}},
            "legacy",
            "5",
        ),
        ({"data": 5, "id": "7", "status": "submitted"}, "new", "7"),
    ],
)
def test_either_interface_may_stand_in_an_envelope(
    payload: dict[str, Any], generation: str, task_id: str
) -> None:
    """An object that names a task itself is not an envelope."""
    event = parse_callback(json.dumps(payload).encode(), verify=False)
    assert (event.generation, event.task.task_id) == (generation, task_id)
    assert (event.verified, event.webhook_id) == (False, None)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "the body is not a JSON object"),
        (b"no", "the body is not a JSON object"),
        (b"[" * 100_000, "the body is not a JSON object"),
        (b'{"task_id": "1"}', "the body is not a task: a task without task_id or task_status"),
        (b'{"id": "1"}', "the body is not a task: a task without id or status"),
        (
            b'{"id": "\\ud800", "status": "x"}',
            "the body is not a task: its id contains control characters",
        ),
    ],
)
def test_a_body_that_is_no_task_reads(raw: bytes, words: str) -> None:
    """Answer 400, and the log says why."""
    with pytest.raises(CallbackVerificationError) as refused:
        parse_callback(raw, verify=False)
    assert str(refused.value) == words
