"""One vocabulary, two bodies: how a request's fields are written for each interface.

A body here is the vocabulary of /v1 with `resolution` and `audio` beside it, as a relay takes it.
`to_v1` writes those two in the words of /v1. `to_model_path` writes the body of the interface
that has the model in its path. What one of them has no place for is an error, whatever is checked
otherwise: leaving it out would make another video than the one that was requested, at its price.

Source of the table: the vendor's migration guide (2026-07-15, several copies agree), and what one
account observed until 2026-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kling_sdk.endpoints.interfaces import RESOLUTIONS, check_agreement, mode_of
from kling_sdk.endpoints.models import ModelLimits
from kling_sdk.errors import RequestValidationError

__all__ = ["merged", "to_model_path", "to_v1"]

#: Fields of /v1 that the other body has no place for.
_NO_PLACE: Final = (
    "negative_prompt",
    "cfg_scale",
    "camera_control",
    "static_mask",
    "dynamic_masks",
)
#: Fields that go to `settings` and `options` as they are.
_OPTIONS: Final = ("callback_url", "external_task_id", "watermark_info")
#: What /v1 takes and does not use, product by product: it is left out, which changes nothing.
_WITHOUT_EFFECT: Final = {"image-to-video": ("aspect_ratio",)}
#: Fields that the table below takes up; any other is passed on under its own name.
_TRANSLATED: Final = frozenset(
    {
        *_NO_PLACE,
        *_OPTIONS,
        *("model_name", "prompt", "duration", "aspect_ratio", "mode", "resolution"),
        *("sound", "audio", "multi_shot", "shot_type", "multi_prompt"),
        *("image", "image_tail", "image_list", "element_list", "video_list", "voice_list"),
        *("contents", "settings", "options"),
    }
)
#: `type` of a picture of omni-video -> type of its content.
_IMAGE_TYPES: Final = {
    "": "refer_image",
    "first_frame": "first_frame",
    "end_frame": "last_frame",
}
#: `refer_type` of a video of omni-video -> type of its content; /v1's default is `base`.
_VIDEO_TYPES: Final = {"": "base_video", "base": "base_video", "feature": "feature_video"}
_REFERENCE: Final = re.compile(r"<<<(image|video|element|voice)_([0-9]{1,4})>>>(?=([0-9A-Za-z_])?)")
_OMNI: Final = "omni-video"
_MOTION: Final = "motion-control"
#: `audio` -> `keep_original_sound` of a product whose only sound is that of its video.
_KEEPS: Final = {"original": "yes", "off": "no"}
#: Fields of motion-control that become a content, or are a setting.
_MOTION_CONTENTS: Final = (("image_url", "image"), ("video_url", "video"))
_MOTION_FIELDS: Final = ("image_url", "video_url", "character_orientation", "keep_original_sound")


# ---------------------------------------------------------------- /v1


def to_v1(body: Mapping[str, Any], product: str = "") -> dict[str, Any]:
    """Return a body for /v1: `resolution` and `audio` in its own words.

    Args:
        body: The request, in our vocabulary.
        product: What the product is called in the path of the other interface.

    Raises:
        RequestValidationError: they name what /v1 has no word for, or disagree with another field.
    """
    videos = _videos(body)
    check_agreement(body, [video.get("keep_original_sound") for video in videos])
    made = {name: value for name, value in body.items() if name not in {"resolution", "audio"}}
    if resolution := body.get("resolution"):
        mode = mode_of(resolution) if isinstance(resolution, str) else None
        if mode is None:
            raise _unknown("resolution", resolution, "/v1 has", RESOLUTIONS.values())
        made["mode"] = mode
    if audio := body.get("audio"):
        made |= _v1_sound_of_video(audio) if product == _MOTION else _v1_sound(audio, videos)
    return made


def _v1_sound_of_video(audio: Any) -> dict[str, Any]:
    """Return the field for `audio` of a product whose only sound is that of its video."""
    if audio not in ("original", "off"):
        raise _unknown("audio", audio, "this product has", _KEEPS)
    return {"keep_original_sound": _KEEPS[audio]}


def _v1_sound(audio: Any, videos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields for `audio` in the words of /v1."""
    if audio == "original":
        if not videos:
            raise RequestValidationError(
                "audio", "is original without a video", "a video whose sound is kept"
            )
        return {"video_list": [{**video, "keep_original_sound": "yes"} for video in videos]}
    if audio not in ("native", "off"):
        raise _unknown("audio", audio, "/v1 has", ("native", "off", "original"))
    made: dict[str, Any] = {"sound": "on" if audio == "native" else "off"}
    if audio == "off" and videos:
        made["video_list"] = [{**video, "keep_original_sound": "no"} for video in videos]
    return made


