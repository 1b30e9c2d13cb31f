"""One vocabulary, two bodies: how a request's fields are written for each interface.

A body here is the vocabulary of /v1 with `resolution` and `audio` beside it, as a relay takes it.
`to_v1` writes those two in the words of /v1. `to_model_path` writes the body of the interface
that has the model in its path. A field that one of them has no place for is an error, even when
nothing else is checked: leaving it out would make, and charge, a different video from the one that
was requested.

Source of the table: the vendor's migration guide (2026-07-15, several copies agree), and what one
account observed until 2026-10.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

from kling_sdk.endpoints.interfaces import RESOLUTIONS, check_agreement, mode_of
from kling_sdk.endpoints.models import ModelLimits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import RequestValidationError
from kling_sdk.text.hidden import private

#: Fields that the functions below write in other words, where the product has a place for them.
_TRANSLATED: Final = frozenset(
    {
        *("model_name", "prompt", "duration", "aspect_ratio", "mode", "resolution"),
        *("sound", "audio", "multi_shot", "shot_type", "multi_prompt", "keep_original_sound"),
        *("contents", "settings", "options"),
    }
)
#: Lists whose items each become a content, for a product that has contents.
_LISTS: Final = ("image_list", "element_list", "video_list", "voice_list")
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
#: `audio` -> `keep_original_sound` of a product whose only sound is that of its video.
_KEEPS: Final = {"original": "yes", "off": "no"}


# ---------------------------------------------------------------- /v1


def to_v1(body: Mapping[str, Any], record: EndpointRecord) -> dict[str, Any]:
    """Return a body for /v1: `resolution` and `audio` in its own words.

    Args:
        body: The request, in our vocabulary.
        record: Its endpoint.

    Raises:
        RequestValidationError: they name something that /v1 has no word for, or disagree with
            another field.
    """
    videos = _videos(body)
    check_agreement(body, [video.get("keep_original_sound") for video in videos])
    v1_body = {name: value for name, value in body.items() if name not in {"resolution", "audio"}}
    if resolution := body.get("resolution"):
        mode = mode_of(resolution) if isinstance(resolution, str) else None
        if mode is None:
            raise _unknown("resolution", resolution, "/v1 has", RESOLUTIONS.values())
        v1_body["mode"] = mode
    if audio := body.get("audio"):
        keeps = any(field.name == "keep_original_sound" for field in record.fields)
        v1_body |= _v1_sound_of_video(audio) if keeps else _v1_sound(audio, videos)
    return v1_body


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
    fields: dict[str, Any] = {"sound": "on" if audio == "native" else "off"}
    if audio == "off" and videos:
        fields["video_list"] = [{**video, "keep_original_sound": "no"} for video in videos]
    return fields


# ---------------------------------------------------------------- the model in the path


def to_model_path(
    body: Mapping[str, Any],
    record: EndpointRecord,
    limits: ModelLimits | None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a body for the interface with the model in its path.

    Args:
        body: The request, in our vocabulary; null and empty text count as absent.
        record: Its endpoint.
        limits: The known limits of the model, or None: then nothing is sent in place of a missing
            field, except where /v1 has another default.
        extra: Fields of this very body, merged in last: objects by their keys, `contents` at
            the end.

    Raises:
        RequestValidationError: a field has no place in this body, or two of them disagree.
    """
    fields = {name: value for name, value in body.items() if value is not None and value != ""}
    places = _places_of(record)
    placed = places.settings.union(places.options, places.contents, _TRANSLATED)
    for name in fields:
        if name in places.without or (name in places.v1 and name not in placed):
            raise RequestValidationError(
                name,
                "is not supported by the interface of this model",
                "the field left out, a model of /v1, or extra_body",
                f"{name}: the interface of model {body.get('model_name')!r:.60} does not support "
                "it; leave it out, use a model of /v1, or send it as it is in extra_body",
            )
    videos = _videos(fields)
    check_agreement(fields, [video.get("keep_original_sound") for video in videos])
    path_body: dict[str, Any] = {}
    if places.contents:
        path_body["contents"] = list(_contents(fields, videos, record))
    elif text := _prompt(fields, {}):
        path_body["prompt"] = text
    settings = dict(_settings(fields, record.product, places.settings, limits, videos))
    options = {name: fields[name] for name in places.options if name in fields}
    path_body |= {name: value for name, value in fields.items() if name not in placed}
    path_body |= {"settings": settings} if settings else {}
    path_body |= {"options": options} if options else {}
    # From a body that the caller wrote in this interface's own words.
    own: dict[str, Any] = {
        name: fields[name] for name in ("contents", "settings", "options") if name in fields
    }
    return merged(merged(path_body, own), extra or {})


