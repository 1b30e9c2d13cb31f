"""Options of `kling create`, made from the request classes: a parameter is declared once."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from kling_sdk.endpoints.avatar import AvatarMode
from kling_sdk.endpoints.base import Request, documentation
from kling_sdk.endpoints.converters import KeepSound, Switch
from kling_sdk.endpoints.custom_element import ReferenceType
from kling_sdk.endpoints.lip_sync import VoiceLanguage
from kling_sdk.endpoints.models import ABSENT
from kling_sdk.endpoints.motion_control import Orientation
from kling_sdk.endpoints.multi_elements import EditMode, ElementsMode
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.solution_fields import VideoResolution
from kling_sdk.endpoints.talking_agent import AgentAspectRatio
from kling_sdk.endpoints.values import (
    AspectRatio,
    ImageAspectRatio,
    ImageReference,
    ImageResolution,
    OmniAspectRatio,
    QualityMode,
    ResultType,
    ShotType,
)
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.voices import AgentAvatar, AgentVoice, DupeVoice

_OBJECTS: Final = (
    *("CameraControl", "Mapping", "LipSyncInput", "EffectInput"),
    *("ElementImages", "ElementVideos"),
)
_ELSEWHERE: Final = re.compile(r"(https?|data):", re.IGNORECASE)
_CHOICES: Final = {
    "AspectRatio": get_args(AspectRatio),
    "ImageAspectRatio": get_args(ImageAspectRatio),
    "ImageReference": get_args(ImageReference),
    "OmniAspectRatio": get_args(OmniAspectRatio),
    "QualityMode": get_args(QualityMode),
    "ResultType": get_args(ResultType),
    "ShotType": get_args(ShotType),
    "Switch": get_args(Switch),
    "KeepSound": get_args(KeepSound),
    "Orientation": get_args(Orientation),
    "AvatarMode": get_args(AvatarMode),
    "VoiceLanguage": get_args(VoiceLanguage),
    "ReferenceType": get_args(ReferenceType),
    "EditMode": get_args(EditMode),
    "ElementsMode": get_args(ElementsMode),
    "VideoResolution": get_args(VideoResolution),
    "DupeVoice": get_args(DupeVoice),
    "AgentAspectRatio": get_args(AgentAspectRatio),
    "AgentAvatar": get_args(AgentAvatar),
    "AgentVoice": get_args(AgentVoice),
}

# The form of an option, by the beginning of its parameter's type.
_KINDS: Final[dict[str, dict[str, Any]]] = {
    "bool": {"action": argparse.BooleanOptionalAction},
    "float": {"type": float, "metavar": "NUMBER"},
    "tuple[": {"action": "append", "metavar": "VALUE|JSON"},
    **{name: {"metavar": "JSON"} for name in _OBJECTS},
}
_METAVARS: Final = {"model_name": "MODEL", "duration": "SECONDS"}

# The request classes are documented for programs; a person at a shell has other words.
_WORDS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"(?:an? )?path object, bytes, binary file, URL, data-URI or base64",
            "a path, a URL or base64",
        ),
        (r"an? (LipSyncInput|EffectInput|Element\w+), or a mapping of its fields", "as JSON"),
        (r", as object or mapping", ", as JSON"),
        (r"a Voice or its id", "the id of a voice"),
        (r" \(Video\.id\)", ""),
        (r"AdvancedLipSync|IdentifyFace", "advanced lip-sync"),
        (r": one of the voices of LipSyncInput", ""),
        (r"The selection, as init_selection has returned it, or its session's id", "The session"),
        (r", as pairs or objects", ", as JSON,"),
        (r"FaceSession\.session_id", "of identify-face"),
        (r"; (?:sources and )?limits as ImageToVideo\.image", ", as paths, URLs or base64"),
        (r", as sources or objects", ""),
        (r", as ids or objects", ", as ids or JSON"),
        (r", or OmniImage objects that", ", or JSON objects that"),
        (r"URL or OmniVideoReference", "a URL or JSON"),
        (r" \(Video\.id\)", ""),
        (r",? as int or text", ""),
        (r",? or a bool", ""),
        (r"Always sent\.", ""),
        (r"Always sent;.*", ""),
        (r"Known: .*", ""),
        (r"None: the vendor's default,", "Default:"),
        (r"None: ", "Default: "),
        (r"None takes that of the model's name", "that of the model's name if not given"),
        (r"None generates one", "a new one if there is none"),
        (r"^False to check nothing.*", "What is known of the model is checked before it is sent."),
        (r"^True (?:for|to) (\w)", lambda match: match[1].upper()),
    )
)


def add_options(parser: argparse.ArgumentParser, cls: type[Request]) -> None:
    """Add an option per parameter of a request class, with its documentation as help."""
    fields = attrs.fields_dict(cls)
    for name in signature(cls).parameters:
        parser.add_argument(
            option_name(name),
            help=help_text(cls, name).replace("%", "%%"),
            default=None,
            **_kind(cls, name, str(fields[name].type)),
        )


def option_name(parameter: str) -> str:
    """Return the option of a parameter."""
    return f"--{parameter.replace('_', '-')}"


def choices(cls: type[Request], parameter: str) -> tuple[str, ...]:
    """Return the values of a parameter that are known; others may be accepted as well."""
    record = cls.record
    if parameter == "model_name":
        return record.model_names
    if parameter == "duration":
        known = {
            n for model in record.models for mode in model.modes.values() for n in mode.seconds
        }
        return tuple(str(seconds) for seconds in sorted(known))
    if parameter == record.size_field:
        used = {mode for model in record.models for mode in model.modes} - {ABSENT}
        known_sizes = (*get_args(QualityMode), *get_args(ImageResolution))
        if used:
            return tuple(mode for mode in dict.fromkeys(known_sizes) if mode in used)
    annotation = str(signature(cls).parameters[parameter].annotation)
    return next((_CHOICES[name] for name in _CHOICES if re.search(rf"\b{name}\b", annotation)), ())


def file_names(record: EndpointRecord) -> frozenset[str]:
    """Return the parameters, and the keys of objects in them, that may be the path of a file."""
    solution = record.solution.contents if record.solution is not None else ()
    pictures = {content.type for content in solution if content.kind == "image"}
    of_contents = {item.parameter for item in record.contents if item.type in pictures}
    return frozenset(_files(record.fields)) | of_contents


def _files(rows: Iterable[FieldFacts]) -> Iterator[str]:
    for row in rows:
        types = {row.type, *(member.type for member in row.members if row.type == "array")}
        if types & {"image", "sound", "images"}:
            yield row.name
        yield from _files(row.members)


def help_text(cls: type[Request], parameter: str) -> str:
    """Return the help text of a parameter."""
    text = documentation(cls).get(parameter, "")  # none under `python -OO`
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    for name in sorted((field.name for field in attrs.fields(cls)), key=len, reverse=True):
        if "_" in name:
            text = re.sub(rf"(?<![\w-]){name}\b", option_name(name), text)
    if parameter == "model_name":
        default = cls.record.default_model
        known = ", ".join(choices(cls, parameter))
        text = f"Default: {default}. Known: {known}. A newer one is sent as it is. {text}"
    return " ".join(text.split())


def _kind(cls: type[Request], name: str, annotation: str) -> dict[str, Any]:
    for beginning, kind in _KINDS.items():
        if annotation.startswith(beginning):
            return kind
    if name in file_names(cls.record):
        return {"metavar": "PATH|URL"}
    return {"metavar": _METAVARS.get(name) or "|".join(choices(cls, name)) or "TEXT"}


def request_from(cls: type[Request], options: argparse.Namespace) -> Request:
    """Return the request that the options describe.

    A picture may be a path: the person who types a command chooses which of their files is read. A
    prompt or text of `-` is read from standard input, and so stays out of the shell's history.

    Raises:
        RequestValidationError: an option is not accepted.
    """
    parameters: dict[str, Any] = {}
    fields = attrs.fields_dict(cls)
    files = file_names(cls.record)
    for name in signature(cls).parameters:
        value = getattr(options, name)
        if value is not None:
            parameters[name] = _value(name, str(fields[name].type), value, files)
    return cls(**parameters)


def _value(name: str, annotation: str, value: Any, files: Collection[str]) -> Any:
    if name in {"prompt", "text"} and value == "-":
        return _standard_input(name)
    if annotation.startswith("tuple["):
        return [_item(name, item, files) for item in value]
    if annotation.startswith(_OBJECTS):
        return _json(name, value, files)
    return _picture(value) if name in files else value


def _standard_input(name: str) -> str:
    try:
        return sys.stdin.read().strip()
    except (AttributeError, OSError, UnicodeDecodeError):  # closed, or no text
        raise RequestValidationError(
            name, "cannot be read from standard input", "text, as from: echo ... | kling ..."
        ) from None


def _item(name: str, text: str, files: Collection[str]) -> Any:
    if text.lstrip().startswith("{"):
        return _json(name, text, files)
    if name in files:
        return _picture(text)
    return _number(text) if name == "element_list" else text


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text


def _picture(text: str) -> str | Path:
    return text if _ELSEWHERE.match(text) else Path(text)


def _pictures(value: Any) -> Any:
    """Return the files of a member of an object; a value that is not text stays as it is."""
    if isinstance(value, list):
        return [_pictures(item) for item in value]
    return _picture(value) if isinstance(value, str) else value


def _json(name: str, text: str, files: Collection[str]) -> Any:
    def with_pictures(members: dict[str, Any]) -> dict[str, Any]:
        return {key: _pictures(value) if key in files else value for key, value in members.items()}

    try:
        return json.loads(text, object_hook=with_pictures)
    except ValueError:
        raise RequestValidationError(name, "is not JSON", "an object such as {...}") from None
