"""A misspelt model is sent, and its refusal names the known one that is near."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AlreadyExistsError,
    ImageGeneration,
    InvalidRequestError,
    KlingAPIError,
    OmniVideo,
    TextToVideo,
)
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows.create import create
from kling_sdk.flows.wrong_model import name_known_model
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, context, in_turn, play, reply

INVALID = "model_name value '{}' is invalid"


def refused(
    request: Request | RawRequest, text: str, code: int = 1201, status: int = 400
) -> KlingAPIError:
    clock = FakeClock()
    replied = reply(answer(status, code, text))._replace(fresh=True)
    played = play(create(context(clock, with_tasks=True), request), clock, in_turn([replied]))
    assert isinstance(played.error, KlingAPIError)
    return played.error


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("kling-v2.6", "kling-v2-6"),  # not kling-2.6, which another interface has
        ("Kling-V3", "kling-v3"),
        ("kling-v2-6-std", "kling-v2-6"),
        ("kling_v2_6", "kling-v2-6"),
        ("kling-2.6-pro", "kling-2.6"),
        ("Kling-2.6", "kling-2.6"),
    ],
)
def test_the_refusal_of_a_misspelt_model_names_the_one_that_is_near(model: str, near: str) -> None:
    """In the error's text and in `message`, whichever code the server has for it."""
    for text, code, status in (
        (INVALID.format(model), 1201, 400),
        ("model is not supported", 1201, 400),
        (f"model_name '{model}' is not supported for this API", 1203, 404),
    ):
        error = refused(TextToVideo(prompt="a kitten", model_name=model), text, code, status)
        assert error.message == f"{text}; did you mean {near!r}?"
        assert str(error).startswith(error.message)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (TextToVideo(prompt="a", model_name="sora-2"), INVALID.format("sora-2")),
        (TextToVideo(prompt="a", model_name="kling-v2-6"), "model is not supported"),
        (TextToVideo(prompt="a", model_name="kling-v2.6"), "duration value '7' is invalid"),
        (
            TextToVideo(prompt="a", model_name="kling-v2.6"),
            "model/mode(kling-v2.6/std) is not supported with sound on",
        ),
        (
            TextToVideo(prompt="a", model_name="kling-v2.6"),
            "4k mode is not supported by the current model: kling-v2.6",
        ),
        (
            RawRequest(TextToVideo.record, {"prompt": "a", "model_name": "kling-v2.6"}),
            INVALID.format("kling-v2.6"),
        ),
    ],
)
def test_nothing_else_is_added_to(request_: Any, text: str) -> None:
    """No model is near, or it is known, the refusal is of another thing, or the body is raw."""
    assert refused(request_, text).message == text


def test_it_is_a_model_of_the_same_endpoint() -> None:
    text = INVALID.format("kling-v3-omi")
    error = refused(OmniVideo(prompt="a", model_name="kling-v3-omi"), text)
    assert error.message == f"{text}; did you mean 'kling-v3-omni'?"
    error = refused(ImageGeneration(prompt="a", model_name="kling-v3-omi"), text)
    assert error.message == f"{text}; did you mean 'kling-v3'?"


def test_an_id_that_contains_the_word_is_no_model() -> None:
    text = "External_task_id my-model already exists"
    error = AlreadyExistsError(text, code=1201, http_status=400)
    name_known_model(TextToVideo(prompt="a", model_name="kling-v2.6"), error)
    assert error.message == text


def test_the_emulators_refusal_gets_it_too() -> None:
    """Of a whole client, in a batch as well."""
    request = TextToVideo(prompt="a kitten", model_name="kling-v2.6")
    with KlingMock() as mock, mock.client() as kling:
        with pytest.raises(InvalidRequestError, match=r"; did you mean 'kling-v2-6'\?"):
            kling.submit(request)
        (outcome,) = kling.run_many([request])
        assert "did you mean 'kling-v2-6'?" in str(outcome.error)
