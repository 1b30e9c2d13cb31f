"""Options of `kling create`, made from the request classes: a parameter is declared once."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from kling_sdk.endpoints.base import Request, documentation
from kling_sdk.errors import RequestValidationError

__all__ = ["add_options", "request_from"]

_PICTURES = frozenset({"image", "image_tail", "static_mask", "image_url", "mask"})
_ELSEWHERE = re.compile(r"(https?|data):", re.IGNORECASE)


def add_options(parser: argparse.ArgumentParser, cls: type[Request]) -> None:
    """Add an option per parameter of a request class, with its documentation as help."""
    documented = documentation(cls)
    for field in sorted(attrs.fields(cls), key=lambda field: field.inherited):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            help=documented[field.name].replace("%", "%%"),
            default=None,
            **_kind(str(field.type)),
        )


def _kind(annotation: str) -> dict[str, Any]:
    if annotation.startswith("bool"):
        return {"action": argparse.BooleanOptionalAction}
    if annotation.startswith("float"):
        return {"type": float, "metavar": "NUMBER"}
    if annotation.startswith("tuple["):
        return {"action": "append", "metavar": "VALUE|JSON"}
    if annotation.startswith("CameraControl"):
        return {"metavar": "JSON"}
    return {"metavar": "TEXT"}


def request_from(cls: type[Request], options: argparse.Namespace) -> Request:
    """Return the request that the options describe.

    A picture may be a path: who types a command chooses which of the own files is read. A
    prompt of `-` is read from standard input, and so stays out of the shell's history.

    Raises:
        RequestValidationError: an option is not accepted.
    """
    given: dict[str, Any] = {}
    for field in attrs.fields(cls):
        value = getattr(options, field.name)
        if value is not None:
            given[field.name] = _value(field.name, str(field.type), value)
    return cls(**given)


def _value(name: str, annotation: str, value: Any) -> Any:
    if name == "prompt" and value == "-":
        return sys.stdin.read().strip()
    if annotation.startswith("tuple["):
        return [_item(name, item) for item in value]
    if annotation.startswith("CameraControl"):
        return _json(name, value)
    return _picture(value) if name in _PICTURES else value


def _item(name: str, text: str) -> Any:
    if text.lstrip().startswith("{"):
        return _json(name, text)
    read: dict[str, Callable[[str], Any]] = {"image_list": _picture, "element_list": _number}
    return read.get(name, str)(text)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text


def _picture(text: str) -> str | Path:
    return text if _ELSEWHERE.match(text) else Path(text)


def _json(name: str, text: str) -> Any:
    def with_pictures(found: dict[str, Any]) -> dict[str, Any]:
        return {
            key: _picture(value) if key in _PICTURES and isinstance(value, str) else value
            for key, value in found.items()
        }

    try:
        return json.loads(text, object_hook=with_pictures)
    except ValueError:
        raise RequestValidationError(name, "is not JSON", "an object such as {...}") from None
