"""A session of everything, recorded from an emulated Kling over real sockets, and its secrets."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt

from kling_mock import KlingMock
from kling_mock.recording.media import placeholder
from kling_mock.recording.recorder import Recorder
from tests.mock.receiver import Receiver
from tests.plain_http import NO_TLS

PICTURE = base64.b64encode(placeholder("image/png", 5000, (400, 300))).decode()
API_KEY = "api-key-canary-5f1d0c9e8b7a6655"
ACCESS_KEY = "canaryaccesskey0123456789abcdef0"
SECRET_KEY = "canarysecretkey0123456789abcdef0"
PROMPT = "A zebra named Wilhelmina crosses the Oberbaumbruecke at midnight, 威廉明娜在桥上 🦓"
NEGATIVE = "watermelons, umbrellas"
IMAGE_URL = "https://bucket.example.com/pictures/wilhelmina.png?X-Amz-Signature=c0ffee1234abcd"
EXTERNAL_ID = "invoice-wilhelmina-22914806735"  # long enough not to be in another id by chance
VOICE_ID = "829836802793406551"
FAILURE = f"the subject Wilhelmina of {EXTERNAL_ID} is not allowed"
USER_AGENT = "canary-agent/9.9 (workstation of Erika Mustermann)"
COOKIE = "session_cookie=canarycookie99887766"


def canaries(callback_url: str, tokens: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return what must not be in the file, by kind; a word is enough of a text."""
    return {
        "API key": (API_KEY, "5f1d0c9e8b7a6655"),
        "token": (*tokens, *(part for token in tokens for part in token.split("."))),
        "key pair": (ACCESS_KEY, SECRET_KEY),
        "prompt": ("zebra", "Wilhelmina", "crosses", "Oberbaumbruecke", "midnight", "威廉", "🦓"),
        "negative prompt": ("watermelons", "umbrellas"),
        "signed URL": ("bucket.example", "wilhelmina.png", "X-Amz", "c0ffee1234abcd"),
        "media": (PICTURE[:40], PICTURE[200:240], "iVBORw0KGgo"),
        "external id": (EXTERNAL_ID, "invoice-", "22914806735"),
        "voice id": (VOICE_ID,),
        "callback URL": (callback_url, "hooktoken"),
        "user agent": ("canary-agent", "Mustermann"),
        "cookie": ("canarycookie", "session_cookie"),
    }


