"""Every documented combination of the model-path interface, and its nearest forbidden neighbour.

The table is written here once more, from the vendor's pages and not from the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest

from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import ENDPOINTS
from tests.mock.kling.endpoints.model_path import add, body, items, plan, record, refused

LONG: Final = tuple(range(3, 16))
SHORT: Final = (5, 10)


class Model(NamedTuple):
    """A model of a product, as the pages have it.

    Attributes:
        resolutions: With the audio modes of each.
        seconds: Lengths; empty for a model without this setting.
        contents: Types, with how many of each; those in brackets in only one resolution.
        prompt: Characters.
        units: What 5 seconds cost in the first resolution, without sound if that is possible.
    """

    resolutions: Mapping[str, tuple[str, ...]]
    seconds: tuple[int, ...]
    contents: dict[str, int]
    prompt: int
    units: str
    only_1080p: frozenset[str] = frozenset()


OFF: Final = ("off",)
NATIVE: Final = ("off", "native")
OMNI_TYPES: Final = {
    "prompt": 1,
    "first_frame": 1,
    "last_frame": 1,
    "refer_image": 7,
    "feature_video": 1,
    "base_video": 1,
    "element": 7,
}
MOTION: Final = {"720p": ("original", "off"), "1080p": ("original", "off")}

TABLE: Final[dict[tuple[str, str], Model]] = {
    ("text-to-video", "kling-3.0-turbo"): Model({"720p": (), "1080p": ()}, LONG, {}, 3072, "4"),
    ("text-to-video", "kling-3.0"): Model(
        {"720p": NATIVE, "1080p": NATIVE, "4k": NATIVE}, LONG, {}, 3072, "3"
    ),
    ("text-to-video", "kling-2.6"): Model({"720p": OFF, "1080p": NATIVE}, SHORT, {}, 2500, "1.5"),
    ("text-to-video", "kling-2.5-turbo"): Model({"720p": (), "1080p": ()}, SHORT, {}, 2500, "1.5"),
    ("image-to-video", "kling-3.0-turbo"): Model(
        {"720p": (), "1080p": ()}, LONG, {"prompt": 1, "first_frame": 1}, 2500, "4"
    ),
    ("image-to-video", "kling-3.0"): Model(
        {"720p": NATIVE, "1080p": NATIVE, "4k": NATIVE},
        LONG,
        {"prompt": 1, "first_frame": 1, "last_frame": 1, "element": 3},
        3072,
        "3",
    ),
    ("image-to-video", "kling-2.6"): Model(
        {"720p": OFF, "1080p": NATIVE},
        SHORT,
        {"prompt": 1, "first_frame": 1, "last_frame": 1, "voice": 2},
        2500,
        "1.5",
        frozenset({"last_frame", "voice"}),
    ),
    ("image-to-video", "kling-2.5-turbo"): Model(
        {"720p": (), "1080p": ()},
        SHORT,
        {"prompt": 1, "first_frame": 1, "last_frame": 1},
        2500,
        "1.5",
        frozenset({"last_frame"}),
    ),
    ("omni-video", "kling-3.0-omni"): Model(
        {"720p": NATIVE, "1080p": NATIVE, "4k": NATIVE}, LONG, OMNI_TYPES, 3072, "3"
    ),
    ("omni-video", "kling-o1"): Model(
        {"720p": OFF, "1080p": OFF}, tuple(range(3, 11)), OMNI_TYPES, 2500, "3"
    ),
    ("motion-control", "kling-3.0"): Model(
        MOTION, (), {"prompt": 1, "image": 1, "video": 1, "element": 1}, 2500, "4.5"
    ),
    ("motion-control", "kling-2.6"): Model(
        MOTION, (), {"prompt": 1, "image": 1, "video": 1}, 2500, "2.5"
    ),
}
EVERY_RESOLUTION: Final = ("480p", "720p", "1080p", "4k")
KEYS: Final = [pytest.param(*key, id="-".join(key)) for key in TABLE]


def test_all_paths_are_in_the_table() -> None:
    """The twelve paths of the pages of 2026-09 are served."""
    served = {
        (record.path.split("/")[1], model)
        for record in ENDPOINTS.values()
        if record.path.endswith("{model}")
        for model in record.models
    }
    assert TABLE.keys() <= served
    assert len(TABLE) == 12


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_every_documented_combination_is_accepted(product: str, model: str) -> None:
    """Resolution by audio mode by length: no note, no later failure, and it is priced."""
    row = TABLE[product, model]
    for resolution, modes in row.resolutions.items():
        for audio in modes or (None,):
            for seconds in row.seconds or (None,):
                settings: dict[str, Any] = {"resolution": resolution}
                settings |= {} if audio is None else {"audio": audio}
                settings |= {} if seconds is None else {"duration": seconds}
                noticed = Noticed()
                task_plan = plan(product, model, body(product, **settings), noticed=noticed)
                assert (task_plan.resolution, task_plan.seconds) == (resolution, seconds or 5)
                assert (task_plan.failure, noticed.notes) == (None, [])
                assert task_plan.units > 0
                assert task_plan.path == f"/{product}/{model}"


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_what_is_left_out_has_the_documented_default(product: str, model: str) -> None:
    """720p, 5 seconds, no sound where there is a choice: and that is what it costs."""
    task_plan = plan(product, model, body(product))
    assert (task_plan.resolution, task_plan.seconds) == ("720p", 5)
    assert f"{task_plan.units.normalize():f}" == TABLE[product, model].units
    assert task_plan.sound == (model == "kling-3.0-turbo" or product == "motion-control")


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_other_resolutions_are_refused(product: str, model: str) -> None:
    """Known ones that the model does not have, and an unknown one; in the observed words."""
    for resolution in set(EVERY_RESOLUTION) - set(TABLE[product, model].resolutions):
        text = refused(product, model, body(product, resolution=resolution))
        assert text == f"video resolution value '{resolution}' is invalid"
    assert refused(product, model, body(product, resolution="x")) == (
        "settings.resolution value 'x' is invalid, allowed values: 480p, 720p, 1080p, 4k"
    )


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_other_audio_modes_are_refused(product: str, model: str) -> None:
    """One that the model does not have at a resolution, and an unknown one."""
    for resolution, modes in TABLE[product, model].resolutions.items():
        for audio in {"native", "original"} - set(modes):
            request = body(product, resolution=resolution, audio=audio)
            if model == "kling-3.0-turbo":  # it always has sound, without a setting
                noticed = Noticed()
                assert plan(product, model, request, noticed=noticed).sound
                assert [note.field for note in noticed.notes] == ["settings.audio"]
                continue
            text = refused(product, model, request)
            assert text == f"audio mode '{audio}' is not supported by the current model"
    assert refused(product, model, body(product, audio="loud")) == (
        "settings.audio value 'loud' is invalid, allowed values: native, off, original"
    )


@pytest.mark.parametrize(
    ("product", "model"),
    [param for param in KEYS if TABLE[param.values].seconds],  # type: ignore[index] # two strings
)
@pytest.mark.parametrize("duration", [0, 1, 2, 4, 11, 16, 20, "5", "20", -3, 10**30])
def test_any_duration_is_taken_and_fails_later_if_it_cannot_be(
    product: str, model: str, duration: int | str
) -> None:
    """0, 1, 20 and "5" pass at create; what the job then does is assumed: it fails."""
    task_plan = plan(product, model, body(product, duration=duration))
    possible = int(duration) in TABLE[product, model].seconds
    assert (task_plan.failure is None) == possible
    if task_plan.failure is not None:
        assert task_plan.failure.message.startswith("settings.duration value '")
        assert task_plan.seconds in TABLE[product, model].seconds


CONTENTS: Final = [param for param in KEYS if TABLE[param.values].contents]  # type: ignore[index] # two strings


def allowed(row: Model, name: str) -> list[str]:
    return ["1080p"] if name in row.only_1080p else list(row.resolutions)


@pytest.mark.parametrize(("product", "model"), CONTENTS)
def test_every_type_is_taken_up_to_its_count(product: str, model: str) -> None:
    """Each resolution that has the type takes as many as the pages allow, and no more."""
    row = TABLE[product, model]
    for name, most in row.contents.items():
        for resolution in allowed(row, name):
            settings: dict[str, Any] = {"resolution": resolution}
            settings |= {"audio": "native"} if name == "voice" else {}
            request = body(product, **settings)
            if name == "last_frame" and product == "omni-video":
                request = add(request, *items("first_frame"))
            noticed = Noticed()
            task_plan = plan(product, model, add(request, *items(name, most)), noticed=noticed)
            assert (task_plan.failure, noticed.notes) == (None, [])
            text = refused(product, model, add(request, *items(name, most + 1)))
            assert text == f"content items of type '{name}' cannot exceed {most}"


@pytest.mark.parametrize(("product", "model"), CONTENTS)
def test_types_that_only_other_models_have(product: str, model: str) -> None:
    """A type that the product has and the model lacks is refused; another product's is ignored."""
    row = TABLE[product, model]
    of_product = {
        name
        for (other, _), model_row in TABLE.items()
        if other == product
        for name in model_row.contents
    }
    for name in OMNI_TYPES.keys() | {"image", "video", "voice"}:
        for resolution in row.resolutions:
            if name in row.contents and resolution in allowed(row, name):
                continue
            request = add(body(product, resolution=resolution), *items(name))
            if name in of_product:
                text = f"content item of type '{name}' is not supported by the current model"
                assert refused(product, model, request) == text
                continue
            noticed = Noticed()
            plan(product, model, request, noticed=noticed)
            assert {note.kind for note in noticed.notes} == {"inapplicable"}


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_the_length_of_a_prompt(product: str, model: str) -> None:
    """A prompt has at most as many characters as the pages allow."""
    most = TABLE[product, model].prompt
    for length in (most, most + 1):
        request = body(product)
        if product == "text-to-video":
            request["prompt"] = "x" * length
        else:
            request = add(request, {"type": "prompt", "text": "x" * length})
        if length == most:
            assert len(plan(product, model, request).prompt) == most
        else:
            assert "at most" in refused(product, model, request)


