"""Requests for pictures: the bodies that are sent, and what their models do not do."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    CapabilityWarning,
    ImageExpand,
    ImageGeneration,
    MultiImageToImage,
    OmniImageGeneration,
    Request,
    VirtualTryOn,
)
from kling_sdk.endpoints.capabilities import check, require
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.wire import V1Wire
from kling_sdk.wire.relay import RelayWire

URL = "https://example.com/a.png"


def sent(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = V1Wire().create(request, "").json
    assert RelayWire().create(request, "").json == body
    return body


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (
            ImageGeneration(prompt="x", resolution="2k", n="3", element_list=["160"]),
            {
                "prompt": "x",
                "model_name": "kling-v3",
                "resolution": "2k",
                "n": 3,
                "element_list": [{"element_id": 160}],
            },
        ),
        (
            OmniImageGeneration(
                prompt="x",
                image_list=[URL, {"image": URL}],
                resolution="4k",
                result_type="series",
                series_amount="auto",
                watermark_info=True,
            ),
            {
                "prompt": "x",
                "model_name": "kling-v3-omni",
                "resolution": "4k",
                "image_list": [{"image": URL}] * 2,
                "result_type": "series",
                "series_amount": "auto",
                "watermark_info": {"enabled": True},
            },
        ),
        (
            MultiImageToImage(subject_image_list=[URL, {"subject_image": URL}], style_image=URL),
            {
                "model_name": "kling-v2-1",
                "subject_image_list": [{"subject_image": URL}] * 2,
                "style_image": URL,
            },
        ),
        (
            VirtualTryOn(human_image=URL, cloth_image=URL),
            {
                "model_name": "kolors-virtual-try-on-v1-5",
                "human_image": URL,
                "cloth_image": URL,
            },
        ),
    ],
)
def test_the_body_is_the_vendor_s(request_: Request, body: dict[str, Any]) -> None:
    """Here `resolution` is the vendor's own word, to Kling and to a relay."""
    assert sent(request_) == body


def test_an_expansion_has_no_model() -> None:
    """It has all four edges, also those that stay."""
    edges: dict[str, Any] = dict.fromkeys(
        (f"{side}_expansion_ratio" for side in ("up", "down", "left", "right")), 0
    )
    assert sent(ImageExpand(image=URL, **edges)) == {"image": URL, **edges}


def test_a_raw_body_keeps_its_resolution() -> None:
    """This includes a resolution that this package has not written."""
    body = {"prompt": "x", "resolution": "8k"}
    raw = RawRequest(ENDPOINTS["image-generation"], body)
    assert V1Wire().create(raw, "mine").json == body | {"external_task_id": "mine"}


@pytest.mark.parametrize(
    ("request_", "field", "limit", "expected"),
    [
        (
            ImageGeneration(prompt="x", resolution="4k"),
            *("resolution", "kling-v3 has no resolution 4k", "1k, 2k"),
        ),
        (
            OmniImageGeneration(prompt="x", model_name="kling-image-o1", resolution="4k"),
            *("resolution", "kling-image-o1 has no resolution 4k", "1k, 2k"),
        ),
        (
            OmniImageGeneration(prompt="x", model_name="kling-image-o1", result_type="series"),
            "result_type",
            "kling-image-o1 in resolution 1k does not support series on omni-image",
            "models kling-v3-omni",
        ),
        (
            ImageGeneration(prompt="x", image=URL, negative_prompt="y"),
            *(
                "negative_prompt",
                "kling-v3 does not take it together with image",
                "negative_prompt or image",
            ),
        ),
        (
            ImageGeneration(prompt="x", model_name="kling-v2-1", image_fidelity=0.5),
            *("image_fidelity", "kling-v2-1 needs image for it", "image_fidelity with image"),
        ),
        (
            ImageGeneration(
                prompt="x",
                model_name="kling-v2-1",
                image=URL,
                image_reference="face",
                human_fidelity=0.5,
            ),
            "human_fidelity",
            "kling-v2-1 needs image_reference subject for it",
            "human_fidelity with image_reference subject",
        ),
        (
            ImageGeneration(prompt="x", image=URL, image_reference="face"),
            "image_reference",
            "kling-v3 in resolution 1k does not support image_reference on image-generation",
            "models kling-v2-1, kling-v1-5",
        ),
        (
            ImageGeneration(prompt="x", model_name="kling-video-o1"),
            "model_name",
            "kling-video-o1 has no image-generation",
            (
                "kling-v3, kling-v2-1, kling-v2, kling-v2-new, kling-v1-5, kling-v1 (nearest: "
                "kling-v2-1); "
                "kling-video-o1 goes with kling.omni_video"
            ),
        ),
    ],
)
def test_what_a_model_does_not_do(request_: Request, field: str, limit: str, expected: str) -> None:
    """The parameter, what is wrong and what it must be."""
    (problem,) = check(request_.record, request_.parameters())
    assert (problem.field, problem.limit, problem.expected) == (field, limit, expected)


def test_a_model_whose_videos_are_gone_makes_pictures(recwarn: pytest.WarningsRecorder) -> None:
    """kling-v2-1 was seen refused for videos only: no warning."""
    request = ImageGeneration(prompt="x", model_name="kling-v2-1")
    require(request.record, request.parameters())
    assert not [warning for warning in recwarn if issubclass(warning.category, CapabilityWarning)]
