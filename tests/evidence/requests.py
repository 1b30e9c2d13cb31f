"""Requests that rows speak of: in the words of the vendor, and in those of the SDK."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.endpoints import BODIES, CALLS

URL: Final = "https://example.com/a.png"
VIDEO: Final = "https://example.com/a.mp4"
_NAMES: Final = {
    "/v1/videos/avatar/image2video": "avatar",
    "/v1/videos/image-recognize": "recognize-image",
    "/v1/general/custom-voices": "voices",
    "/v1/general/advanced-custom-elements": "elements",
    "/v1/general/custom-elements": "legacy-elements",
    "/v1/images/generations": "image-generation",
    "/v1/images/editing/expand": "image-expand",
    "/v1/images/kolors-virtual-try-on": "virtual-try-on",
}


class Asked(NamedTuple):
    """A request: where to, the vendor's body, and what the SDK's class is given."""

    path: str
    body: dict[str, Any]
    fields: dict[str, Any]


def plain(path: str) -> dict[str, Any]:
    """Return the plainest body of a path of /v1, as tests of all endpoints send it."""
    name = _NAMES.get(path, path.rpartition("/")[2])
    body = copy.deepcopy((BODIES | CALLS)[name])
    return body | {"aspect_ratio": "16:9"} if name == "omni-video" else body


def v1_request(path: str, *patches: Mapping[str, Any]) -> Asked:
    """Return a request of /v1 with some fields replaced; None leaves one out."""
    body = plain(path)
    for patch in patches:
        body |= copy.deepcopy(dict(patch))
    body = {name: value for name, value in body.items() if value is not None}
    return Asked(path, body, body)


# ---------------------------------------------------------------- models

_FRAME: Final = {"image_url": URL, "type": "first_frame"}
#: What asks for a feature on /v1; by the path where paths differ.
V1_FEATURES: Final[Mapping[str, dict[str, Any]]] = {
    "negative_prompt": {"negative_prompt": "rain"},
    "aspect_ratio": {"aspect_ratio": "9:16"},
    "cfg_scale": {"cfg_scale": 0.7},
    "camera_control": {"camera_control": {"type": "simple", "config": {"zoom": 5}}},
    "sound": {"sound": "on"},
    "multi_shot": {"multi_shot": True, "shot_type": "intelligence"},
    "first_last_frame": {"image_tail": URL},
    "last_frame_only": {"image": None, "image_tail": URL},
    "motion_brush": {"static_mask": URL},
    "element_list": {"element_list": [{"element_id": 1}], "character_orientation": "video"},
    "voice_list": {"voice_list": [{"voice_id": "v"}], "sound": "on"},
    "image_list": {"image_list": [{"image_url": URL}]},
    "first_frame": {"image_list": [_FRAME]},
    "both_frames": {"image_list": [_FRAME, {"image_url": URL, "type": "end_frame"}]},
    "video_feature": {"video_list": [{"video_url": VIDEO, "refer_type": "feature"}]},
    "video_base": {"video_list": [{"video_url": VIDEO, "refer_type": "base"}]},
    "keep_original_sound": {
        "video_list": [{"video_url": VIDEO, "refer_type": "base", "keep_original_sound": "yes"}]
    },
    "image": {"image": URL},
    "image_reference": {"image": URL, "image_reference": "subject"},
    "image_fidelity": {"image": URL, "image_fidelity": 0.7},
    "human_fidelity": {"image": URL, "image_reference": "subject", "human_fidelity": 0.7},
    "series": {"result_type": "series", "series_amount": 4},
    "scene_image": {"scene_image": URL},
    "style_image": {"style_image": URL},
}
_ORIENTED: Final = "/v1/videos/motion-control"

Item = dict[str, Any]
Feature = tuple[dict[str, Any], list[Item], dict[str, Any]]
_BASE_VIDEO: Final = {"video_url": VIDEO, "refer_type": "base"}
#: The same with the model in the path: the SDK's fields, contents, settings.
PATH_FEATURES: Final[Mapping[str, Feature]] = {
    "audio_native": ({"audio": "native"}, [], {"audio": "native"}),
    "multi_shot": ({"multi_shot": True, "shot_type": "intelligence"}, [], {"multi_shot": True}),
    "first_last_frame": ({"image_tail": URL}, [{"type": "last_frame", "url": URL}], {}),
    "element": (
        {"element_list": [{"element_id": 1}]},
        [{"type": "element", "element_id": "1", "id": "e1"}],
        {},
    ),
    "voice": (
        {"voice_list": [{"voice_id": "v"}], "audio": "native"},
        [{"type": "voice", "voice_id": "v", "id": "v1"}],
        {"audio": "native"},
    ),
    "first_frame": ({"image_list": [_FRAME]}, [{"type": "first_frame", "url": URL}], {}),
    "both_frames": (
        V1_FEATURES["both_frames"],
        [{"type": "first_frame", "url": URL}, {"type": "last_frame", "url": URL}],
        {},
    ),
    "refer_image": (V1_FEATURES["image_list"], [{"type": "refer_image", "url": URL}], {}),
    "feature_video": (V1_FEATURES["video_feature"], [{"type": "feature_video", "url": VIDEO}], {}),
    "base_video": (V1_FEATURES["video_base"], [{"type": "base_video", "url": VIDEO}], {}),
    "audio_original": (
        {"audio": "original", "video_list": [_BASE_VIDEO]},
        [{"type": "base_video", "url": VIDEO}],
        {"audio": "original"},
    ),
    "original_sound": ({"audio": "original"}, [], {"audio": "original"}),
}


def model_request(
    row: Mapping[str, Any], feature: str = "", seconds: int | None = None, **more: Any
) -> Asked:
    """Return a request for a model in a size.

    Args:
        row: Its row, or one with another model or size.
        feature: A feature that it asks for; "" for none.
        seconds: Its length.
        more: Further fields of /v1, or `prompt` and `copies` of the model path.
    """
    path = row["path"]
    if path in {"/v1/videos/omni-video", "/omni-video"} and feature == "first_last_frame":
        feature = "both_frames"
    if path == "/motion-control" and feature == "audio_original":
        feature = "original_sound"
    if not path.startswith("/v1/"):
        return _path_request(row, feature, seconds, **more)
    if path == "/v1/images/omni-image" and feature == "image_list":
        patch: Mapping[str, Any] = {"image_list": [{"image": URL}]}
    else:
        patch = V1_FEATURES[feature] if feature else {}
    if path != _ORIENTED:
        patch = {name: value for name, value in patch.items() if name != "character_orientation"}
    size = "resolution" if path.startswith("/v1/images/") else "mode"
    named = {"model_name": row["model"], size: row["size"] or None}
    length = {} if seconds is None else {"duration": str(seconds)}
    return v1_request(path, named, length, patch, more)


def _path_request(
    row: Mapping[str, Any],
    feature: str,
    seconds: int | None,
    prompt: str = "a cat",
    copies: int = 1,
) -> Asked:
    product = row["path"]
    ours, items, settings = PATH_FEATURES[feature] if feature else ({}, [], {})
    fields = {"model_name": row["model"], "prompt": prompt} | copy.deepcopy(ours)
    contents = [{"type": "prompt", "text": prompt}]
    settings = dict(settings)
    if row["size"]:
        fields["resolution"] = settings["resolution"] = row["size"]
    if seconds is not None:
        fields["duration"] = settings["duration"] = seconds
    if product == "/image-to-video":
        fields["image"] = URL
        contents.append({"type": "first_frame", "url": URL})
    if product == "/motion-control":
        fields |= {"image_url": URL, "video_url": VIDEO, "character_orientation": "video"}
        settings["character_orientation"] = "video"
        contents += [{"type": "image", "url": URL}, {"type": "video", "url": VIDEO}]
    if product == "/omni-video" and not feature.startswith(("first", "both", "base", "audio_o")):
        fields["aspect_ratio"] = settings["aspect_ratio"] = "16:9"
    for name in ("element_list", "voice_list"):
        if name in fields:
            key = "element_id" if name == "element_list" else "voice_id"
            fields[name] = [{key: _nth(fields[name][0][key], number)} for number in range(copies)]
    for number in range(copies):
        contents += [_numbered(item, number) for item in items]
    body = {"prompt": prompt} if product == "/text-to-video" else {"contents": contents}
    return Asked(f"{product}/{row['model']}", body | {"settings": settings}, fields)


def _nth(value: int | str, number: int) -> int | str:
    return value + number if isinstance(value, int) else f"{value}{number}"


def _numbered(item: Item, number: int) -> Item:
    """Return a copy of an item with ids of its own."""
    numbered = dict(item)
    if "voice_id" in numbered:
        numbered["voice_id"] += str(number)
    if "element_id" in numbered:
        numbered["element_id"] = str(int(numbered["element_id"]) + number)
    if "id" in numbered:
        numbered["id"] += str(number)
    return numbered


def differs(expected: Any, sent: Any) -> str:
    """Return where a sent body differs from the expected one; "" if it has all of it."""
    if isinstance(expected, dict) and isinstance(sent, dict):
        for name, value in expected.items():
            if name != "id" and (problem := differs(value, sent.get(name))):
                return f"{name}: {problem}" if ":" not in problem else f"{name}.{problem}"
        return ""
    if isinstance(expected, list) and isinstance(sent, list):
        if len(expected) != len(sent):
            return f"{sent!r:.200} is sent, not {expected!r:.200}"
        left = [item for item in expected if all(differs(item, other) for other in sent)]
        return f"{left[0]!r:.200} is not in {sent!r:.200}" if left else ""
    same = expected == sent and isinstance(expected, bool) == isinstance(sent, bool)
    return "" if same else f"{sent!r:.100} is sent, not {expected!r:.100}"


# ---------------------------------------------------------------- fields

#: What the types of contents have their value in, where that is not `url`.
_VALUES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "product_info",
            "goods_title",
            "goods_description",
            "goods_price",
            "goods_target_audience",
            "goods_selling_point",
            "speech_script",
            "avatar_id",
        ),
        "text",
    ),
    "voice": "voice_id",
}
#: The names of the SDK's fields, where they are not those of the types.
_OURS: Final[Mapping[str, str]] = {
    "voice": "voice_id",
    "goods_target_audience": "goods_target_audience_list",
    "goods_selling_point": "goods_selling_point_list",
    "ref_image": "ref_image_list",
    "model_image": "model_image_list",
}
_SOLUTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "/solutions/virtual_try_on": {"contents.product_image": URL, "contents.person_image": URL},
    "/solutions/e-commerce/clothing_dupe": {
        "contents.product_info": "A light shirt.",
        "contents.source_video": VIDEO,
        "contents.product_image": [URL],
    },
    "/solutions/e-commerce/goods_studio": {
        "contents.ref_image": [URL],
        "contents.goods_title": "Umbrella",
        "settings.resolution": "720p",
        "settings.aspect_ratio": "9:16",
        "settings.duration": 15,
    },
    "/solutions/talking_agent": {
        "contents.speech_script": "Here is my tip.",
        "contents.avatar_id": "avatar_mia_female",
    },
    "/solutions/drama_subtitle": {"contents.source_video": VIDEO},
}


def _solution(path: str, patch: Mapping[str, Any]) -> Asked:
    fields: dict[str, Any] = {}
    contents: list[Item] = []
    settings: dict[str, Any] = {}
    for name, value in (_SOLUTIONS[path] | dict(patch)).items():
        place, _, kind = name.partition(".")
        if value is None:
            continue
        listed = value if isinstance(value, list) else [value]
        if place == "settings":
            fields[kind] = settings[kind] = value
            continue
        ours = _OURS.get(kind, kind)
        if kind == "product_image" and isinstance(value, list):
            ours = "product_image_list"
        fields[ours] = value
        key = _VALUES.get(kind, "url")
        contents += [
            {"type": kind} | (content if isinstance(content, dict) else {key: content})
            for content in listed
        ]
    body: dict[str, Any] = {"contents": contents}
    return Asked(path, body | ({"settings": settings} if settings else {}), fields)


def field_requests(row: Mapping[str, Any]) -> Iterator[tuple[str, Asked, bool]]:
    """Yield what a row of a field accepts and refuses: in words, the request, whether it passes."""
    path = row["path"]
    for what, patch, passes in _patches(row):
        request = _solution(path, patch) if path in _SOLUTIONS else v1_request(path, patch)
        yield what, request, passes


def _patches(row: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for passes in (True, False):
        for number, patch in enumerate(row.get("accept" if passes else "refuse", ())):
            yield f"{'accepts' if passes else 'refuses'} {number}", patch, passes
    for what, value, passes in _values(row):
        yield what, _set(row, value), passes


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    if row.get("required"):
        yield "missing", None, False
    for limit, values in _LIMITS.items():
        if limit in row:
            yield from values(row)


def _lengths(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    for length in (row["length"], row["length"] + 1):
        yield f"{length} characters", "x" * length, length == row["length"]


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    low, high, step = row["range"]
    for value in (low, high, low - step, high + step):
        yield f"{value:g}", round(value, 3), low <= value <= high


def _words(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    yield from ((str(value), value, True) for value in row["choice"])
    others = [] if row.get("open") else row.get("other", ["nonsense"])
    yield from ((f"not {value}", value, False) for value in others)


def _counts(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    low, high = row["items"]
    for count in filter(None, (low, high, high + 1)):
        yield f"{count} items", [f"{URL}?{number}" for number in range(count)], count <= high


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    count, length = row["texts"]
    yield f"{count} texts", ["x" * length] * count, True
    yield f"{count + 1} texts", ["x"] * (count + 1), False
    yield f"text of {length + 1}", ["x" * (length + 1)], False


_LIMITS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[tuple[str, Any, bool]]]]] = {
    "length": _lengths,
    "range": _numbers,
    "choice": _words,
    "items": _counts,
    "texts": _texts,
}


def _set(row: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Return the fields that a row's request has, with a value where the row's field is."""
    patch: dict[str, Any] = copy.deepcopy(dict(row.get("with", {})))
    if row["path"] in _SOLUTIONS:
        return patch | {row["field"]: value}
    *places, last = row["field"].split(".")
    target: Any = patch
    for place in places:
        target = target[int(place)] if place.isdigit() else target.setdefault(place, {})
    target[last] = value
    return patch


# ---------------------------------------------------------------- prices

_USES: Final[Mapping[str, str]] = {
    "sound": "sound",
    "voice": "voice_list",
    "video": "video_feature",
    "image": "image",
}
_PATH_USES: Final[Mapping[str, str]] = {
    "sound": "audio_native",
    "voice": "voice",
    "video": "feature_video",
}


def priced(row: Mapping[str, Any], seconds: int | None) -> Asked:
    """Return the request that a row of the price list speaks of."""
    path, use = row["path"], row.get("use", "silent")
    if "model" not in row:
        return v1_request(path)
    if not path.startswith("/v1/"):
        length = None if path == "/motion-control" else seconds
        return model_request(row, _PATH_USES.get(use, ""), length)
    feature = "image_list" if path.endswith("/omni-image") and use == "image" else _USES.get(use)
    request = model_request(row, feature or "", None if path == _ORIENTED else seconds)
    for fields in (request.body, request.fields):
        if not row["model"]:
            fields.pop("model_name", None)
    return request
