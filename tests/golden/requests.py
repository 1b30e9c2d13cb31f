"""Requests to all endpoints: the shortest right one of each, with a few fields changed."""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Iterator
from types import UnionType
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import kling_sdk
from kling_sdk.endpoints import request_class
from tests.endpoints import BODIES, CALLS, URL

MAX_CHANGES: Final = 3
#: Values of any field, of right and wrong types.
ANY: Final[tuple[Any, ...]] = (None, "", "x", " ", 0, 1, -1, 2.5, True, False, [], {}, ["x"], URL)
#: Values that one field or another takes, tells apart or just no longer takes.
BY_FIELD: Final[dict[str, tuple[Any, ...]]] = {
    "duration": (1, 2, 3, 4, 5, "5", 6, 8, 10, "10", 15, 16, 20, 30, "5s", 5.5),
    "n": (1, 2, 9, 10),
    "cfg_scale": (0, 0.5, 1, 1.1),
    "prompt": ("a cat", "a" * 2500, "a" * 2501, "a" * 3073, "<<<image_1>>> walks", "<<<image_9>>>"),
    "negative_prompt": ("fog", "a" * 2501),
    "image": (URL, "https://example.com/a", "not a url", "aGVsbG8=", "data:image/png;base64,aGk="),
    "image_tail": (URL,),
    "image_list": ([{"image": URL}], [{"image_url": URL}], [{"image": URL}] * 5, [URL] * 8),
    "video_list": ([{"video_url": "https://example.com/a.mp4"}],),
    "element_list": ([{"element_id": 7}], [{"element_id": 7}] * 8),
    "voice_list": ([{"voice_id": "7"}],),
    "camera_control": (
        {"type": "simple", "config": {"zoom": 5}},
        {"type": "simple"},
        {"type": "down_back"},
        {"type": "simple", "config": {"zoom": 11}},
    ),
    "multi_shot": (True, False),
    "shot_type": ("customize", "intelligence", "other"),
    "multi_prompt": (
        [{"index": 1, "prompt": "a cat", "duration": "5"}],
        [
            {"index": 1, "prompt": "a", "duration": "2"},
            {"index": 2, "prompt": "b", "duration": "3"},
        ],
    ),
    "callback_url": ("https://example.com/a", "https://example.com/b", "ftp://example.com"),
    "external_task_id": ("order-1", "a/b", "order 1", "a" * 201),
    "watermark_info": ({"enabled": True}, True),
    "voice_id": ("oversea_male1", "nobody"),
    "speed": (0.8, 2, 2.1),
    "sound": ("on", "off", True),
    "keep_original_sound": ("yes", "no", True),
}


class GeneratedRequest(NamedTuple):
    """A request in the client's words."""

    endpoint: str
    fields: dict[str, Any]


def generate(seed: int, count: int) -> Iterator[GeneratedRequest]:
    """Yield *count* requests, of each endpoint about as many; a third or so is right."""
    source = random.Random(seed)  # noqa: S311 - the same requests in every run
    bodies = BODIES | CALLS
    likely = {endpoint: _likely_values(endpoint) for endpoint in bodies}
    endpoints = sorted(bodies)
    for number in range(count):
        endpoint = endpoints[number % len(endpoints)]
        fields = copy.deepcopy(bodies[endpoint])
        for _ in range(source.randrange(MAX_CHANGES + 1)):
            is_known = source.random() < 0.98
            name = source.choice(sorted(likely[endpoint])) if is_known else "no_such_field"
            if name in fields and source.random() < 0.1:
                del fields[name]
                continue
            values = likely[endpoint].get(name, ())
            is_likely = values and source.random() < 0.85
            fields[name] = copy.deepcopy(source.choice(values if is_likely else ANY))
        yield GeneratedRequest(endpoint, fields)


def _likely_values(endpoint: str) -> dict[str, tuple[Any, ...]]:
    cls = request_class(endpoint)
    hints = get_type_hints(cls)
    own = _model_names(kling_sdk.ENDPOINTS[endpoint])
    models = {name for record in kling_sdk.ENDPOINTS.values() for name in _model_names(record)}
    values: dict[str, tuple[Any, ...]] = {}
    for name in inspect.signature(cls).parameters:
        if name == "model_name":
            # Its own models many times over, so that most requests name one of them.
            values[name] = (*own * 10, *sorted(models), "kling-v9")
        elif name not in {"check", "interface", "extra_body"}:
            values[name] = (*_literals(hints[name]), *BY_FIELD.get(name, ()))
    return values


def _model_names(record: Any) -> tuple[str, ...]:
    return tuple(model.name for model in record.models)


def _literals(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, UnionType) or get_origin(hint) is not None:
        return tuple(literal for part in get_args(hint) for literal in _literals(part))
    return ()
