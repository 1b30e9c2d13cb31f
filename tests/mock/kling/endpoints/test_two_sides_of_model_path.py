"""The SDK's requests with the model in the path match the emulator's, pair by pair.

Every pair of uses, in every model, resolution and length: what the SDK accepts the emulator
accepts without a note, and what it refuses the emulator answers as the evidence says.
"""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import attrs
import pytest

import kling_sdk
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.service_codes import Refusal
from kling_sdk import RequestValidationError
from kling_sdk.endpoints import request_class
from kling_sdk.endpoints.capabilities import check
from kling_sdk.endpoints.interfaces import RESOLUTIONS, interface_of
from kling_sdk.endpoints.models import ModelLimits
from kling_sdk.wire.model_path import MODEL_PATH
from tests.mock.kling.endpoints.model_path import URL, VIDEO, plan
from tests.mock.kling.endpoints.requests import NEEDS

pytestmark = pytest.mark.slow

FIRST: Final = {"image_url": URL, "type": "first_frame"}
BASE: Final = {"video_url": VIDEO, "refer_type": "base"}
USES: Final[dict[str, dict[str, Any]]] = {
    "off": {"audio": "off"},
    "native": {"audio": "native"},
    "original": {"audio": "original"},
    "ratio": {"aspect_ratio": "9:16"},
    "shots": {"multi_shot": True, "shot_type": "intelligence"},
    "own shots": {
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [{"index": 1, "prompt": "a cat", "duration": "5"}],
    },
    "end frame": {"image_tail": URL},
    "element": {"element_list": [{"element_id": 1}]},
    "4 elements": {"element_list": [{"element_id": number} for number in range(1, 5)]},
    "voice": {"voice_list": [{"voice_id": "v"}]},
    "3 voices": {"voice_list": [{"voice_id": f"v{number}"} for number in range(3)]},
    "first frame": {"image_list": [FIRST]},
    "both frames": {"image_list": [FIRST, {"image_url": URL, "type": "end_frame"}]},
    "4 images": {"image_list": [{"image_url": URL}] * 4},
    "8 images": {"image_list": [{"image_url": URL}] * 8},
    "base video": {"video_list": [BASE]},
    "its sound": {"video_list": [BASE | {"keep_original_sound": "yes"}]},
    "feature video": {"video_list": [{"video_url": VIDEO, "refer_type": "feature"}]},
}
#: The parameters of each endpoint that the interface has.
PARAMETERS: Final = {
    name: {field.name for field in attrs.fields(request_class(name))}
    for name, record in kling_sdk.ENDPOINTS.items()
    if any(interface_of(model.name) == "model-path" for model in record.models)
}
SECONDS: Final = (3, 5, 7, 10, 12, 16)


class Case(NamedTuple):
    """A request."""

    endpoint: str
    model: ModelLimits
    resolution: str
    uses: tuple[str, ...]
    seconds: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The request's parameters."""
        plain = {**NEEDS[self.endpoint], "model_name": self.model.name}
        plain.pop("mode", None)  # the resolution is another name for it
        plain |= {"prompt": "a cat"} if "prompt" in PARAMETERS[self.endpoint] else {}
        plain |= {"duration": self.seconds} if self.seconds else {}
        plain["resolution"] = self.resolution
        for name in self.uses:
            plain |= USES[name]
        return plain


def cases() -> Iterator[Case]:
    for endpoint, known in PARAMETERS.items():
        uses = [name for name, use in USES.items() if set(use) <= known]
        pairs = [
            pair
            for count in range(3)
            for pair in itertools.combinations(uses, count)
            if len({key for name in pair for key in USES[name]}) == sum(len(USES[n]) for n in pair)
        ]
        models = [
            model
            for model in kling_sdk.ENDPOINTS[endpoint].models
            if interface_of(model.name) == "model-path"
        ]
        for model, resolution, pair, seconds in itertools.product(
            models,
            RESOLUTIONS.values(),
            pairs,
            SECONDS if "duration" in known else (0,),  # else a video in the request decides
        ):
            yield Case(endpoint, model, resolution, pair, seconds)


def sdk_accepts(case: Case) -> bool:
    with warnings.catch_warnings(action="ignore"):
        try:
            request = request_class(case.endpoint)(**case.parameters)
            MODEL_PATH.create(request, "id-1")
        except RequestValidationError:
            return False
        return not any(problem.certain for problem in check(request.record, request.parameters()))


def emulator_says(case: Case) -> str:
    """Return the emulator's result for an unchecked request."""
    with warnings.catch_warnings(action="ignore"):
        try:
            request = request_class(case.endpoint)(**case.parameters, check=False)
            call = MODEL_PATH.create(request, "id-1")
        except RequestValidationError:
            return "no body can be made"
    _, product, model = call.path.split("/")
    noticed = Noticed()
    try:
        task_plan = plan(product, model, call.json, noticed=noticed)
    except Refusal:
        return "refused"
    if task_plan.failure is not None:
        return "fails later"
    return "noted" if noticed.notes else "accepted"


# What the SDK refuses and the emulator takes, as the real service does: nothing in the body is
# wrong.
STRICTER: Final[dict[str, Callable[[Case], bool]]] = {
    "shots are words of the prompt: only the SDK knows that the model makes none": lambda case: (
        bool({"shots", "own shots"} & {*case.uses}) and not case.model.multi_shot_setting
    ),
    "shots that do not add up to the duration are words of the prompt, too": lambda case: (
        "own shots" in case.uses and case.seconds != 5
    ),
    "own shots beside a feature video: the release note is about shots by intelligence": (
        lambda case: {"own shots", "feature video"} == {*case.uses}
    ),
    "a length has no effect beside a base video, and is left out": lambda case: (
        bool({"base video", "its sound"} & {*case.uses})
        and all(case.seconds not in mode.seconds for mode in case.model.modes.values())
    ),
}


def test_both_judge_requests_alike() -> None:
    """Nothing that the SDK accepts is refused, noted or fails later; its refusals have reasons."""
    counts: Counter[tuple[bool, str]] = Counter()
    unexplained: list[tuple[object, ...]] = []
    used: set[str] = set()
    for case in cases():
        sdk, emulator = sdk_accepts(case), emulator_says(case)
        counts[sdk, emulator] += 1
        if sdk == (emulator == "accepted"):
            continue
        reasons = {text for text, fits in STRICTER.items() if not sdk and fits(case)}
        if sdk or emulator == "accepted":
            used |= reasons
            if not reasons:
                unexplained.append((case[0], case.model.name, *case[2:], sdk, emulator))
    print(f"\n{counts.total():,} requests by (the SDK accepts, the emulator): {dict(counts)}")  # noqa: T201 - the table
    assert unexplained == []
    assert used == STRICTER.keys()
    assert counts[True, "accepted"] > 1000
    assert counts[False, "refused"] > 1000
