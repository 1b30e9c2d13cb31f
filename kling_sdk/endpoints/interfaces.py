"""The vendor's two interfaces: which one serves a request, and one vocabulary for both.

`v1` has the model in the body (`POST /v1/videos/text2video`), `model-path` in the path
(`POST /text-to-video/kling-3.0`). Source: the vendor's pages and its migration guide of
2026-07-15 (several copies agree), with what one account observed until 2026-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.models import RESOLUTIONS, V1_NAMES

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest

__all__ = [
    "RESOLUTIONS",
    "Audio",
    "Interface",
    "Resolution",
    "check_agreement",
    "interface_for",
    "interface_of",
    "mode_of",
    "model_path_name_of",
    "one_vocabulary",
    "v1_name_of",
]

Interface = Literal["v1", "model-path"]
Resolution = Literal["720p", "1080p", "4k"]
Audio = Literal["native", "off", "original"]

_MODES: Final = {resolution: mode for mode, resolution in RESOLUTIONS.items()}

#: By `audio`, the `sound` of /v1.
_SOUNDS: Final[Mapping[str, str]] = {"native": "on", "off": "off", "original": "off"}

_ON_MODEL_PATH: Final = re.compile(r"kling-(?:[0-9]+\.[0-9]|o[0-9])")


def interface_of(model: str) -> Interface:
    """Return the interface that a model's name belongs to: `kling-N.N...` and `kling-oN`."""
    return "model-path" if _ON_MODEL_PATH.match(model) else "v1"


def interface_for(request: Request | RawRequest) -> str:
    """Return the interface that serves a request: its own choice, else by its model's name.

    A product that is not on the model path has the interface of its record.

    Raises:
        RequestValidationError: the model path has no such product.
    """
    if request.interface is not None and request.interface not in get_args(Interface):
        raise RequestValidationError("interface", "is unknown", "v1 or model-path")
    own = request.record.interface
    if request.interface not in (None, own) and not request.record.product:
        raise RequestValidationError(
            "interface",
            f"is {request.interface}, which has no {request.endpoint}",
            "v1" if own == "v1" else "None",
        )
    if not request.record.product:
        return own
    return request.interface or interface_of(request.model)


def v1_name_of(model: str) -> str | None:
    """Return what a model of the model path is called on /v1, or None where it is not served."""
    return V1_NAMES.get(model)


def model_path_name_of(model: str) -> str:
    """Return what a model is called on the model path; an unknown one is returned as it is."""
    return next((new for new, old in V1_NAMES.items() if old == model), model)


def mode_of(resolution: str) -> str | None:
    """Return the `mode` of a `resolution`, or None when it has none."""
    return _MODES.get(resolution)


def one_vocabulary(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's fields with `mode` and `sound` where it has `resolution` and `audio`."""
    fields = dict(parameters)
    resolution, audio = fields.get("resolution"), fields.get("audio")
    if isinstance(resolution, str) and not fields.get("mode"):
        fields["mode"] = _MODES.get(resolution, resolution)
    if isinstance(audio, str) and not fields.get("sound"):
        fields["sound"] = _SOUNDS.get(audio, audio)
    return fields


def check_agreement(parameters: Mapping[str, Any], keeps: Iterable[Any] = ()) -> None:
    """Refuse two names for one thing that disagree.

    Args:
        parameters: A request's fields, as objects or as a body has them.
        keeps: The `keep_original_sound` of each of its videos.

    Raises:
        RequestValidationError: `mode` and `resolution`, or `sound`, `audio` and
            `keep_original_sound`, name different things.
    """
    mode, resolution = parameters.get("mode"), parameters.get("resolution")
    mode_resolution = RESOLUTIONS.get(mode, mode) if isinstance(mode, str) else mode
    if mode and resolution and mode_resolution != resolution:
        raise _disagreement("resolution", resolution, f"mode {mode!r:.40}")
    sound, audio = parameters.get("sound"), parameters.get("audio")
    if audio and sound and (sound == "on") != (audio == "native"):
        raise _disagreement("audio", audio, f"sound {sound!r:.40}")
    for keep in (*keeps, parameters.get("keep_original_sound")):
        if (audio and keep == "yes" and audio != "original") or (
            audio == "original" and keep == "no"
        ):
            raise _disagreement("audio", audio, f"keep_original_sound {keep}")


def _disagreement(field: str, value: object, other: str) -> RequestValidationError:
    return RequestValidationError(
        field, f"is {value!r:.40}, which contradicts {other}", "one of the two"
    )
