"""Reading the vendor's reports to a `callback_url`, and telling them from forgeries.

A callback is a hint until its signature has been checked: anyone who knows the URL can
post one. It may come twice, late, or out of order; the task's status decides, not the
arrival. Since 2026-08-07 the vendor signs callbacks when signing is switched on, by the Standard
Webhooks scheme (its callback page, with a test vector that this module reproduces). It does not
state whether callbacks of the legacy interface are signed.

Two kinds of errors are kept apart. An error in the request (body, headers) raises
`CallbackVerificationError`, which a handler answers with 400. A mistake of the program (no secret,
a time in milliseconds) raises `TypeError` or `ValueError` at every call, signed or not: a handler
that answered it with 400 would refuse every callback without a trace.

This module needs no clock and no framework: raw bytes, headers and the time are arguments.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from kling_sdk.errors import CallbackVerificationError, TransportError
from kling_sdk.results.task import Task
from kling_sdk.wire import model_path, v1
from kling_sdk.wire.messages import read_json

TOLERANCE: Final = 300  # s, both ways (vendor page)
MAX_BODY: Final = 1024 * 1024
LATEST: Final = 10**11  # s since 1970, the year 5138: a larger number counts milliseconds

LATE: Final = 24 * 3600  # s; a callback that old is hardly a delayed one
_EMULATED: Final = (
    "; if an emulator whose clock differs from this computer's has signed it, pass the emulator's "
    "time, now=mock.clock.time(), or let it sign in real time, mock.callbacks.timestamps = 'real'"
)

#: A request's headers: a mapping, or pairs as an ASGI server has them.
Headers = (
    Mapping[str, str]
    | Mapping[bytes, bytes]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
)

_SIGNED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


@attrs.frozen
class CallbackEvent:
    """One change of a task, as the vendor reported it.

    Attributes:
        task: The task in the callback.
        verified: True when a signature was checked. False is a hint only: read the task
            again with your own key before anything depends on it.
        webhook_id: The delivery's id, equal for repeats of it; None when it is unsigned.
        generation: The form of the body: `legacy` is that of /v1, `new` that of the interface
            with the model in the path.
    """

    task: Task
    verified: bool
    webhook_id: str | None = None
    generation: str = "legacy"


def parse_callback(
    raw_body: bytes,
    headers: Headers | None = None,
    secrets: str | Iterable[str] | None = None,
    now: float | None = None,
    *,
    verify: bool = True,
) -> CallbackEvent:
    """Return the event that a callback reports, after checking its signature.

    Args:
        raw_body: The body exactly as received. A body that was parsed and written again
            has other bytes, and its signature cannot match.
        headers: The request's headers: a mapping, or pairs; names in any case, text or bytes.
        secrets: The webhook secret, `whsec_...`, or several while one replaces another.
        now: Seconds since the Unix epoch: `time.time()`.
        verify: False checks no signature, and the event is only a hint (`verified` is
            False). It must be written out: a secret that is missing from the
            environment must not switch the check off.

    Raises:
        CallbackVerificationError: the signature is missing, wrong or more than 300 s off,
            or the body is not a task. Answer 400.
        TypeError: an argument is missing or of another type: a mistake of the program.
        ValueError: a secret is empty or not base64, or *now* is not a time in seconds: also a
            mistake of the program.
    """
    body = _bytes(raw_body)
    webhook_id = None
    if verify:
        webhook_id = check_signature(body, headers, secrets, now)
    elif secrets is not None:
        raise TypeError(
            "verify=False does not check signatures; leave out secrets, or leave out verify"
        )
    task, generation = _read(body)
    return CallbackEvent(task, verify, webhook_id, generation)


def check_signature(
    body: bytes, headers: Headers | None, secrets: str | Iterable[str] | None, now: float | None
) -> str:
    """Return the delivery's id after checking its signature (Standard Webhooks).

    Use it in a receiver that must read the body before it knows which secret applies; any other
    receiver passes the secret to `parse_callback`.

    Args:
        body: As for `parse_callback`.
        headers: As for `parse_callback`.
        secrets: As for `parse_callback`.
        now: As for `parse_callback`.

    Raises:
        CallbackVerificationError: The signature is missing, wrong or more than 300 s off.
        TypeError: As for `parse_callback`.
        ValueError: As for `parse_callback`.
    """
    # The program's own arguments first: a mistake then shows with the first request of any kind.
    body, keys, moment = _bytes(body), _keys(secrets), _moment(now)
    _check_size(body)  # before all of it is hashed
    webhook_id, timestamp, signatures = _signed_headers(headers)
    if not (timestamp.isdigit() and len(timestamp) < 13):
        raise CallbackVerificationError("webhook-timestamp is not a number of seconds")
    age = moment - int(timestamp)
    if abs(age) > TOLERANCE:
        raise CallbackVerificationError(_off(age))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = [hmac.digest(key, signed, "sha256") for key in keys]
    received = list(_v1_signatures(signatures))
    # Every pair is compared in constant time, whichever matches first.
    matches = [
        hmac.compare_digest(digest, signature) for digest in expected for signature in received
    ]
    if not any(matches):
        raise CallbackVerificationError(
            "the signature does not match: the callback is forged, another secret has signed it, "
            "or raw_body is not byte for byte what was received"
        )
    return webhook_id


def _off(age: float) -> str:
    """Return why a callback that was signed *age* seconds before now is refused, and what helps."""
    direction = "before" if age > 0 else "after"
    causes = "it was delayed or replayed, or now is ahead" if age > 0 else "now is behind"
    off = f"{abs(age):.0f} s {direction} now"
    text = f"the callback was signed {off}; it must be within {TOLERANCE} s: {causes}"
    # Either a clock this far off was changed, or an attacker replays an old callback.
    return f"{text}{_EMULATED}" if age < 0 or age > LATE else text


# ---------------------------------------------------------------- the program's arguments


def _bytes(body: object) -> bytes:
    if not isinstance(body, bytes | bytearray):
        raise TypeError(
            f"raw_body is a {type(body).__name__}; expected the body's bytes as received "
            "(aiohttp: await request.read(), Starlette: await request.body(), "
            "Flask: request.get_data(), Django: request.body)"
        )
    return bytes(body)


def _keys(secrets: object) -> tuple[bytes, ...]:
    if secrets is None:
        raise TypeError(
            "secrets is None; it must be the webhook secret, whsec_... (is its variable set?), "
            "or verify=False for callbacks that are not signed"
        )
    texts: object = (secrets,) if isinstance(secrets, str) else secrets
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
        raise TypeError(f"secrets is a {type(secrets).__name__}; it must be text, or a list of it")
    keys = tuple(_key(secret) for secret in texts)
    if not keys:
        raise ValueError("secrets is empty; it must hold a webhook secret, whsec_...")
    return keys


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        raise TypeError(f"a secret is a {type(secret).__name__}; it must be text, whsec_...")
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "a secret is not base64; it must be whsec_ and base64, as the vendor shows it"
        ) from None
    if not key:
        raise ValueError(
            "a secret is empty, and a signature made with it proves nothing; set its variable"
        )
    return key


def _moment(now: object) -> float:
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise TypeError(f"now is {_kind(now)}; it must be a number of seconds: time.time()")
    if not abs(now) < LATEST:  # written so that NaN, which would switch the check off, is refused
        raise ValueError(
            "now is not a time in seconds since 1970; it must be time.time(), not milliseconds"
        )
    return float(now)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


# ---------------------------------------------------------------- what the request brings


def _signed_headers(headers: object) -> list[str]:
    """Return the values of the three headers that a signed callback has.

    Raises:
        CallbackVerificationError: one is missing, comes twice, or is not ASCII.
        TypeError: *headers* are not headers: a mistake of the program.
    """
    by_name: dict[str, str] = {}
    for name, value in _pairs(headers):
        key = _as_text(name, "name").lower()
        if key not in _SIGNED:
            continue
        if key in by_name:
            raise CallbackVerificationError(f"the callback has the header {key} twice")
        by_name[key] = _as_text(value, "value").strip()
    values = [by_name.get(name, "") for name in _SIGNED]
    if not all(values):
        raise CallbackVerificationError(
            "the callback is not signed: webhook-id, webhook-timestamp or webhook-signature is "
            "missing"
        )
    if not all(value.isascii() and value.isprintable() for value in values):
        raise CallbackVerificationError("a webhook header holds characters that are not ASCII")
    return values


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    items = getattr(headers, "items", None)
    pairs: Any = items() if callable(items) else headers
    try:
        return [(name, value) for name, value in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            f"headers is {_kind(headers)}; it must be the request's headers: a mapping, or pairs "
            "of name and value"
        ) from None


def _as_text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"a header's {what} is {_kind(value)}; it must be text or bytes")


def _v1_signatures(signatures: str) -> Iterable[bytes]:
    for item in signatures.split(" ")[:20]:
        version, comma, value = item.partition(",")
        if version == "v1" and comma:
            try:
                yield base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue


def _check_size(body: bytes) -> None:
    if len(body) > MAX_BODY:
        raise CallbackVerificationError(f"the body is larger than {MAX_BODY:,} bytes")


def _read(body: bytes) -> tuple[Task, str]:
    _check_size(body)
    try:
        data = read_json(body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and isinstance(data.get("data"), dict) and "task_id" not in data:
        data = data["data"]  # one of the vendor's pages shows an envelope; no body seen had one
    if not isinstance(data, dict):
        raise CallbackVerificationError("the body is not a JSON object")
    try:
        # One page of `/solutions` has `task_id` beside the words of the newer interface.
        if "task_id" in data and "status" not in data:
            task, generation = v1.task_from(data), "legacy"
        else:
            task, generation = model_path.task_from(data), "new"
    except TransportError as error:
        raise CallbackVerificationError(f"the body is not a task: {error}") from None
    if not task.task_id.isprintable():  # half of a surrogate pair cannot even be logged
        raise CallbackVerificationError(
            "the body is not a task: its id contains control characters"
        )
    return task, generation
