"""Bodies, paths, queries and messages without what is private."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.redaction import NOT_JSON, Redactor, read_json

SALT = bytes(range(16))
CANARIES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=9, max_size=20).map(
    lambda text: f"{text}xq"
)
NAMES = st.sampled_from(
    [
        "prompt",
        "negative_prompt",
        "text",
        "message",
        "external_task_id",
        "task_id",
        "id",
        "url",
        "image",
        "callback_url",
        "model",
        "model_name",
        "mode",
        "duration",
        "api_key",
        "cursor",
        "unknown_field",
        "path",
        "created_at",
        "status",
        "name",
    ]
)


def redactor() -> Redactor:
    return Redactor(Pseudonyms(SALT))


def documents(canary: str) -> st.SearchStrategy[Any]:
    """Return bodies of any shape, with the canary in their texts."""
    texts = st.sampled_from(
        [
            canary,
            f"{canary} and more",
            f"a '{canary}' b",
            f"https://{canary}.example/{canary}.png?sig={canary}",
            f"{canary}@{canary}.example",
            f"@{canary} runs",
            f"<<<{canary}_1>>>",
            f"data:image/{canary};base64,AAAA",
            f"{canary},{canary}2",
            f"kling-{canary}",
            f"/v1/videos/{canary}",
            f"中文{canary}中文",
        ]
    )
    leaves = texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=12,
    )


@pytest.mark.slow
@given(CANARIES.flatmap(lambda canary: st.tuples(st.just(canary), documents(canary))))
def test_no_canary_survives_wherever_it_is(case: tuple[str, Any]) -> None:
    """This covers any text of any member, any shape of body, and paths and queries."""
    canary, document = case
    redact = redactor()
    assert canary not in json.dumps(redact.request(document), ensure_ascii=False)
    redact.request({"prompt": canary})
    assert canary not in json.dumps(redact.reply(document), ensure_ascii=False)
    assert canary not in redact.path(f"/v1/videos/text2video/{canary}?x={canary}")
    assert canary not in redact.query(f"external_task_ids={canary},b&q={canary}&{canary}")
    assert canary not in redact.plain(json.dumps(document).encode()[1:])


@pytest.mark.slow
@given(documents("wilhelmina"))
def test_the_shape_stays(document: Any) -> None:
    """Names, lists, types: what a comparison is about."""

    def shape(value: Any) -> Any:
        match value:
            case dict():
                return {name: shape(member) for name, member in value.items()}
            case list():
                return [shape(element) for element in value]
            case _:
                return type(value).__name__

    assert shape(redactor().request(document)) == shape(document)
    assert shape(redactor().reply(document)) == shape(document)


@pytest.mark.slow
@given(documents("wilhelmina"))
def test_the_same_body_gives_the_same_body(document: Any) -> None:
    """This holds in another process, after other bodies."""
    other = redactor()
    other.request({"prompt": "something else", "task_id": "17"})
    assert redactor().request(document) == other.request(document)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_settings_stay(name: str) -> None:
    """Models and enums of the example requests of all endpoints stay: a comparison needs them."""
    record = ENDPOINTS[name]
    for body in record.examples.values():
        redacted = redactor().request(body)
        for field in record.fields.fields.values():
            if field.name in body and (field.enum or field.name == "model_name"):
                assert redacted[field.name] == body[field.name]


def test_a_voice_of_the_catalogue_stays_and_your_own_does_not() -> None:
    """Catalogue voices are the same for all accounts, and a comparison needs them."""
    body = {"voice_id": "oversea_male1", "input": {"voice_id": "829826751244537879"}}
    redacted = redactor().request(body)
    assert redacted["voice_id"] == "oversea_male1"
    assert redacted["input"]["voice_id"] != "829826751244537879"


def test_a_request_of_the_other_interface() -> None:
    """Values are judged by what they look like, so no endpoint has to be known."""
    body = {
        "contents": [
            {"type": "prompt", "text": "@hero walks with @image_01"},
            {"type": "refer_image", "url": "https://x.example/a.png?sig=1", "id": "hero"},
        ],
        "settings": {
            "resolution": "1080p",
            "aspect_ratio": "16:9",
            "duration": 6,
            "audio": "native",
        },
        "options": {"external_task_id": "job-wilhelmina", "watermark_info": {"enabled": False}},
    }
    redacted = redactor().request(body)
    assert redacted["settings"] == body["settings"]
    assert redacted["contents"][0]["type"] == "prompt"
    assert f"@{redacted['contents'][1]['id']} " in redacted["contents"][0]["text"]
    assert redacted["contents"][0]["text"].endswith("@image_01")
    assert redacted["contents"][1]["url"].startswith("https://media.test/")
    assert len(redacted["options"]["external_task_id"]) == len("job-wilhelmina")
    assert "wilhelmina" not in json.dumps(redacted)


def test_one_id_is_one_id_everywhere() -> None:
    """It is the same in a body, a path, a query, a list of ids, a message and a response."""
    redact = redactor()
    sent = redact.request({"external_task_id": "order-wilhelmina-17"})["external_task_id"]
    assert redact.path("/v1/videos/text2video/order-wilhelmina-17").endswith(f"/{sent}")
    assert sent in redact.query("external_task_ids=a%2Corder-wilhelmina-17")
    message = redact.reply({"message": "External_task_id order-wilhelmina-17 already exists"})
    assert message == {"message": f"External_task_id {sent} already exists"}
    task = {"task_info": {"external_task_id": "order-wilhelmina-17"}}
    assert redact.reply(task)["task_info"]["external_task_id"] == sent


@pytest.mark.parametrize(
    "message",
    [
        "SUCCEED",
        "model/mode/duration(kling-v1/std/5) is not supported with image_tail",
        "model_name value 'kling-video-o3' is invalid",
        "mode value 'pro' is invalid",
        "settings.resolution value '4k' is invalid, allowed values: 480p, 720p, 1080p, 4k",
        "Something went wrong when we tried to get the contents of the file.",
        "Failed to resolve the request body",
        "parallel task over resource pack limit",
        "image can not be null",
    ],
)
def test_messages_stay(message: str) -> None:
    """They are what a recording is for."""
    redact = redactor()
    redact.request({"prompt": "an image of a cat, pro mode, value for money"})
    assert redact.reply({"message": message}) == {"message": message}


@pytest.mark.parametrize(
    "message",
    [
        "the word Wilhelmina is not allowed",
        "prompt 'A zebra named Wilh...' is refused",
        "see https://x.example/wilhelmina?token=1",
        "mail wilhelmina@zebra.example",
        "敏感词: 威廉",
        "A zebra named Wilhelm",
        "WILHELMINA",
    ],
)
def test_what_a_message_repeats_of_a_prompt_is_replaced(message: str) -> None:
    """It is replaced whole, shortened, or as a single word, also in letters of another script."""
    redact = redactor()
    redact.request({"prompt": "A zebra named Wilhelmina crosses the bridge, 威廉明娜在桥上"})
    redacted = redact.reply({"message": message})["message"]
    for word in ("wilhelmina", "wilhelm", "zebra", "威廉", "token"):
        assert word not in redacted.lower()
    assert len(redacted.split(" ")) == len(message.split(" "))


def test_a_url_in_a_message_is_replaced_whole() -> None:
    """Its host may be the user's own, and its words were not in a request."""
    message = redactor().reply({"message": "cannot fetch https://mara.example/a?b=c now"})[
        "message"
    ]
    assert "mara" not in message
    assert message.startswith("cannot fetch https://")
    assert message.endswith(" now")