class _Places(NamedTuple):
    """The places of our fields in the body of a product.

    Attributes:
        v1: The fields of /v1, of every product: one that is not in any of the others is refused.
        contents: The fields that become items of `contents`; empty for a product without.
        settings, options: Those that go there by their own name.
        without: Fields of this product that are translated, but not for it.
    """

    v1: frozenset[str]
    contents: frozenset[str]
    settings: frozenset[str]
    options: tuple[str, ...]
    without: frozenset[str]


@functools.cache
def _places_of(record: EndpointRecord) -> _Places:
    from kling_sdk.facts.tables import PATH_REQUESTS, VIDEO_REQUESTS  # slow: it loads every product

    fields = {
        field.name: tuple(member.name for member in field.members)
        for field in PATH_REQUESTS[record.product].fields
    }
    own = {field.name for field in record.fields}
    families = (record.fields, *(request.fields for request in VIDEO_REQUESTS))
    v1 = frozenset(field.name for family in families for field in family if not field.ignored)
    settings = v1.union(("resolution", "audio")).intersection(fields["settings"])
    return _Places(
        v1,
        frozenset({*_LISTS, *(item.parameter for item in record.contents)})
        if "contents" in fields
        else frozenset(),
        settings,
        fields["options"],
        # A field that /v1 takes for another product and does not use here is left out, which
        # changes nothing.
        frozenset({"aspect_ratio", "duration"} & own - settings),
    )


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with further fields: objects by their keys, `contents` at the end."""
    result = dict(body)
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
    fields: Mapping[str, Any],
    product: str,
    names: AbstractSet[str],
    limits: ModelLimits | None,
    videos: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Any]]:
    if (resolution := _resolution(fields, product)) is not None:
        yield "resolution", resolution
    yield from ((name, fields[name]) for name in fields if name in names - _TRANSLATED)
    if "aspect_ratio" in fields:
        if "aspect_ratio" in names:
            yield "aspect_ratio", fields["aspect_ratio"]
    elif product == _OMNI and not _decides_ratio(fields, videos):
        yield "aspect_ratio", "16:9"  # needed here; what /v1 takes without one
    # /v1 does not use it when a video is edited: the video's own length counts.
    if "duration" in fields and not any(map(_is_base, videos)):
        yield "duration", _seconds(fields["duration"])
    if (audio := _audio(fields, videos)) is not None and not _is_silent(limits, audio):
        yield "audio", audio
    if (several := _multi_shot(fields, limits, videos)) is not None:
        yield "multi_shot", several


def _resolution(fields: Mapping[str, Any], product: str) -> Any:
    if "resolution" in fields:
        return fields["resolution"]
    mode = fields.get("mode")
    if mode is None:
        return "1080p" if product == _OMNI else None  # /v1's default is `pro`, this one's 720p
    if not isinstance(mode, str) or mode not in RESOLUTIONS:
        raise _unknown("mode", mode, "this interface has", RESOLUTIONS)
    return RESOLUTIONS[mode]


def _decides_ratio(fields: Mapping[str, Any], videos: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a first frame or a base video decides the aspect ratio."""
    images = fields.get("image_list") or ()  # objects: the contents were made of them
    return any(image.get("type") for image in images) or any(map(_is_base, videos))


def _is_base(video: Mapping[str, Any]) -> bool:
    return (video.get("refer_type") or "base") == "base"


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value


