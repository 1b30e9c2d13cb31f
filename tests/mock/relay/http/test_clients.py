"""What public clients of relays send, and how they read the replies.

Each row is rebuilt from one client's published source: where it sends a request, the members that
are its own, and the members that it reads. It must get as far as the address of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.mock.relay.http_calls import GUIDE, VIDEOS, Caller

Json = Any
Read = Callable[[Json], str]
IMAGE = "https://a.example/a.png"
TEXT = {"model_name": "kling-v1-6", "prompt": "a kitten", "mode": "std", "duration": "5"}


def kling_id(reply: Json) -> str:
    assert reply["code"] == 0, reply["message"]
    return str(reply["data"]["task_id"])


def kling_video(reply: Json) -> str:
    """Read as most do: the status by its four words, then the first video."""
    task = reply["data"]
    if task["task_status"] in {"submitted", "processing"}:
        return ""
    assert task["task_status"] == "succeed", task["task_status_msg"]
    return str(task["task_result"]["videos"][0]["url"])


def kling_image(reply: Json) -> str:
    task = reply["data"]
    return "" if task["task_status"] != "succeed" else str(task["task_result"]["images"][0]["url"])


def strict_video(reply: Json) -> str:
    """Read as a program in Go or with models does: a member of another type is an error."""
    task = reply["data"]
    assert type(reply["code"]) is int
    assert [type(task[name]) for name in ("created_at", "updated_at")] == [int, int]
    assert all(type(reply[name]) is str for name in ("message", "request_id", "task_id"))
    for video in task.get("task_result", {}).get("videos", ()):
        assert {type(video[name]) for name in ("id", "url", "duration")} == {str}
    return kling_video(reply)


def guide_video(reply: Json) -> str:
    return str(reply["video_url"]) if reply["status"] == "succeed" else ""


class Client(NamedTuple):
    """One client's create, and how it reads what it gets."""

    path: str
    body: Mapping[str, Json]
    id_of: Read = kling_id
    result_of: Read = kling_video
    poll: str = "{path}/{id}"


CLIENTS = {
    "the guide's test": Client(
        f"{VIDEOS}/text2video",
        GUIDE,
        lambda reply: str(reply["task_id"]),
        guide_video,
        f"{VIDEOS}/{{id}}",
    ),
    "new-api, text": Client(
        "/kling/v1/videos/text2video",
        TEXT | {"model": "kling-v1-6", "aspect_ratio": "1:1", "cfg_scale": 0.5},
        result_of=strict_video,
    ),
    "new-api, picture": Client(
        "/kling/v1/videos/image2video",
        TEXT | {"model": "kling-v1-6", "aspect_ratio": "1:1", "cfg_scale": 0.5, "image": IMAGE},
        result_of=strict_video,
    ),
    "ComfyUI's own nodes": Client(
        "/proxy/kling/v1/videos/omni-video",
        {
            "model_name": "kling-v3-omni",
            "prompt": "a kitten",
            "aspect_ratio": "16:9",
            "duration": "5",
            "image_list": [{"image_url": IMAGE}],
            "mode": "pro",
            "sound": "off",
        },
        result_of=strict_video,
    ),
    "a ComfyUI node of a relay": Client(
        "/kling/v1/videos/text2video",
        TEXT | {"imagination": 0.5, "num_videos": 1, "camera_json": "{}", "seed": 7},
        lambda reply: str(reply.get("data", {}).get("task_id")),
    ),
    "CometAPI": Client(
        "/kling/v1/videos/image2video",
        {
            "model_name": "kling-v1",
            "mode": "pro",
            "duration": "5",
            "image": IMAGE,
            "cfg_scale": 0.5,
        },
        lambda reply: str(reply["data"]["task_id"] or reply["id"] or reply["request_id"]),
    ),
    "QuickRouter": Client(
        "/kling/v1/videos/image2video",
        {"model_name": "kling-v2-5-turbo", "prompt": "", "mode": "pro", "duration": "10"}
        | {"image": IMAGE, "image_tail": IMAGE},
    ),
    "yunwu, avatar": Client(
        "/kling/v1/videos/avatar/image2video",
        {"image": IMAGE, "audio_id": "", "sound_file": "https://a.example/a.mp3", "prompt": ""}
        | {"mode": "std", "callback_url": "", "external_task_id": "recite_1"},
    ),
    "yunwu, picture": Client(
        "/kling/v1/images/generations",
        {"model_name": "kling-v2-1", "prompt": "a kitten", "n": 1, "aspect_ratio": "16:9"}
        | {"resolution": "1k"},
        result_of=kling_image,
    ),
    "moyin-creator, picture": Client(
        "/kling/v1/images/omni-image",
        {"model_name": "kling-image-o1", "prompt": "a kitten", "n": 1, "resolution": "1k"}
        | {"image_list": [{"image": IMAGE}], "aspect_ratio": "16:9"},
        result_of=kling_image,
    ),
    "yunwu, sound": Client(
        "/kling/v1/audio/text-to-audio",
        {"prompt": "rain", "duration": 5},
        result_of=lambda reply: str(
            reply["data"].get("task_result", {}).get("audios", [{}])[0].get("url_mp3", "")
        ),
    ),
    "LocalMiniDrama": Client(
        "/kling/v1/videos/omni-video",
        {"model_name": "kling-v3-omni", "prompt": "a kitten", "mode": "std", "duration": "5"}
        | {"aspect_ratio": "16:9"},
    ),
    "ArcReel, with a key of the relay": Client(
        "/v1/videos/image2video", TEXT | {"image": IMAGE, "aspect_ratio": "9:16"}
    ),
    "an adapter for Kling's API": Client(
        "/v1/videos/multi-image2video",
        TEXT | {"image_list": [{"image": IMAGE}], "aspect_ratio": "16:9"},
    ),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_it_gets_as_far_as_the_address_of_the_result(caller: Caller, name: str) -> None:
    """Nothing of it changes but the base URL and the key."""
    client = CLIENTS[name]
    created = caller.call("POST", client.path, json=dict(client.body))
    assert created.status_code == 200, created.text
    task = client.id_of(created.json())
    place = client.poll.format(path=client.path, id=task)
    assert client.result_of(caller.call("GET", place).json()) == ""
    caller.mock.clock.advance(3600)
    assert client.result_of(caller.call("GET", place).json()).startswith("http")
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/kling/v1/videos/text2video", {"mode": "high"}, "mode value 'high' is invalid"),
        ("/kling/v1/videos/text2video", {"model_name": "kling-v2.1-master"}, "is invalid"),
        ("/kling/v1/videos/image2video", {"image_url": IMAGE}, "image"),
    ],
)
def test_the_reason_of_a_refusal_reaches_the_client(
    caller: Caller, path: str, fields: dict[str, Json], words: str
) -> None:
    """Clients read `code` and `message` at the top; some of these words other relays translate."""
    reply = caller.call("POST", path, json=TEXT | fields)
    assert reply.status_code == 400
    assert reply.json()["code"] == 1201
    assert words in reply.json()["message"]


def test_a_channel_s_mapping_translates_the_name_of_a_model(caller: Caller) -> None:
    """As other relays do for names with a dot."""
    (channel,) = caller.operate("GET", "channels")["data"]
    mapping = {"model_mapping": {"kling-v2.1-master": "kling-v2-1-master"}}
    caller.operate("PATCH", f"channels/{channel['id']}", json=mapping)
    client = CLIENTS["new-api, text"]
    body = dict(client.body) | {"model": "kling-v2.1-master", "model_name": "kling-v2.1-master"}
    assert caller.call("POST", client.path, json=body).status_code == 200
