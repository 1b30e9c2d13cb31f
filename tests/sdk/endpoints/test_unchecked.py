"""`check=False`, `extra_body` and `extra_headers`: what this package does not know can be sent.

Only what JSON or HTTP cannot carry is refused, and what a lost create is found again by.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    ENDPOINTS,
    AsyncKling,
    ImageToVideo,
    InvalidRequestError,
    Kling,
    OmniVideo,
    Request,
    RequestValidationError,
    Shot,
    TextToVideo,
    external_id_for,
)
from kling_sdk.endpoints import request_class
from kling_sdk.endpoints.checks import is_json
from kling_sdk.endpoints.values import hidden_list, media_list
from kling_sdk.prices import estimate
from kling_sdk.wire import V1Wire
from tests.sdk.clients import KEY, PROMPT
from tests.sdk.endpoints.test_requests import PNG, REFUSED
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)
FIELDS = sorted(
    {name for endpoint in ENDPOINTS for name in attrs.fields_dict(request_class(endpoint))}
)
# What no check can be switched off for; the last two are words that /v1 may not have.
ALWAYS = {"external_task_id", "extra_body", "check", "interface", "resolution", "audio"}


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    clock = FakeClock()
    with FaultyKling(HonestKling(now=clock.time)) as server:
        yield server


def body(request: Request) -> dict[str, Any]:
    return dict(V1Wire().create(request, "mine").json)


# ---------------------------------------------------------------- check=False


@pytest.mark.parametrize(
    ("make", "arguments", "field"),
    [
        pytest.param(make, arguments, field, id=f"{make.__name__}-{number}")
        for number, (make, arguments, field, _) in enumerate(REFUSED)
        if field not in ALWAYS
    ],
)
def test_nothing_that_a_check_refuses_is_refused_without_it(
    make: type[Request], arguments: dict[str, Any], field: str
) -> None:
    """Each mistake of the table of refusals is sent as it is, except what is not JSON."""
    value = arguments.get(field)
    is_picture = field != "image_list" and isinstance(value, bytes)
    if field in arguments and not (is_json(value) or is_picture or isinstance(value, list)):
        assert isinstance(value, Path | float | bytes)
        return  # a file that is not there, NaN, and bytes where a list belongs
    sent = body(make(**arguments, check=False))
    for name, value in arguments.items():
        if is_json(value):
            assert name in sent or value is None
    assert "check" not in sent


@given(
    st.sampled_from(sorted(ENDPOINTS)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
)
@pytest.mark.slow
def test_whatever_json_can_carry_is_sent(endpoint: str, fields: dict[str, Any]) -> None:
    """No value of any type, in any field, makes the request, its repr or its price fail."""
    fields = {name: value for name, value in fields.items() if name not in ALWAYS}
    request = request_class(endpoint)(**fields, check=False)

    sent = body(request)

    assert is_json(sent)
    assert {name for name, value in fields.items() if value is not None} <= sent.keys()
    assert repr(request)
    assert request.prompts() is not None
    assert isinstance(request.model, str)
    assert estimate(request) == estimate(request)


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_a_value_in_the_place_of_a_list_is_shown_or_hidden_as_one(endpoint: str) -> None:
    """So the repr of a request that is not checked does not fail, and a secret stays hidden."""
    request_of = request_class(endpoint)
    for name, field in attrs.fields_dict(request_of).items():
        if field.repr in {hidden_list, media_list}:
            for value in (False, 7, "https://cdn.example/a.png?sign=secret"):
                fields: dict[str, Any] = {name: value}
                assert "secret" not in repr(request_of(**fields, check=False))


def test_the_widest_whole_number_that_is_sent() -> None:
    """1,024 bits; readers of JSON refuse or slow down at many digits."""
    assert is_json({"seed": 2**1024 - 1})
    assert not is_json({"seed": 2**1024})


def test_what_is_unchecked_is_still_converted() -> None:
    """A picture, a bool and shots may come as they always may."""
    request = OmniVideo(
        prompt="x" * 9000,
        sound=True,
        duration=60,
        image_list=[PNG],
        multi_prompt=[Shot("a", 1), {"prompt": "b", "duration": "2"}],
        watermark_info=True,
        check=False,
    )

    sent = body(request)

    assert (sent["sound"], sent["duration"], sent["aspect_ratio"]) == ("on", "60", "16:9")
    assert sent["watermark_info"] == {"enabled": True}
    assert [shot["index"] for shot in sent["multi_prompt"]] == [1, 2]
    assert sent["image_list"][0]["image_url"].startswith("iVBOR")


def test_what_cannot_be_converted_is_sent_as_it_is() -> None:
    """The caller's own objects are not changed."""
    shots = [{"prompt": "a", "seconds": 5}]
    mine: Any = {"enabled": True, "position": "left"}
    request = TextToVideo(multi_prompt=shots, duration="5 s", watermark_info=mine, check=False)

    assert body(request) == {
        "model_name": "kling-v2-6",
        "multi_prompt": shots,
        "duration": "5 s",
        "watermark_info": mine,
        "external_task_id": "mine",
    }
    assert shots == [{"prompt": "a", "seconds": 5}]