def _audio(fields: Mapping[str, Any], videos: Sequence[Mapping[str, Any]]) -> Any:
    keeps = any(video.get("keep_original_sound") == "yes" for video in videos)
    if "audio" in fields:
        return fields["audio"]
    if "keep_original_sound" in fields:  # of motion-control; any other product has it in a video
        keep = fields["keep_original_sound"]
        words = {word: audio for audio, word in _KEEPS.items()}
        if keep not in words:
            raise _unknown("keep_original_sound", keep, "it must be", words)
        return words[keep]
    sound = fields.get("sound")
    if keeps:
        if sound == "on":
            raise RequestValidationError(
                "sound", "is on with keep_original_sound yes", "one of the two"
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
    fields: Mapping[str, Any], limits: ModelLimits | None, videos: Sequence[Mapping[str, Any]]
) -> bool | None:
    """Return `settings.multi_shot`, or None to leave it out.

    Its default is true here and false on /v1, and would change what a prompt means.
    """
    several = fields.get("multi_shot")
    is_feature = any(not _is_base(video) for video in videos)
    if _is_several(fields):
        return None if limits is not None and not limits.multi_shot_setting else True
    if is_feature:
        if several is None:
            return None
        raise RequestValidationError(
            "multi_shot", "is False with a feature video", "True, or nothing"
        )
    if limits is None:
        return None if several is None else False
    return False if limits.multi_shot_setting else None


def _is_several(fields: Mapping[str, Any]) -> bool:
    return fields.get("multi_shot") is True or fields.get("multi_shot") == "true"


# ---------------------------------------------------------------- the prompt


def _prompt(fields: Mapping[str, Any], counts: Mapping[str, int]) -> Any:
    """Return the text of the prompt; *counts* says how many of each kind can be referred to."""
    text = fields.get("prompt")
    has_shots = _is_several(fields) and fields.get("shot_type") != "intelligence"
    if has_shots and "multi_prompt" in fields:
        text = _shots(fields["multi_prompt"])  # /v1 does not use `prompt` then
    if not isinstance(text, str):
        return text

    def renamed(match: re.Match[str]) -> str:
        kind, number = match[1], int(match[2])
        if not 1 <= number <= counts.get(kind, 0):
            return match[0]  # it refers to nothing, and stays what it is
        return f"@{_id(kind, number)}{' ' if match[3] else ''}"

    return private(_REFERENCE.sub(renamed, text))


def _shots(shots: Any) -> str:
    """Return shots as `shot n, seconds, words;`, in the order of their numbers."""
    objects = _objects("multi_prompt", shots)
    numbered = [
        (index if isinstance(index := shot.get("index"), int) else place, shot)
        for place, shot in enumerate(objects, start=1)
    ]
    return " ".join(
        f"shot {number}, {shot.get('duration', '')}, {shot.get('prompt', '')};"
        for number, (_, shot) in enumerate(sorted(numbered, key=lambda pair: pair[0]), start=1)
    )


def _id(kind: str, number: int) -> str:
    """Return the id of a content: no id is the beginning of another."""
    return f"{kind}_{number:02d}"


# ---------------------------------------------------------------- the contents


def _contents(
    fields: Mapping[str, Any], videos: Sequence[Mapping[str, Any]], record: EndpointRecord
) -> Iterator[dict[str, Any]]:
    images, elements, voices = (
        _objects(name, fields.get(name)) for name in ("image_list", "element_list", "voice_list")
    )
    named = {"image": images, "video": videos, "element": elements, "voice": voices}
    for kind, items in named.items():
        if len(items) > 99:
            raise RequestValidationError(
                f"{kind}_list", f"has {len(items)} items", "at most 99, so that ids are unique"
            )
    text = _prompt(fields, {kind: len(items) for kind, items in named.items()})
    if text:
        yield {"type": "prompt", "text": text}
    for item in record.contents:
        if item.parameter in fields:
            yield {"type": item.type, item.key: fields[item.parameter]}
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


def _word(field: str, value: Any, table: Mapping[str, str]) -> str:
    """Return a type's word in this interface; an unknown type is returned as it is."""
    if value is not None and not isinstance(value, str):
        raise RequestValidationError(field, f"is a {type(value).__name__}", "text")
    word = value or ""
    return table.get(word, word)


def _videos(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects("video_list", body.get("video_list"))


def _objects(field: str, value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; None counts as an empty one.

    Raises:
        RequestValidationError: it is something else, which cannot be translated.
    """
    items = [] if value is None else value
    if not isinstance(items, list | tuple) or not all(
        isinstance(member, Mapping) for member in items
    ):
        raise RequestValidationError(field, "is not a list of objects", "a list of objects")
    return list(items)


def _unknown(field: str, value: Any, who: str, words: Any) -> RequestValidationError:
    text = repr(value)[:40] if isinstance(value, str) else f"a {type(value).__name__}"
    return RequestValidationError(field, f"is {text}; {who} {', '.join(words)}", "one of these")