# ---------------------------------------------------------------- the model in the path


def to_model_path(
    body: Mapping[str, Any],
    product: str,
    limits: ModelLimits | None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a body for the interface with the model in its path.

    Args:
        body: The request, in our vocabulary; null and empty text count as absent.
        product: The product in the path, such as `text-to-video`.
        limits: What is known of the model, or None: then nothing is sent in place of a field that
            is not given, but for what /v1 has another default for.
        extra: Fields of this very body, merged in last: objects by their keys, `contents` at
            the end.

    Raises:
        RequestValidationError: a field has no place in this body, or two of them disagree.
    """
    given = {name: value for name, value in body.items() if value is not None and value != ""}
    for name in _NO_PLACE:
        if name in given:
            raise RequestValidationError(
                name,
                "has no place in a request of this model's interface",
                "no such field, a model of /v1, or extra_body",
                f"{name}: the interface of model {body.get('model_name')!r:.60} has no place "
                "for it; leave it out, use a model of /v1, or send it as it is in extra_body",
            )
    videos = _videos(given)
    check_agreement(given, [video.get("keep_original_sound") for video in videos])
    made: dict[str, Any] = {}
    if product == "text-to-video":
        if text := _prompt(given, {}):
            made["prompt"] = text
        _refuse_contents(given, product)
    else:
        made["contents"] = list(_contents(given, videos, product))
    settings = dict(_settings(given, product, limits, videos))
    options = {name: given[name] for name in _OPTIONS if name in given}
    translated = _TRANSLATED.union(_MOTION_FIELDS if product == _MOTION else ())
    made |= {name: value for name, value in given.items() if name not in translated}
    made |= {"settings": settings} if settings else {}
    made |= {"options": options} if options else {}
    # Of a body that the caller wrote, in this interface's own words.
    own: dict[str, Any] = {
        name: given[name] for name in ("contents", "settings", "options") if name in given
    }
    return merged(merged(made, own), extra or {})


def merged(made: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with further fields: objects by their keys, `contents` at the end."""
    result = dict(made)
    for name, value in extra.items():
        before = result.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            result[name] = {**before, **value}
        elif name == "contents" and isinstance(before, list) and isinstance(value, list):
            result[name] = [*before, *value]
        else:
            result[name] = value
    return result


def _settings(
    given: Mapping[str, Any],
    product: str,
    limits: ModelLimits | None,
    videos: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Any]]:
    if (resolution := _resolution(given, product)) is not None:
        yield "resolution", resolution
    if product == _MOTION and "character_orientation" in given:
        yield "character_orientation", given["character_orientation"]
    if "aspect_ratio" in given:
        if product not in _WITHOUT_EFFECT:
            yield "aspect_ratio", given["aspect_ratio"]
    elif product == _OMNI and not _decides_ratio(given, videos):
        yield "aspect_ratio", "16:9"  # needed here; what /v1 takes without one
    # Beside a video that is edited /v1 does not use it: the video's own length counts.
    if "duration" in given and not any(map(_is_base, videos)):
        yield "duration", _seconds(given["duration"])
    if (audio := _audio(given, videos)) is not None and not _is_silent(limits, audio):
        yield "audio", audio
    if (several := _multi_shot(given, limits, videos)) is not None:
        yield "multi_shot", several


