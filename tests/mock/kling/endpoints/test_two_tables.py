"""The endpoints of the SDK, the emulator and the relay differ only as listed here.

They read the same facts (`kling_sdk.facts`) and interpret them by themselves.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pytest

import kling_sdk
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import Capability
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.notes import NotePolicy
from kling_mock.kling.service_codes import Refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.relay.domain import wire as relay_wire
from kling_sdk import RequestValidationError
from kling_sdk.endpoints import request_class
from kling_sdk.endpoints.capabilities import check
from tests.mock.kling.endpoints.requests import NEEDS, PLAIN, URL, V1_ENDPOINTS, plan

VIDEO = "https://example.com/a.mp4"
CLASSES = {name: request_class(name) for name in kling_sdk.ENDPOINTS}

CAPABILITIES: dict[tuple[str, str, str], Capability] = {
    (name, row.model, row.mode): row
    for name, record in V1_ENDPOINTS.items()
    for row in record.capabilities
    if "model_name" in record.fields.fields
}


def missing(served: Mapping[str, Collection[str]]) -> list[str]:
    """Name what each of them lacks that another has."""
    every = sorted({name for names in served.values() for name in names})
    return [f"{who} has no {name}" for name in every for who in served if name not in served[who]]


def test_all_three_have_the_same_endpoints() -> None:
    """An endpoint of the SDK, the emulator or the relay is in the other two as well.

    But a library, which is one account's, where a relay has several, and a solution.
    """
    solutions = {
        name
        for name, record in ENDPOINTS.items()
        if record.interface is SOLUTIONS and record.makes_tasks
    }
    assert len(solutions) == 5
    libraries = {name for name, record in V1_ENDPOINTS.items() if record.library is not None}
    assert libraries == {
        name
        for name, cls in CLASSES.items()
        if cls.record.library is not None and cls.record.returns is None
    }
    assert not libraries & relay_wire.ENDPOINTS.keys()
    served = {
        "the SDK": {name for name, cls in CLASSES.items() if cls.record.returns is None},
        "the emulator": PLAIN.keys() | solutions,
        "the relay": relay_wire.ENDPOINTS.keys() | libraries | solutions,
    }
    assert missing(served) == []
    assert missing(served | {"the SDK": {*PLAIN, *solutions, "dream"}}) == [
        "the emulator has no dream",
        "the relay has no dream",
    ]


# ---------------------------------------------------------------- what both make of a request

USES: dict[str, dict[str, Any]] = {
    "negative_prompt": {"negative_prompt": "rain"},
    "aspect_ratio": {"aspect_ratio": "9:16"},
    "cfg_scale": {"cfg_scale": 0.7},
    "sound": {"sound": "on"},
    "shots": {"multi_shot": True, "shot_type": "intelligence"},
    "own shots": {
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [{"index": 1, "prompt": "a cat", "duration": "5"}],
    },
    "camera": {"camera_control": {"type": "simple", "config": {"zoom": 5}}},
    "camera move": {"camera_control": {"type": "down_back"}},
    "end frame": {"image_tail": URL},
    "end frame alone": {"image": None, "image_tail": URL},
    "mask": {"static_mask": URL},
    "element": {"element_list": [{"element_id": 1}]},
    "4 elements": {"element_list": [{"element_id": number} for number in range(1, 5)]},
    "voice": {"voice_list": [{"voice_id": "v"}]},
    "first frame": {"image_list": [{"image_url": URL, "type": "first_frame"}]},
    "both frames": {
        "image_list": [
            {"image_url": URL, "type": "first_frame"},
            {"image_url": URL, "type": "end_frame"},
        ]
    },
    "a frame of 3": {
        "image_list": [
            {"image_url": URL, "type": "first_frame"},
            {"image_url": URL},
            {"image_url": URL},
        ]
    },
    "4 images": {"image_list": [{"image_url": URL}] * 4},
    "base video": {"video_list": [{"video_url": VIDEO, "refer_type": "base"}]},
    "feature video": {"video_list": [{"video_url": VIDEO, "refer_type": "feature"}]},
    # Rows of pictures.
    "picture": {"image": URL},
    "pictures": {"image_list": [{"image": URL}] * 10},
    "subject": {"image": URL, "image_reference": "subject"},
    "face alone": {"image_reference": "face"},
    "fidelity": {"image": URL, "image_fidelity": 0.7},
    "human fidelity": {"image": URL, "image_reference": "subject", "human_fidelity": 0.7},
    "fidelity of a face": {"image": URL, "image_reference": "face", "human_fidelity": 0.7},
    "10 elements": {"element_list": [{"element_id": number} for number in range(1, 11)]},
    "series": {"result_type": "series", "series_amount": 9},
    "too long a series": {"result_type": "series", "series_amount": 10},
    "auto ratio": {"aspect_ratio": "auto"},
    "wide ratio": {"aspect_ratio": "21:9"},
    "nine": {"n": 9},
    "ten": {"n": 10},
    "scene": {"scene_image": URL},
    "style": {"style_image": URL},
}
#: Which of them are for videos only, or for pictures only.
OF_PICTURES = frozenset(list(USES)[list(USES).index("picture") :])

# Where only the emulator refuses, and why. There is nothing that only the SDK refuses.
LENIENT: dict[str, Callable[[Capability, frozenset[str]], bool]] = {
    "one unofficial source grants kling-v1 pro and kling-v3 a camera, and kling-v3 masks: "
    "the SDK warns": lambda row, used_fields: (
        (row.model, row.mode) in {("kling-v1", "pro"), ("kling-v3", "std"), ("kling-v3", "pro")}
        and bool(used_fields & {"camera", "camera move", "mask"})
    ),
}


def requests(endpoint: str, row: Capability) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield requests of a row's model and mode that use up to two things, at each length."""
    record = V1_ENDPOINTS[endpoint]
    plain: dict[str, Any] = {"model_name": row.model, **NEEDS.get(endpoint, {})}
    if "prompt" in record.fields.fields:
        plain["prompt"] = "a cat"
    if row.mode != "none":
        plain[record.mode_field] = row.mode
    known = {*record.fields.fields}
    uses = [
        name
        for name, used_fields in USES.items()
        if set(used_fields) - {"image", "shot_type", "multi_prompt"} <= known
        and (name not in OF_PICTURES or record.pack != "video")
    ]
    lengths = ("3", "5", "7", "10", "12") if row.durations else ("",)
    for used_fields in ((), *itertools.combinations(uses, 1), *itertools.combinations(uses, 2)):
        if len({key for name in used_fields for key in USES[name]}) < sum(
            len(USES[n]) for n in used_fields
        ):
            continue  # the two fill one field
        for seconds in lengths:
            body = plain | ({"duration": seconds} if seconds else {})
            for name in used_fields:
                body |= USES[name]
            yield used_fields, {key: value for key, value in body.items() if value is not None}


