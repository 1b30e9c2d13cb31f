"""Reading what the vendor posts to a `callback_url`, and telling it from a forgery.

A callback is a hint until its signature has been checked: anyone who knows the URL can
post one. It may come twice, late, or out of order; the task's status decides, not the
arrival. The vendor signs since 2026-08-07 when it is switched on, by the Standard Webhooks scheme
(its callback page, with a vector that this module reproduces). Whether callbacks of the
legacy interface are signed is stated nowhere.

No clock and no framework here: raw bytes, headers and the time are arguments.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from kling_sdk.errors import CallbackVerificationError, TransportError
from kling_sdk.results import Task, Video, decimal, instant, text
from kling_sdk.wire.messages import read_json
from kling_sdk.wire.v1 import task_from

__all__ = ["CallbackEvent", "check_signature", "parse_callback"]

TOLERANCE: Final = 300  # s, both ways (vendor page)
MAX_BODY: Final = 1024 * 1024


@attrs.frozen
class CallbackEvent:
    """One change of a task, as the vendor reported it.

    Attributes:
        task: The task in the callback.
        verified: True when a signature was checked. False is a hint only: read the task
            again with your own key before anything depends on it.
        webhook_id: The delivery's id, equal for repeats of it; None when it is unsigned.
        generation: `legacy` (`task_status`, `succeed`) or `new` (`status`, `succeeded`).
    """

    task: Task
    verified: bool
    webhook_id: str | None = None
    generation: str = "legacy"


def parse_callback(
    raw_body: bytes,
    headers: Mapping[str, str] | None = None,
    secrets: str | Iterable[str] | None = None,
    now: float | None = None,
) -> CallbackEvent:
    """Return what a callback says.

    Args:
        raw_body: The body exactly as received. A body that was parsed and written again
            has other bytes, and its signature cannot match.
        headers: The request's headers, names in any case. Needed with *secrets*.
        secrets: The webhook secret, `whsec_...`, or several while one replaces another.
            None checks no signature, and the event says so.
        now: Seconds since the Unix epoch; needed with *secrets*.

    Raises:
        CallbackVerificationError: the signature is missing, wrong or more than 300 s off;
            a secret is empty; or the body is no task.
        TypeError: *raw_body* is not bytes.
    """
    body: object = raw_body
    if not isinstance(body, bytes | bytearray):
        raise TypeError(
            f"raw_body is a {type(body).__name__}; expected the body's bytes as received "
            "(aiohttp: await request.read(), Starlette: await request.body(), "
            "Flask: request.get_data(), Django: request.body)"
        )
    webhook_id = None
    if secrets is not None:
        webhook_id = check_signature(bytes(body), headers or {}, secrets, now)
    task, generation = _read(bytes(body))
    return CallbackEvent(task, secrets is not None, webhook_id, generation)


def check_signature(
    body: bytes, headers: Mapping[str, str], secrets: str | Iterable[str], now: float | None
) -> str:
    """Return the delivery's id after checking its signature (Standard Webhooks).

    For a receiver that has to read the body before it knows whose secret counts; everybody
    else passes the secret to `parse_callback`.

    Args:
        body: As for `parse_callback`.
        headers: As there.
        secrets: As there.
        now: As there.

    Raises:
        CallbackVerificationError: The signature is missing, wrong or more than 300 s off, or a
            secret is empty.
    """
    if now is None:
        raise CallbackVerificationError("now is missing; expected time.time()")
    lower = {name.lower(): value for name, value in headers.items()}
    values = [lower.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
    webhook_id, timestamp, signatures = values
    if not all(values):
        raise CallbackVerificationError(
            "the callback is not signed: webhook-id, webhook-timestamp or webhook-signature is "
            "missing"
        )
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        raise CallbackVerificationError("webhook-timestamp is no number of seconds")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise CallbackVerificationError(
            f"the callback is {now - int(timestamp):.0f} s old; "
            f"it must be within {TOLERANCE} s either way"
        )
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    wanted = [hmac.digest(key, signed, "sha256") for key in _keys(secrets)]
    given = list(_given(signatures))
    # Every pair is compared in constant time, whichever matches first.
    matches = [hmac.compare_digest(one, other) for one in wanted for other in given]
    if not any(matches):
        raise CallbackVerificationError(
            "the signature does not match: a forgery, another secret, or a body that is not "
            "byte for byte what was received"
        )
    return webhook_id


def _keys(secrets: str | Iterable[str]) -> tuple[bytes, ...]:
    texts = (secrets,) if isinstance(secrets, str) else tuple(secrets)
    keys: list[bytes] = []
    for secret in texts:
        try:
            key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise CallbackVerificationError(
                "a secret is not base64; expected whsec_ and base64, as the vendor shows it"
            ) from None
        if not key:
            raise CallbackVerificationError("a secret is empty: it would accept any forgery")
        keys.append(key)
    if not keys:
        raise CallbackVerificationError("there is no secret: pass None to check no signature")
    return tuple(keys)


def _given(signatures: str) -> Iterable[bytes]:
    for item in signatures.split(" ")[:20]:
        version, comma, value = item.partition(",")
        if version == "v1" and comma:
            try:
                yield base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue


def _read(body: bytes) -> tuple[Task, str]:
    if len(body) > MAX_BODY:
        raise CallbackVerificationError(f"the body is larger than {MAX_BODY:,} bytes")
    try:
        data = read_json(body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and isinstance(data.get("data"), dict) and "task_id" not in data:
        data = data["data"]  # one of the vendor's pages shows an envelope; no body seen had one
    if not isinstance(data, dict):
        raise CallbackVerificationError("the body is no JSON object")
    try:
        return (task_from(data), "legacy") if "task_id" in data else (_new_task(data), "new")
    except TransportError as error:
        raise CallbackVerificationError(f"the body is no task: {error}") from None


def _new_task(raw: dict[str, Any]) -> Task:
    """Return a task from the body of the vendor's newer interface."""
    task_id, status = text(raw.get("id")), text(raw.get("status"))
    if not task_id or not status:
        raise TransportError("no id or status")
    outputs = raw.get("outputs")
    return Task(
        task_id=task_id,
        status=status,
        external_task_id=text(raw.get("external_id")) or None,
        status_msg=text(raw.get("message")),
        videos=tuple(
            Video(
                id=text(item.get("id")),
                url=url,
                duration=decimal(item.get("duration")),
                watermark_url=text(item.get("watermark_url")) or None,
                raw=item,
            )
            for item in (outputs if isinstance(outputs, list) else ())
            if isinstance(item, dict)
            and item.get("type", "video") == "video"
            and (url := text(item.get("url")))
        ),
        created_at=instant(raw.get("create_time")),
        updated_at=instant(raw.get("update_time")),
        units=_package_units(raw.get("billing")),
        raw=raw,
    )


def _package_units(billing: object) -> Decimal | None:
    """Return the units that packages paid, summed; None unless they paid all of it.

    An item of another kind, such as one paid from the balance, has an amount of money and no
    units, so a sum over the rest would be too small.
    """
    amounts: list[Decimal] = []
    for item in billing if isinstance(billing, list) else ():
        if not isinstance(item, dict):
            continue
        amount = decimal(item.get("amount"))
        if item.get("package_type"):
            if amount is None:
                return None
            amounts.append(amount)
        elif item.get("amount") is not None and amount != 0:
            return None
    return sum(amounts, Decimal(0)) if amounts else None
