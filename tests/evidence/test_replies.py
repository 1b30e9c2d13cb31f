"""Replies that others have seen, service codes, and pictures that are too small."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

import kling_sdk
from kling_mock import RateLimit
from kling_sdk import Kling, KlingAPIError
from tests.evidence.requests import v1_request
from tests.evidence.rows import Failures, name_of, rows
from tests.evidence.sides import Emulator, Reply, Sdk, token
from tests.plain_http import NO_TLS

GET: Final = ("GET", "/v1/videos/text2video")
CREATE: Final = ("POST", "/v1/videos/text2video")
PROMPT: Final = {"prompt": "a cat"}


@contextmanager
def account(emulator: Emulator, **settings: Any) -> Iterator[None]:
    """Set up the account for one request."""
    handle = emulator.mock.account
    before = {name: getattr(handle, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(handle, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(handle, name, value)


def reply_to(emulator: Emulator, row: Mapping[str, Any]) -> Reply:
    key = {None: None, "token": token(emulator.mock), "garbage": "garbage"}[row.get("key")]
    settings = {name: row[name] for name in ("units", "slots") if name in row}
    with account(emulator, **settings):
        if row.get("twice"):
            emulator.ask(row["method"], row["path"], row["body"])
        return emulator.ask(row["method"], row["path"], row.get("body"), key)


def test_the_emulator_replies_as_was_seen(emulator: Emulator) -> None:
    """Status, code and words, to the letter where all of them were recorded."""
    failures = Failures("replies", "emulator")
    for row in rows("replies"):
        reply = reply_to(emulator, row)
        message = str(reply.body.get("message"))
        agrees = (
            (reply.http, reply.code) == (row["http"], row["code"])
            and message == row.get("message", message)
            and row.get("contains", "") in message
            and reply.body.get("data") == row.get("data", reply.body.get("data"))
            and not set(row.get("without", ())) & reply.body.keys()
        )
        if not agrees:
            failures.add(name_of(row), str(reply))
        elif "ends" in row:
            emulator.finish()
            (task,) = emulator.tasks_of([(row["path"], reply.task_id)])
            ends = [task["status"], task["message"], task["billing"][0]["amount"]]
            if ends != row["ends"]:
                failures.add(name_of(row), f"ends as {ends}")
    failures.report()


# ---------------------------------------------------------------- service codes

#: What brings the emulator to each code, where a test can.
CAUSES: Final[Mapping[int, Callable[[Emulator], Reply]]] = {
    1001: lambda kling: kling.ask(*GET, key=""),
    1002: lambda kling: kling.ask(*GET, key="garbage"),
    1003: lambda kling: kling.ask(*GET, key=token(kling.mock, begins=600)),
    1004: lambda kling: kling.ask(*GET, key=token(kling.mock, ends=-600)),
    1100: lambda kling: _with(kling, disabled=True),
    1101: lambda kling: _with(kling, in_arrears=True),
    1102: lambda kling: _with(kling, units=0),
    1103: lambda kling: _with(kling, denied=["text2video"]),
    1201: lambda kling: kling.ask(*CREATE, {}),
    1302: lambda kling: _with(kling, rate_limit=RateLimit(1, seconds=60)),
    1303: lambda kling: _with(kling, slots=0),
    1304: lambda kling: _with(kling, allowed_ips=["192.0.2.1"]),
}


def _with(emulator: Emulator, **settings: Any) -> Reply:
    with account(emulator, **settings):
        emulator.ask(*CREATE, PROMPT)
        return emulator.ask(*CREATE, PROMPT)


def _declared(emulator: Emulator, code: int) -> Reply:
    """Return the reply where a test says which code it must be, and not which status."""
    fault = emulator.mock.faults.add("status", "GET /v1/videos/text2video", code=code)
    try:
        return emulator.ask(*GET)
    finally:
        emulator.mock.faults.remove(fault)


def test_the_emulator_has_the_statuses_of_the_codes(emulator: Emulator) -> None:
    """What causes a code brings it, with its HTTP status."""
    failures = Failures("codes", "emulator")
    for row in rows("codes"):
        replies = [_declared(emulator, row["code"])]
        if row["code"] in CAUSES:
            replies.append(CAUSES[row["code"]](emulator))
        for reply in replies:
            if (reply.http, reply.code) != (row["http"], row["code"]):
                failures.add(name_of(row), str(reply))
    failures.report()


#: The errors of the SDK for what codes mean.
ERRORS: Final[Mapping[range, type[KlingAPIError]]] = {
    range(1000, 1005): kling_sdk.AuthenticationError,
    range(1100, 1103): kling_sdk.AccountError,
    range(1103, 1104): kling_sdk.PermissionDeniedError,
    range(1200, 1202): kling_sdk.InvalidRequestError,
    range(1202, 1204): kling_sdk.NotFoundError,
    range(1300, 1302): kling_sdk.ContentPolicyError,
    range(1302, 1303): kling_sdk.RateLimitError,
    range(1303, 1304): kling_sdk.ConcurrencyLimitError,
    range(1304, 1305): kling_sdk.IPNotAllowedError,
    range(5000, 5003): kling_sdk.ServerError,
}


def test_the_sdk_raises_the_errors_of_the_codes() -> None:
    """Each code is its error, which says whether the same request may pass later."""
    failures = Failures("codes", "sdk")
    for row in rows("codes"):
        kind = next(kind for codes, kind in ERRORS.items() if row["code"] in codes)
        body = {"code": row["code"], "message": "no", "request_id": "1"}
        reply = httpx.Response(row["http"], json=body)
        error = _raised(reply)
        if (type(error), getattr(error, "retryable", None)) != (kind, row["again"]):
            failures.add(name_of(row), f"raises {error!r}")
    failures.report()


def _raised(reply: httpx.Response) -> KlingAPIError | None:
    transport = httpx.MockTransport(lambda _request: reply)
    http = httpx.Client(transport=transport, verify=NO_TLS)
    with Kling("a-key", http_client=http, retries=0) as kling:
        try:
            kling.text2video.list()
        except KlingAPIError as error:
            return error
    return None


# ---------------------------------------------------------------- pictures


def picture(width: int, height: int, size: int = 0) -> bytes:
    """Return a PNG with these sides, of at least so many bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    lines = zlib.compress((b"\0" + bytes((width + 7) // 8)) * height)
    parts = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", lines)
    end = chunk(b"IEND", b"")
    filling = size - len(parts) - len(end) - 12
    return parts + (chunk(b"fiLL", bytes(filling)) if filling > 0 else b"") + end


def pictures() -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    """Yield pictures at the limits and beyond: name, path, body, whether they are taken."""
    for row in rows("pictures"):
        side, most = row["min_side"], int(row["min_side"] * row["max_ratio"])
        shapes = [(side, side, True), (side - 1, side, False), (most, side, True)]
        shapes += [(most + 8, side, False), (side, most + 8, False)]
        for width, height, passes in shapes:
            body = {row["field"]: base64.b64encode(picture(width, height)).decode()}
            yield f"{name_of(row)}: {width}x{height}", row["path"], body, passes
        for extra in (0, 1) if row["path"].endswith("image2video") else ():
            content = picture(side, side, row["max_mb"] * 1024**2 + extra)
            body = {row["field"]: base64.b64encode(content).decode()}
            yield f"{name_of(row)}: {row['max_mb']} MB + {extra}", row["path"], body, not extra


@pytest.mark.slow
def test_the_sdk_sends_pictures_that_are_taken(sdk: Sdk) -> None:
    """The smallest, the narrowest and the largest one."""
    failures = Failures("pictures", "sdk")
    for name, path, patch, passes in pictures():
        sent = sdk.create(path, v1_request(path, patch).fields)
        if bool(sent.refused) == passes:
            failures.add(name, sent.refused or "is sent")
    failures.report()


@pytest.mark.slow
def test_the_emulator_makes_something_of_pictures_that_are_taken(emulator: Emulator) -> None:
    """A picture that is not taken is refused, or fails the task."""
    failures = Failures("pictures", "emulator")
    cases = list(pictures())
    bodies = [(path, v1_request(path, patch).body) for _, path, patch, _ in cases]
    replies = [emulator.ask("POST", path, body) for path, body in bodies]
    created = [
        (path, reply.task_id if reply.code == 0 else "0")
        for (path, _), reply in zip(bodies, replies, strict=True)
    ]
    emulator.finish()
    queries = emulator.ask_all([("GET", f"{path}/{task_id}", None) for path, task_id in created])
    for (name, _, _, passes), query in zip(cases, queries, strict=True):
        works = query.code == 0 and query.body["data"]["task_status"] == "succeed"
        if works != passes:
            failures.add(name, str(query))
    failures.report()


# ---------------------------------------------------------------- names


def names(kind: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    return ((row, name) for row in rows("names") if row["kind"] == kind for name in row["names"])


URL: Final = "https://example.com/a.png"
SCENES: Final[Mapping[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "scenes of two pictures": ({"images": [URL, URL]}, {"image": URL}),
    "scenes of one picture": ({"image": URL}, {"images": [URL, URL]}),
}


def test_the_sdk_knows_the_scenes_and_what_was_seen_refused(sdk: Sdk) -> None:
    """A scene that is known is sent without a word, with another number of pictures not."""
    failures = Failures("names", "sdk")
    path = "/v1/videos/effects"
    for kind, (right, wrong) in SCENES.items():
        for _, scene in names(kind):
            for scene_input, is_right in ((right, True), (wrong, False)):
                sent = sdk.create(path, {"effect_scene": scene, "input": scene_input})
                if bool(sent.refused or sent.warned) == is_right:
                    failures.add(scene, sent.refused or str(sent.warned))
    for row, name in names("seen refused"):
        path = name if name.startswith("/") else "/v1/videos/image2video"
        fields: dict[str, Any] = {} if path == name else {"model_name": name}
        fresh = Sdk()  # a client warns once
        sent = fresh.create(path, v1_request(path, fields).fields)
        fresh.kling.close()
        if not any(row["since"] in text for text in sent.warned):
            failures.add(name, f"warns of {sent.warned}")
    failures.report()


def test_the_emulator_knows_the_voices_the_scenes_and_what_was_seen_refused(
    emulator: Emulator, strict_emulator: Emulator
) -> None:
    """A voice is spoken by, a scene made without a note, and what is gone noted with its date."""
    failures = Failures("names", "emulator")
    voices = [voice for _, voice in names("voices")]
    bodies = [{"text": "Hello", "voice_id": name, "voice_language": "en"} for name in voices]
    spoken = emulator.ask_all([("POST", "/v1/audio/tts", body) for body in bodies])
    for voice, reply in zip(voices, spoken, strict=True):
        if reply.code != 0:
            failures.add(voice, str(reply))
    scenes = [
        (scene, scene_input, is_right)
        for kind, (right, wrong) in SCENES.items()
        for _, scene in names(kind)
        for scene_input, is_right in ((right, True), (wrong, False))
    ]
    replies = strict_emulator.create_all(
        ("/v1/videos/effects", {"effect_scene": scene, "input": scene_input})
        for scene, scene_input, _ in scenes
    )
    for (scene, _, is_right), reply in zip(scenes, replies, strict=True):
        if (reply.code == 0 and not reply.note) != is_right:
            failures.add(scene, str(reply))
    for row, name in names("seen refused"):
        path = name if name.startswith("/") else "/v1/videos/image2video"
        fields: dict[str, Any] = {} if path == name else {"model_name": name}
        reply = emulator.ask("POST", path, v1_request(path, fields).body)
        notes = [note.text for note in emulator.mock.journal[-1].notes]
        if reply.code != 0 or not any(row["since"] in note for note in notes):
            failures.add(name, f"notes {notes}")
    failures.report()


def test_the_sdk_accepts_the_callback_that_the_vendor_signed() -> None:
    """The example of the vendor's page, and not one with another body."""
    row = next(row for row in rows("names") if row["kind"] == "signed callback")
    headers = {f"webhook-{name}": row[name] for name in ("id", "timestamp", "signature")}
    body, now = row["body"].encode(), float(row["timestamp"])
    kling_sdk.check_signature(body, headers, row["secret"], now=now)
    with pytest.raises(kling_sdk.CallbackVerificationError):
        kling_sdk.check_signature(body + b" ", headers, row["secret"], now=now)