def test_a_parameter_that_is_not_known_is_a_field_of_the_body() -> None:
    """The vendor may add it in the future."""
    fields: dict[str, Any] = {"frames": 60}
    request = TextToVideo(prompt="x", extra_body={"style": "ink"}, check=False, **fields)

    assert request.extra_body == {"frames": 60, "style": "ink"}
    assert body(request)["frames"] == 60


def test_a_class_of_one_s_own_has_its_defaults() -> None:
    """This includes defaults that are made for each request."""

    @attrs.frozen(kw_only=True)
    class Dream(TextToVideo):
        styles: list[str] = attrs.field(factory=lambda: ["ink"])

    assert body(Dream(prompt=5, check=False))["styles"] == ["ink"]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_unchecked_request_stays_one() -> None:
    """Copied, pickled or with another id: nothing checks it later."""
    request = TextToVideo(prompt=5, check=False)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    for copy in (attrs.evolve(request, external_task_id="b"), pickle.loads(pickle.dumps(request))):  # noqa: S301 - our own bytes
        assert copy.prompt == 5
        assert copy.check is False


def test_whether_it_was_checked_is_no_part_of_what_is_requested() -> None:
    """The same body makes the same request: a set of jobs holds it once."""
    checked, unchecked = (TextToVideo(prompt="x", check=check) for check in (True, False))
    assert checked == unchecked
    assert len({checked, unchecked}) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"external_task_id": "a/b"}, "external_task_id is empty or contains one of"),
        ({"external_task_id": 5}, "external_task_id is a int"),
        ({"external_task_id": "x" * 201}, "external_task_id has 201 characters"),
        ({"external_task_id": "x" * 201, "model_name": "kling-v9"}, "has 201 characters"),
        ({"external_task_id": ".."}, "external_task_id is empty or contains one of"),
        ({"extra_body": ["a"]}, "extra_body is a list; expected a mapping"),
        ({"extra_body": {"external_task_id": "b"}}, "expected the parameter external_task_id"),
        ({"prompt": {"a", "b"}}, "prompt is a set; expected JSON values"),
        ({"prompt": b"a"}, "prompt is a bytes"),
        ({"cfg_scale": float("nan")}, "cfg_scale is nan"),
        ({"multi_prompt": [{"prompt": [1, {"x": object()}]}]}, "multi_prompt.duration is missing"),
        ({"frames": {1: "a"}}, "extra_body.frames has a key that is a int"),
        ({"prompt": "\ud800"}, "prompt contains an unpaired surrogate"),
        ({"extra_body": {"\udfff": 1}}, "an unpaired surrogate"),
        ({"duration": 10**5000}, "duration has more than 300 digits"),
    ],
)
def test_what_cannot_go_out_is_refused_by_name(arguments: dict[str, Any], words: str) -> None:
    """What JSON cannot carry, and an id that a lost create could not be found by."""
    with pytest.raises(RequestValidationError) as caught:
        body(TextToVideo(**arguments, check=False))
    assert words in str(caught.value)


def test_a_body_that_is_too_deep_is_refused() -> None:
    """Readers of JSON have limits of their own; a circle has no end at all."""
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(RequestValidationError, match=r"extra_body\.a\[0\].* levels deep"):
        TextToVideo(prompt="x", extra_body={"a": deep})


@pytest.mark.parametrize("name", ["a/b", "", "x" * 1000, 7])
def test_a_raw_body_keeps_an_id_that_can_be_looked_up(server: FaultyKling, name: Any) -> None:
    """The one field of it that is checked: after a lost answer the task is asked for by it."""
    with Kling(KEY, base_url=server.url) as kling:
        with pytest.raises(RequestValidationError) as refused:
            kling.text2video.submit({"prompt": "x", "external_task_id": name})
        assert refused.value.field == "external_task_id"
    assert server.requests == []


def test_a_raw_body_that_is_no_json_is_no_lost_create(server: FaultyKling) -> None:
    """It is refused before anything is sent, and not reported as an unknown outcome."""
    with Kling(KEY, base_url=server.url) as kling:
        for value in (object(), "\ud800", float("inf")):
            with pytest.raises(RequestValidationError, match=r"^(style|prompt) "):
                kling.text2video.submit({"prompt": "x", "style": value})
            with pytest.raises(RequestValidationError, match=r"json\.style "):
                kling.request("POST", "/v1/videos/new", json={"style": value})
    assert server.requests == []