def emulator_accepts(endpoint: str, body: dict[str, Any]) -> bool:
    try:
        plan(
            endpoint, body, Noticed(NotePolicy(refuses=True))
        )  # fields without effect are not let through here
    except Refusal:
        return False
    return True


def sdk_accepts(endpoint: str, body: dict[str, Any]) -> bool:
    with warnings.catch_warnings(action="ignore"):
        try:
            request = CLASSES[endpoint](**body)
        except RequestValidationError:
            return False
        return not any(problem.certain for problem in check(request.record, request.parameters()))


@pytest.mark.slow
def test_both_judge_requests_alike() -> None:
    """Every pair of features, in every model, mode and length, is accepted or refused by both."""
    unexplained: list[tuple[object, ...]] = []
    used: set[str] = set()
    for (endpoint, _, _), row in CAPABILITIES.items():
        for used_fields, body in requests(endpoint, row):
            emulator, sdk = emulator_accepts(endpoint, body), sdk_accepts(endpoint, body)
            if emulator == sdk:
                continue
            reasons = {
                reason
                for reason, fits in LENIENT.items()
                if sdk and fits(row, frozenset(used_fields))
            }
            used |= reasons
            if not reasons:
                seconds = body.get("duration", "")
                unexplained.append((row.model, row.mode, used_fields, seconds, emulator, sdk))
    assert unexplained == []
    assert used == LENIENT.keys()  # a reason that is no longer needed is removed from the list