def test_a_message_of_a_request_is_private() -> None:
    """Only what the service says is kept."""
    redacted = redactor().request({"message": "dear wilhelmina", "error": "zebra"})
    assert "wilhelmina" not in redacted["message"]
    assert redacted["error"] != "zebra"


def test_letters_in_ids_are_no_words() -> None:
    """An id in hexadecimal digits may have "be" or "added" in it."""
    redact = redactor()
    redact.reply({"request_id": "0be1added2fed3a4b5c6d7e8f90a1b2c", "task_id": "be-7"})
    redact.request({"prompt": "to be a cat, or not to be"})
    message = {"message": "The body must be a JSON object, added or not."}
    assert redact.reply(message) == message
    assert "cat" not in redact.reply({"message": "a cat is not allowed"})["message"].split()


def test_a_body_that_is_no_json_keeps_its_punctuation() -> None:
    """So it stays a body that cannot be read."""
    redacted = redactor().plain(b'{"prompt": "wilhelmina" "mode": pro')
    assert redacted[:2] == '{"'
    assert redacted.count('"') == 6
    assert "wilhelmina" not in redacted
    assert read_json(redacted.encode()) is NOT_JSON


@pytest.mark.parametrize("body", [b"", b"nul", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    """This includes values that Python would accept."""
    assert read_json(body) is NOT_JSON


def test_numbers() -> None:
    """Settings stay, long ones are ids, and what no JSON can hold is made one that it can."""
    redacted = redactor().request(
        {
            "cfg_scale": 0.5,
            "n": 9,
            "element_id": 829836802793406551,
            "seed": 12345678901,
            "x": 1e999,
        }
    )
    assert (redacted["cfg_scale"], redacted["n"]) == (0.5, 9)
    assert redacted["element_id"] != 829836802793406551
    assert redacted["seed"] != 12345678901
    json.dumps(redacted, allow_nan=False)


def test_names_of_members() -> None:
    """Names of the service stay, also unknown ones; text that is not like a name is replaced."""
    redacted = redactor().request({"brand_new_field": 1, "erika@example.com": 2, "k1234567890": 3})
    assert "brand_new_field" in redacted
    assert not {"erika@example.com", "k1234567890"} & set(redacted)


def test_the_body_of_an_unknown_path() -> None:
    """Its time is shifted, its path is judged as a path."""
    body = {
        "timestamp": "2025-06-14T08:13:14.793+0000",
        "status": 404,
        "error": "Not Found",
        "message": "No message available",
        "path": "/v1/videos/wilhelmina",
    }
    redacted = redactor().reply(body)
    assert redacted["timestamp"] != body["timestamp"]
    assert redacted["timestamp"].endswith(".793+00:00")
    assert (redacted["error"], redacted["message"]) == (body["error"], body["message"])
    assert redacted["path"].startswith("/v1/videos/")
    assert "wilhelmina" not in redacted["path"]