@pytest.mark.parametrize(
    ("product", "model"),
    [param for param in KEYS if param.values[0] in {"text-to-video", "omni-video"}],
)
def test_aspect_ratios(product: str, model: str) -> None:
    """The three of the pages, and the seen words for any other."""
    for ratio in ("16:9", "9:16", "1:1"):
        assert plan(product, model, body(product, aspect_ratio=ratio)).aspect_ratio == ratio
    assert refused(product, model, body(product, aspect_ratio="99:1")) == (
        "aspect_ratio value '99:1' is invalid, supported values: 16:9, 9:16, 1:1"
    )


# ---------------------------------------------------------------- prices

# Units per second: by model, resolution and use. Where a model of image-to-video is missing, it
# costs what it does on text-to-video.
PRICES: Final[dict[tuple[str, str], dict[str, dict[str, str]]]] = {
    ("text-to-video", "kling-3.0-turbo"): {"720p": {"sound": "0.8"}, "1080p": {"sound": "1"}},
    ("text-to-video", "kling-3.0"): {
        "720p": {"silent": "0.6", "sound": "0.9"},
        "1080p": {"silent": "0.8", "sound": "1.2"},
        "4k": {"silent": "3", "sound": "3"},
    },
    ("text-to-video", "kling-2.6"): {
        "720p": {"silent": "0.3"},
        "1080p": {"silent": "0.5", "sound": "1"},
    },
    ("text-to-video", "kling-2.5-turbo"): {"720p": {"silent": "0.3"}, "1080p": {"silent": "0.5"}},
    ("image-to-video", "kling-2.6"): {
        "720p": {"silent": "0.3"},
        "1080p": {"silent": "0.5", "sound": "1", "voice": "1.2"},
    },
    ("omni-video", "kling-3.0-omni"): {
        "720p": {"silent": "0.6", "sound": "0.8", "video": "0.9"},
        "1080p": {"silent": "0.8", "sound": "1", "video": "1.2"},
        "4k": {"silent": "3", "sound": "3", "video": "3"},
    },
    ("omni-video", "kling-o1"): {
        "720p": {"silent": "0.6", "video": "0.9"},
        "1080p": {"silent": "0.8", "video": "1.2"},
    },
    ("motion-control", "kling-3.0"): {"720p": {"video": "0.9"}, "1080p": {"video": "1.2"}},
    ("motion-control", "kling-2.6"): {"720p": {"video": "0.5"}, "1080p": {"video": "0.8"}},
}


@pytest.mark.parametrize(("product", "model"), KEYS)
def test_the_price_list(product: str, model: str) -> None:
    """The prices are exactly those of the vendor's list."""
    prices: dict[str, dict[str, str]] = {}
    for (name, mode, use), price in record(product).prices.items():
        if name == model:
            assert price.per == "second"
            prices.setdefault(mode, {})[use] = f"{price.amount.normalize():f}"
    listed = ("text-to-video", model) if (product, model) not in PRICES else (product, model)
    assert prices == PRICES[listed]