def test_a_client_that_checks_nothing_sends_what_it_is_given(server: FaultyKling) -> None:
    """`with_options(check=False)` holds for create, run and submit."""
    clock = FakeClock()
    with Kling(KEY, base_url=server.url, clock=clock, check=False) as kling:
        fields: dict[str, Any] = {"frames": 60}
        kling.text2video.create(prompt="x" * 3000, duration=60, mode="8k", **fields)
        kling.text2video.run(prompt=PROMPT, sound="native", duration="5 s")
        kling.image2video.submit(ImageToVideo(image=PNG, mode="4k"))  # of its own, here none

    sent = [request.body for request in server.requests if request.method == "POST"]
    assert [len(sent[0]["prompt"]), sent[0]["duration"], sent[0]["mode"]] == [3000, "60", "8k"]
    assert sent[0]["frames"] == 60
    assert sent[1]["sound"] == "native"
    assert sent[2]["mode"] == "4k"


def test_the_client_that_checks_refuses_the_same(server: FaultyKling) -> None:
    """Negative control: each of these is refused by a client that checks."""
    with Kling(KEY, base_url=server.url) as kling:
        refused: list[dict[str, Any]] = [
            {"prompt": "x" * 3000},
            {"prompt": "x", "duration": 60},
            {"prompt": "x", "frames": 1},
        ]
        for arguments in refused:
            with pytest.raises(RequestValidationError):
                kling.text2video.create(**arguments)
        with pytest.raises(RequestValidationError, match="no mode 4k"):
            kling.image2video.submit(ImageToVideo(image=PNG, mode="4k"))
        # An unchecked request is not checked by its client either.
        kling.text2video.submit(TextToVideo(prompt=PROMPT, mode="4k", check=False))
    assert len(server.requests) == 1


async def test_both_clients_leave_the_check_out(server: FaultyKling) -> None:
    """The async one as well, for each endpoint."""
    async with AsyncKling(KEY, base_url=server.url, check=False) as kling:
        task = await kling.omni_video.create(video_list=5, multi_prompt="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert task.endpoint == "omni-video"
    assert server.requests[0].body["video_list"] == 5


# ---------------------------------------------------------------- extra_body


def test_extra_body_is_merged_in_last() -> None:
    """It has the vendor's names, and overrides what this package would have sent."""
    request = TextToVideo(prompt="x", mode="std", extra_body={"style": {"ink": 1}, "mode": "8k"})

    assert body(request) == {
        "prompt": "x",
        "model_name": "kling-v2-6",
        "mode": "8k",
        "style": {"ink": 1},
        "external_task_id": "mine",
    }
    assert "ink" not in repr(request)
    assert "style" in repr(request)


def test_extra_body_is_part_of_what_is_requested() -> None:
    """Another extra field is another request, and needs another id."""
    plain = TextToVideo(prompt="x")
    ink, oil = (attrs.evolve(plain, extra_body={"style": style}) for style in ("ink", "oil"))

    assert len({external_id_for(request, "job-7") for request in (plain, ink, oil)}) == 3
    assert external_id_for(plain, "job-7") == external_id_for(
        attrs.evolve(plain, extra_body={}), "job-7"
    )


def test_the_caller_s_mapping_is_not_kept() -> None:
    """What changes it later does not change the request."""
    extra = {"style": "ink"}
    request = TextToVideo(prompt="x", extra_body=extra)
    extra["style"] = "oil"

    assert request.extra_body == {"style": "ink"}
    assert hash(request) == hash(TextToVideo(prompt="x", extra_body={"style": "ink"}))


def test_a_private_text_of_extra_body_is_not_quoted(server: FaultyKling) -> None:
    """A refusal that quotes it is shown without it."""
    secret = "a kitten that nobody may hear of"
    server.breaks(Fault.code(400, 1201, f"second_prompt: {secret} is refused"))
    with Kling(KEY, base_url=server.url) as kling, pytest.raises(InvalidRequestError) as caught:
        kling.text2video.create(prompt="x", extra_body={"second_prompt": secret})
    assert secret not in str(caught.value)
    assert TextToVideo(extra_body={"a": [{"b": secret}]}, prompt="x").prompts() == (secret, "x")


def test_a_create_with_fields_of_tomorrow_is_as_safe_as_any(server: FaultyKling) -> None:
    """After a lost answer it is sent again under the same id, with the same fields."""
    server.breaks(Fault("accepted"))
    with Kling(KEY, base_url=server.url, clock=FakeClock()) as kling:
        kling.text2video.create(prompt="x", extra_body={"frames": 60})

    first, second = (request.body for request in server.requests if request.method == "POST")
    assert first == second
    assert first["frames"] == 60
    assert len(server.kling.tasks) == 1
