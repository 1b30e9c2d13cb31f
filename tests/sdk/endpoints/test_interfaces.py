"""The interface of a request."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    ImageToVideo,
    MultiImageToVideo,
    RequestValidationError,
    TextToVideo,
    VideoExtend,
)
from kling_sdk.endpoints import checks
from kling_sdk.endpoints.interfaces import interface_for, interface_of, v1_name_of
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.files import image_problem

PICTURE = "https://example.com/a.png"


@pytest.mark.parametrize(
    ("model", "interface"),
    [
        ("kling-3.0", "model-path"),
        ("kling-3.0-turbo", "model-path"),
        ("kling-2.5-turbo", "model-path"),
        ("kling-o1", "model-path"),
        ("kling-o2-pro", "model-path"),
        ("kling-10.2", "model-path"),
        ("kling-v3", "v1"),
        ("kling-v2-6", "v1"),
        ("kling-video-o1", "v1"),
        ("kling-image-o1", "v1"),
        ("kling-omni", "v1"),
        ("other-3.0", "v1"),
        ("", "v1"),
    ],
)
def test_the_model_s_name_decides(model: str, interface: str) -> None:
    """`kling-N.N` and `kling-oN` have their model in the path; all others are of /v1."""
    assert interface_of(model) == interface
    assert interface_for(TextToVideo(prompt="a", model_name=model, check=False)) == interface
    raw = RawRequest(ENDPOINTS["text2video"], {"model_name": model})
    assert interface_for(raw) == interface


def test_a_request_may_choose() -> None:
    """So a future model is not blocked by its name."""
    request = TextToVideo(prompt="a", model_name="klong-9", interface="model-path")
    assert interface_for(request) == "model-path"
    assert interface_for(TextToVideo(prompt="a", model_name="kling-3.0", interface="v1")) == "v1"


def test_an_endpoint_without_a_product_is_of_v1_whatever_the_model() -> None:
    """Only three products have the model in the path."""
    request = MultiImageToVideo(
        prompt="a", image_list=[PICTURE], model_name="kling-3.0", check=False
    )
    assert interface_for(request) == "v1"
    with pytest.raises(RequestValidationError, match="has no video-extend"):
        interface_for(VideoExtend(video_id="1", interface="model-path"))


@pytest.mark.parametrize("value", ["v2", "", 1])
def test_an_interface_that_is_none_is_refused(value: Any) -> None:
    """This holds for an unknown model, and for a request that is not checked."""
    with pytest.raises(RequestValidationError, match="interface"):
        TextToVideo(prompt="a", model_name="kling-v9", interface=value)
    with pytest.raises(RequestValidationError, match="interface"):
        interface_for(TextToVideo(prompt="a", interface=value, check=False))


def test_every_model_of_the_model_path_is_known_by_its_name_alone() -> None:
    """No record has a model under an interface that its name does not say."""
    for record in ENDPOINTS.values():
        for limits in record.models:
            if interface_of(limits.name) == "model-path":
                assert record.product
                other = v1_name_of(limits.name)
                assert other is None or record.limits_of(other) is not None
            else:
                assert not limits.multi_shot_setting


def test_the_choice_is_no_field_of_the_request() -> None:
    """It is not sent, and not part of what is requested."""
    assert "interface" not in TextToVideo(prompt="a", interface="v1").parameters()
    assert checks.is_json(TextToVideo(prompt="a", interface="v1").parameters())


def test_a_picture_may_be_larger_with_the_model_in_the_path() -> None:
    """50 MB there, 10 MB on /v1; a prompt may be longer, too, if the model takes it."""
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2
    large = head + bytes(10 * 1024 * 1024)
    assert ImageToVideo(image=large, model_name="kling-3.0").image
    with pytest.raises(RequestValidationError, match="10 MB"):
        ImageToVideo(image=large, model_name="kling-v3")
    assert image_problem(ImageToVideo(image=large, model_name="kling-3.0").image or "", 9)

    assert TextToVideo(prompt="x" * 3072, model_name="kling-3.0").prompt
    for model, most in (("kling-3.0", 3072), ("kling-2.6", 2500), ("kling-v3", 2500)):
        with pytest.raises(RequestValidationError, match=f"at most {most}"):
            TextToVideo(prompt="x" * (most + 1), model_name=model)
