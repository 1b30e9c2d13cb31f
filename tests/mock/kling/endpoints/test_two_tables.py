"""Where the endpoints of the SDK, the emulator and the relay differ: only as listed here.

Each keeps a table of its own, so that a mistake in one is not hidden by the other.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pytest

import kling_sdk
from kling_mock.journal.notes import NotePolicy
from kling_mock.kling.endpoints.models import RETIRED
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import Capability
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.service_codes import Refusal
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.relay.domain import wire as relay_wire
from kling_sdk import RequestValidationError
from kling_sdk.endpoints import request_class
from kling_sdk.endpoints.capabilities import check
from kling_sdk.endpoints.interfaces import RESOLUTIONS, interface_of
from kling_sdk.endpoints.models import ABSENT, AVAILABILITY, ModeLimits
from kling_sdk.prices import PRICES
from tests.mock.kling.endpoints.requests import NEEDS, PLAIN, URL, V1_ENDPOINTS, plan

VIDEO = "https://example.com/a.mp4"
CLASSES = {name: request_class(name) for name in kling_sdk.ENDPOINTS}

CAPABILITIES: dict[tuple[str, str, str], Capability] = {
    (name, row.model, row.mode): row
    for name, record in V1_ENDPOINTS.items()
    for row in record.capabilities
    if "model_name" in record.fields.fields
}

# The emulator's names of what the SDK's table calls otherwise.
NAMES = {"first_last_frame": {"image2video": "image_tail", "omni-video": "end_frame"}}

# What only one of the tables grants, per endpoint and model, in all modes. The reason first.
GRANTED_BY_ONE = {
    "the pages say nothing of cfg_scale on kling-v3: the SDK warns, the emulator accepts": {
        ("text2video", "kling-v3", "cfg_scale"),
        ("image2video", "kling-v3", "cfg_scale"),
    },
    "to the emulator it is a rule, not a row, which camera movements a model has": {
        ("text2video", "kling-v1", "camera_move"),
    },
    "the SDK cannot know which element is a video character": {
        ("omni-video", "kling-v3-omni", "character_element"),
    },
}


def of_sdk() -> dict[tuple[str, str, str], ModeLimits]:
    return {
        (record.name, model.name, "none" if mode == ABSENT else mode): limits
        for record in kling_sdk.ENDPOINTS.values()
        for model in record.models
        if interface_of(model.name) == "v1"
        for mode, limits in model.modes.items()
    }


def name_of(endpoint: str, feature: str) -> str:
    return NAMES.get(feature, {}).get(endpoint, feature)


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
    assert libraries == {name for name, cls in CLASSES.items() if cls.record.library is not None}
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


def test_both_know_the_same_models_and_modes() -> None:
    """No endpoint, model or mode is in one table only; of a discontinued model the SDK warns."""
    assert of_sdk().keys() == CAPABILITIES.keys()


def test_both_know_since_when_models_and_endpoints_were_seen_refused() -> None:
    """The SDK warns of what the emulator notes, with the same date."""
    seen = {name: retirement.seen for name, retirement in RETIRED.items()}
    seen |= {name: one.retired.seen for name, one in ENDPOINTS.items() if one.retired is not None}
    assert {name: found.as_of for name, found in AVAILABILITY.items()} == seen


def test_both_know_the_same_models_and_resolutions_with_the_model_in_the_path() -> None:
    """A product of the SDK is a path of the emulator."""
    products = {
        record.path.split("/")[1]: record
        for record in ENDPOINTS.values()
        if record.interface is MODEL_PATH and record.makes_tasks
    }
    emulated = {
        (product, row.model, row.mode)
        for product, record in products.items()
        for row in record.capabilities
    }
    known = {
        (record.product, model.name, RESOLUTIONS[mode])
        for record in kling_sdk.ENDPOINTS.values()
        for model in record.models
        if interface_of(model.name) == "model-path"
        for mode in model.modes
    }
    assert known == emulated


@pytest.mark.parametrize("key", CAPABILITIES, ids="-".join)
def test_both_know_the_same_durations(key: tuple[str, str, str]) -> None:
    """A length in seconds is in both tables or in none."""
    assert set(of_sdk()[key].seconds) == set(CAPABILITIES[key].durations)


def test_both_grant_the_same_features() -> None:
    """A feature is in both tables or in none, but for those listed with a reason."""
    differ = {
        (endpoint, model, feature)
        for (endpoint, model, mode), spec in of_sdk().items()
        for feature in CAPABILITIES[endpoint, model, mode].features
        ^ {name_of(endpoint, name) for name in spec.features}
    }
    assert differ == set().union(*GRANTED_BY_ONE.values())


def test_both_narrow_the_same_features() -> None:
    """A feature that only some lengths have is narrowed in both tables."""
    for key, spec in of_sdk().items():
        ours = {name_of(key[0], name): seconds for name, seconds in spec.only_seconds.items()}
        ours.pop("first_frame_only", None)  # a rule of the emulator, not a row; judged below
        assert ours == dict(CAPABILITIES[key].narrowed), key


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
    # Of pictures.
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
FIELDS_OF = {
    "text2video": "negative_prompt aspect_ratio cfg_scale sound multi_shot camera_control",
    "image2video": "negative_prompt cfg_scale sound multi_shot camera_control image_tail "
    "static_mask element_list voice_list",
    "omni-video": "aspect_ratio sound multi_shot element_list image_list video_list",
    "multi-image2video": "negative_prompt aspect_ratio",
    "image-generation": "negative_prompt aspect_ratio element_list image_reference "
    "image_fidelity human_fidelity n",
    "omni-image": "aspect_ratio element_list image_list result_type series_amount n",
    "multi-image2image": "aspect_ratio scene_image style_image n",
    "virtual-try-on": "",
    "motion-control": "element_list",
}

# Where only the emulator refuses, and why. There is nothing that only the SDK refuses.
LENIENT: dict[str, Callable[[Capability, frozenset[str], str], bool]] = {
    "one unofficial source grants kling-v1 pro and kling-v3 a camera, and kling-v3 masks: "
    "the SDK warns": lambda row, used_fields, _: (
        (row.model, row.mode) in {("kling-v1", "pro"), ("kling-v3", "std"), ("kling-v3", "pro")}
        and bool(used_fields & {"camera", "camera move", "mask"})
    ),
    "one FAQ allows kling-video-o1 3 to 10 seconds of text alone: the SDK warns": (
        lambda row, used_fields, seconds: (
            row.model == "kling-video-o1"
            and used_fields <= {"aspect_ratio"}
            and seconds not in {"5", "10"}
        )
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
    known = FIELDS_OF[endpoint].split()
    uses = [
        name
        for name, used_fields in USES.items()
        if set(used_fields) - {"image", "shot_type", "multi_prompt"} <= set(known)
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
        )  # what has no effect is not let through here
    except Refusal:
        return False
    return True


def sdk_accepts(endpoint: str, body: dict[str, Any]) -> bool:
    with warnings.catch_warnings(action="ignore"):
        try:
            request = CLASSES[endpoint](**body)
        except RequestValidationError:
            return False
        return not any(problem.certain for problem in check(request.record, request.given()))


@pytest.mark.slow
def test_both_judge_requests_alike() -> None:
    """Every pair of features, in every model, mode and length, is accepted by both or by none."""
    unexplained: list[tuple[object, ...]] = []
    used: set[str] = set()
    for (endpoint, _, _), row in CAPABILITIES.items():
        for used_fields, body in requests(endpoint, row):
            emulator, sdk = emulator_accepts(endpoint, body), sdk_accepts(endpoint, body)
            if emulator == sdk:
                continue
            what = (row, frozenset(used_fields), body.get("duration", ""))
            reasons = {reason for reason, fits in LENIENT.items() if sdk and fits(*what)}
            used |= reasons
            if not reasons:
                unexplained.append((row.model, row.mode, used_fields, what[2], emulator, sdk))
    assert unexplained == []
    assert used == LENIENT.keys()  # a reason that is not needed any more is taken off the list


# ---------------------------------------------------------------- prices

# The emulator's words for what the SDK's list calls otherwise.
PRICED_MODES = {"none": "", "720p": "std", "1080p": "pro"}
PRICED_ENDPOINTS = {
    "model-path-text-to-video": "text2video",
    "model-path-image-to-video": "image2video",
    "model-path-omni-video": "omni-video",
    "model-path-motion-control": "motion-control",
}
PRICED_USES = {"motion": "video"}
PriceRow = tuple[str, str, str, str]


def prices_of_sdk() -> dict[PriceRow, tuple[Any, ...]]:
    """Return units, what they are for, date and confidence by endpoint, model, mode and use."""
    return {
        (endpoint, row.model, row.mode, row.use): (
            row.units,
            row.per,
            row.priced_on.isoformat(),
            row.confidence,
        )
        for row in PRICES
        for endpoint in row.endpoints
    }


def prices_of_emulator() -> dict[PriceRow, tuple[Any, ...]]:
    found: dict[PriceRow, tuple[Any, ...]] = {}
    for name, record in ENDPOINTS.items():
        endpoint = PRICED_ENDPOINTS.get(name, name)
        for (model, mode, use), price in record.prices.items():
            if price.fact.kind == "assumed":  # there is no list that has it
                continue
            # Every video of this one has sound: one table says so, the other leaves it out.
            use_ = "silent" if model == "kling-3.0-turbo" else PRICED_USES.get(use, use)
            row = (endpoint, model, PRICED_MODES.get(mode, mode), use_)
            found[row] = (price.amount, price.per, price.fact.as_of, price.fact.confidence)
    return {row: price for row, price in found.items() if row[0] in kling_sdk.ENDPOINTS}


def test_the_two_price_lists_have_the_same_rows() -> None:
    """Each is written from the vendor's list by itself: what one has wrong, the other shows."""
    sdk, emulator = prices_of_sdk(), prices_of_emulator()
    assert sdk.keys() == emulator.keys()
    for row, (units, per, priced_on, _) in sdk.items():
        assert emulator[row][:3] == (units, per, priced_on), row


def test_the_two_price_lists_trust_their_rows_alike() -> None:
    """They rate their sources by themselves, and differ only as listed here."""
    sdk, emulator = prices_of_sdk(), prices_of_emulator()
    assert {
        row[:2]: (sdk[row][3], emulator[row][3]) for row in sdk if sdk[row] != emulator[row]
    } == {
        ("text2video", "kling-3.0-turbo"): ("high", "medium"),
        ("image2video", "kling-3.0-turbo"): ("high", "medium"),
        ("video-extend", "kling-v1"): ("low", "medium"),
        ("video-extend", "kling-v1-5"): ("low", "medium"),
        ("video-extend", "kling-v1-6"): ("low", "medium"),
    }
