"""A model that the server refuses: the error names the known model that was probably meant.

A model that is not known here is sent without a warning, since it may be a new one.
"""

from __future__ import annotations

import re
from typing import Final

from kling_sdk.endpoints._index import MODELS
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.interfaces import interface_of
from kling_sdk.errors import InvalidRequestError, KlingAPIError, NotFoundError
from kling_sdk.text.spelling import nearest

_REFUSALS: Final = frozenset({InvalidRequestError, NotFoundError})  # subclasses are about an id
#: The text of a refusal of the model; "the current model" and "model/mode" only lack a feature.
_ABOUT_MODEL: Final = re.compile(r"(?<!current )\bmodel(_name)?\b(?!/)", re.IGNORECASE)


def name_known_model(request: Request, error: KlingAPIError) -> None:
    """Add to the refusal of an unknown model the nearest one of its endpoint, if one is near."""
    model = request.model
    if not model or model in MODELS or type(error) not in _REFUSALS:
        return
    interface = request.interface or interface_of(model.lower())
    known = [name for name in request.record.model_names if interface_of(name) == interface]
    near = nearest(model, known)
    if near is not None and _ABOUT_MODEL.search(error.message):
        error.reword(f"{error.message}; did you mean {near!r}?")