def _resolution(given: Mapping[str, Any], product: str) -> Any:
    if "resolution" in given:
        return given["resolution"]
    mode = given.get("mode")
    if mode is None:
        return "1080p" if product == _OMNI else None  # /v1's default is `pro`, this one's 720p
    if not isinstance(mode, str) or mode not in RESOLUTIONS:
        raise _unknown("mode", mode, "this interface has", RESOLUTIONS)
    return RESOLUTIONS[mode]


def _decides_ratio(given: Mapping[str, Any], videos: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a first frame or a base video decides the aspect ratio."""
    images = given.get("image_list") or ()  # objects: the contents were made of them
    return any(image.get("type") for image in images) or any(map(_is_base, videos))


def _is_base(video: Mapping[str, Any]) -> bool:
    return (video.get("refer_type") or "base") == "base"


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value


def _audio(given: Mapping[str, Any], videos: Sequence[Mapping[str, Any]]) -> Any:
    keeps = any(video.get("keep_original_sound") == "yes" for video in videos)
    if "audio" in given:
        return given["audio"]
    if "keep_original_sound" in given:  # of motion-control; any other product has it in a video
        keep = given["keep_original_sound"]
        words = {kept: audio for audio, kept in _KEEPS.items()}
        if keep not in words:
            raise _unknown("keep_original_sound", keep, "it must be", words)
        return words[keep]
    sound = given.get("sound")
    if keeps:
        if sound == "on":
            raise RequestValidationError(
                "sound", "is on beside keep_original_sound yes", "one of the two"
            )
        return "original"
    if sound is None:
        # A video's own sound is dropped on both interfaces unless it is asked for.
        return "off" if any(video.get("keep_original_sound") == "no" for video in videos) else None
    sounds = {"on": "native", "off": "off", True: "native", False: "off"}
    try:
        return sounds[sound]
    except (KeyError, TypeError):
        raise _unknown("sound", sound, "it must be", ("on", "off")) from None


def _is_silent(limits: ModelLimits | None, audio: Any) -> bool:
    """Return whether `off` says nothing: the model has no sound that could be switched off."""
    return audio == "off" and limits is not None and limits.sound == "never"


def _multi_shot(
    given: Mapping[str, Any], limits: ModelLimits | None, videos: Sequence[Mapping[str, Any]]
) -> bool | None:
    """Return `settings.multi_shot`, or None to leave it out.

    Its default is true here and false on /v1, and would change what a prompt means.
    """
    several = given.get("multi_shot")
    is_feature = any(not _is_base(video) for video in videos)
    if _is_several(given):
        return None if limits is not None and not limits.multi_shot_setting else True
    if is_feature:
        if several is None:
            return None
        raise RequestValidationError(
            "multi_shot", "is False beside a feature video", "True, or nothing"
        )
    if limits is None:
        return None if several is None else False
    return False if limits.multi_shot_setting else None


def _is_several(given: Mapping[str, Any]) -> bool:
    return given.get("multi_shot") is True or given.get("multi_shot") == "true"


# ---------------------------------------------------------------- the prompt


def _prompt(given: Mapping[str, Any], counts: Mapping[str, int]) -> Any:
    """Return the text of the prompt; *counts* says how many of each kind can be referred to."""
    text = given.get("prompt")
    has_shots = _is_several(given) and given.get("shot_type") != "intelligence"
    if has_shots and "multi_prompt" in given:
        text = _shots(given["multi_prompt"])  # /v1 does not use `prompt` then
    if not isinstance(text, str):
        return text

    def renamed(found: re.Match[str]) -> str:
        kind, number = found[1], int(found[2])
        if not 1 <= number <= counts.get(kind, 0):
            return found[0]  # it refers to nothing, and stays what it is
        return f"@{_id(kind, number)}{' ' if found[3] else ''}"

    return _REFERENCE.sub(renamed, text)


def _shots(shots: Any) -> str:
    """Return shots as `shot n, seconds, words;`, in the order of their numbers."""
    found = _objects("multi_prompt", shots)
    numbered = [
        (index if isinstance(index := shot.get("index"), int) else place, shot)
        for place, shot in enumerate(found, start=1)
    ]
    return " ".join(
        f"shot {number}, {shot.get('duration', '')}, {shot.get('prompt', '')};"
        for number, (_, shot) in enumerate(sorted(numbered, key=lambda one: one[0]), start=1)
    )


def _id(kind: str, number: int) -> str:
    """Return the id of a content: none is the beginning of another."""
    return f"{kind}_{number:02d}"


# ---------------------------------------------------------------- the contents


def _contents(
    given: Mapping[str, Any], videos: Sequence[Mapping[str, Any]], product: str
) -> Iterator[dict[str, Any]]:
    images, elements, voices = (
        _objects(name, given.get(name)) for name in ("image_list", "element_list", "voice_list")
    )
    named = {"image": images, "video": videos, "element": elements, "voice": voices}
    for kind, items in named.items():
        if len(items) > 99:
            raise RequestValidationError(
                f"{kind}_list", f"has {len(items)} items", "at most 99, so that ids are unique"
            )
    text = _prompt(given, {kind: len(items) for kind, items in named.items()})
    if text:
        yield {"type": "prompt", "text": text}
    frames = (("image", "first_frame"), ("image_tail", "last_frame"))
    for name, kind in (*frames, *(_MOTION_CONTENTS if product == _MOTION else ())):
        if name in given:
            yield {"type": kind, "url": given[name]}
    for number, image in enumerate(images, start=1):
        yield {
            "type": _word("image_list.type", image.get("type"), _IMAGE_TYPES),
            "url": image.get("image_url"),
            "id": _id("image", number),
        }
    for number, video in enumerate(videos, start=1):
        yield {
            "type": _word("video_list.refer_type", video.get("refer_type"), _VIDEO_TYPES),
            "url": video.get("video_url"),
            "id": _id("video", number),
        }
    for number, element in enumerate(elements, start=1):
        yield {
            "type": "element",
            "element_id": str(element.get("element_id")),
            "id": _id("element", number),
        }
    for number, voice in enumerate(voices, start=1):
        yield {"type": "voice", "voice_id": voice.get("voice_id"), "id": _id("voice", number)}


def _refuse_contents(given: Mapping[str, Any], product: str) -> None:
    for name in ("image", "image_tail", "image_list", "element_list", "video_list", "voice_list"):
        if name in given:
            raise RequestValidationError(name, f"has no place in {product}", "no such field")


def _word(field: str, value: Any, table: Mapping[str, str]) -> str:
    """Return a type's word in this interface; one of tomorrow as it is."""
    if value is not None and not isinstance(value, str):
        raise RequestValidationError(field, f"is a {type(value).__name__}", "text")
    word = value or ""
    return table.get(word, word)


def _videos(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects("video_list", body.get("video_list"))


def _objects(field: str, value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; None is an empty one.

    Raises:
        RequestValidationError: it is something else, which cannot be translated.
    """
    items = [] if value is None else value
    if not isinstance(items, list | tuple) or not all(isinstance(one, Mapping) for one in items):
        raise RequestValidationError(field, "is no list of objects", "a list of objects")
    return list(items)


def _unknown(field: str, value: Any, who: str, words: Any) -> RequestValidationError:
    shown = repr(value)[:40] if isinstance(value, str) else f"a {type(value).__name__}"
    return RequestValidationError(field, f"is {shown}; {who} {', '.join(words)}", "one of these")
