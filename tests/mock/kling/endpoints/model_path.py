"""Requests of the model-path interface, as the tests of its table make them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import Refusal
from tests.mock.kling.endpoints.requests import plan as plan_of

URL: Final = "https://example.com/a.png"
VIDEO: Final = "https://example.com/a.mp4"


def record(product: str) -> EmulatedEndpoint:
    return ENDPOINTS[f"model-path-{product}"]


def items(name: str, count: int = 1) -> list[dict[str, Any]]:
    """Return so many items of a type, each valid by itself."""
    members: dict[str, Any] = {"url": VIDEO if name.endswith("video") else URL}
    if name == "prompt":
        members = {"text": "a cat"}
    if name in {"element", "voice"}:
        members = {f"{name}_id": "829836802793406551"}
    ids = name in {"element", "voice"}
    return [{"type": name, **members} | ({"id": f"{name}{n}"} if ids else {}) for n in range(count)]


def body(product: str, **settings: Any) -> dict[str, Any]:
    """Return the plainest request of a product."""
    needed = {"image-to-video": ["first_frame"], "motion-control": ["image", "video"]}
    if product == "text-to-video":
        return {"prompt": "a cat", "settings": settings}
    contents = [item for name in ["prompt", *needed.get(product, [])] for item in items(name)]
    if product == "motion-control":
        settings = {"character_orientation": "video", **settings}
    if product == "omni-video":
        settings = {"aspect_ratio": "16:9", **settings}
    return {"contents": contents, "settings": settings}


def add(request: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    """Return a request with more items; one of a type that is there takes its place."""
    types = {item["type"] for item in more}
    remaining = [item for item in request["contents"] if item["type"] not in types]
    return {**request, "contents": [*remaining, *more]}


def plan(product: str, model: str, request: dict[str, Any], **options: Any) -> Plan:
    return plan_of(record(product).name, request, name=model, **options)


def refused(product: str, model: str, request: dict[str, Any], **options: Any) -> str:
    """Return the text of the refusal."""
    with pytest.raises(Refusal) as caught:
        plan(product, model, request, **options)
    assert (caught.value.http, caught.value.code) == (400, 1201)
    return caught.value.message