def found_in(text: str, canary_words: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the canaries that are in *text*, by kind; without regard to case."""
    lower = text.lower()
    leaks = {
        kind: [word for word in words if word.lower() in lower]
        for kind, words in canary_words.items()
    }
    return {kind: words for kind, words in leaks.items() if words}


@contextmanager
def canary_mock(**options: Any) -> Iterator[KlingMock]:
    """Run an emulated Kling whose keys are canaries."""
    from kling_mock import Secrets

    secrets = Secrets(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_key=API_KEY)
    with KlingMock(secrets=secrets, **options) as mock:
        yield mock


def token() -> str:
    now = int(time.time())
    claims = {"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5}
    return jwt.encode(claims, SECRET_KEY, "HS256")


def record_everything(path: Path, receiver: Receiver) -> tuple[str, ...]:
    """Record a session that has a bit of everything; return the tokens that it used.

    A poll, a callback URL, a failed task, a duplicate id, a picture in base64, a list, refusals
    of every kind, both ways to authenticate, a body that is not JSON; and the same with the model
    in the path.
    """
    with canary_mock() as mock, Recorder(mock.kling_url, path, Decimal(100)) as recorder:
        bearer = token()
        headers = {"User-Agent": USER_AGENT, "Cookie": COOKIE}
        with httpx.Client(
            base_url=recorder.url, trust_env=False, headers=headers, verify=NO_TLS
        ) as http:
            _talk(http, mock, bearer, f"{receiver.url}hook?token=hooktoken")
    return (bearer,)


def _talk(http: httpx.Client, mock: KlingMock, bearer: str, callback_url: str) -> None:
    by_token = {"Authorization": f"Bearer {bearer}"}
    by_key = {"Authorization": f"Bearer {API_KEY}"}
    video = {
        "model_name": "kling-v2-6",
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "mode": "pro",
        "duration": "5",
        "external_task_id": EXTERNAL_ID,
        "callback_url": callback_url,
    }
    url = "/v1/videos/text2video"
    response = http.post(url, json=video, headers=by_token)
    task = response.json()["data"]["task_id"]
    assert http.post(url, json=video, headers=by_token).status_code == 400  # the same id again
    http.get(f"{url}/{task}", headers=by_token)
    mock.clock.advance(30)
    http.get(f"{url}/{EXTERNAL_ID}", headers=by_key)
    mock.clock.advance(1800)  # the token is too old now
    assert http.get(f"{url}/{task}", headers=by_key).json()["data"]["task_status"] == "succeed"

    picture = {"model_name": "kling-v2-6", "prompt": PROMPT, "image": PICTURE, "mode": "pro"}
    voice = {"sound": "on", "voice_list": [{"voice_id": VOICE_ID}]}
    failing = http.post("/v1/videos/image2video", json=picture | voice, headers=by_key)
    failed = failing.json()["data"]["task_id"]
    mock.fail(failed, 1301, FAILURE)
    http.get(f"/v1/videos/image2video/{failed}", headers=by_key)
    by_url = {"model_name": "kling-v1", "image": IMAGE_URL, "aspect_ratio": "16:9"}
    assert http.post("/v1/videos/image2video", json=by_url, headers=by_key).status_code == 200

    http.get(url, params={"pageNum": 1, "pageSize": 30}, headers=by_key)
    http.get("/v1/videos/image2video", headers=by_key)
    http.get(f"{url}/unknown-{EXTERNAL_ID}", headers=by_key)
    http.get("/v1/videos/edit", headers=by_key)
    http.get(url)
    http.get(url, headers={"Authorization": "Bearer wrong-canary-key-77"})
    http.get("/account/costs", params={"start_time": 1, "end_time": 2}, headers=by_key)
    _talk_with_the_model_in_the_path(http, mock, by_key, callback_url)


def _talk_with_the_model_in_the_path(
    http: httpx.Client, mock: KlingMock, by_key: dict[str, str], callback_url: str
) -> None:
    own = f"{EXTERNAL_ID}-new"
    video = {
        "prompt": PROMPT,
        "settings": {"resolution": "1080p", "duration": 5, "audio": "native", "multi_shot": False},
        "options": {"external_task_id": own, "callback_url": callback_url},
    }
    url = "/text-to-video/kling-3.0"
    task_id = http.post(url, json=video, headers=by_key).json()["data"]["id"]
    assert http.post(url, json=video, headers=by_key).status_code == 400  # the same id again
    http.get("/tasks", params={"task_ids": task_id}, headers=by_key)
    mock.clock.advance(1800)
    (ended,) = http.get("/tasks", params={"external_task_ids": own}, headers=by_key).json()["data"]
    assert ended["status"] == "succeeded"
    contents = [
        {"type": "prompt", "text": PROMPT},
        {"type": "first_frame", "url": PICTURE},
        {"type": "voice", "voice_id": VOICE_ID, "id": "wilhelmina"},
    ]
    spoken = {"contents": contents, "settings": {"resolution": "1080p", "audio": "native"}}
    failing = http.post("/image-to-video/kling-2.6", json=spoken, headers=by_key)
    failed = failing.json()["data"]["id"]
    mock.fail(failed, 1301, FAILURE)
    http.get("/tasks", params={"task_ids": f"{failed},{task_id}"}, headers=by_key)
    http.post("/tasks", json={"limit": 2}, headers=by_key)
    http.get("/tasks", headers=by_key)  # without ids


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a session."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def exchanges(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a session that are exchanges."""
    return [line for line in lines(path) if "method" in line]
