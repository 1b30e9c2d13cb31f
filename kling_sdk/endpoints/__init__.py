"""The endpoints: each is one module with its request class, its record and its rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from kling_sdk.endpoints._index import CLASSES, METHODS, MODELS

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.record import EndpointRecord

__all__ = ["CLASSES", "ENDPOINTS", "METHODS", "is_known", "request_class"]


def request_class(name: str) -> type[Request]:
    """Return the request class of the endpoint *name*; its module is loaded now.

    Raises:
        KeyError: there is no such endpoint.
    """
    module, _, cls = CLASSES[name].rpartition(".")
    request_type: type[Request] = getattr(import_module(f"{__name__}.{module}"), cls)
    return request_type


def is_known(model: str) -> bool:
    """Return True when an endpoint has limits for *model*."""
    return model in MODELS


class _Endpoints(Mapping[str, "EndpointRecord"]):
    """The records by name. An endpoint's module is loaded when its record is read."""

    def __getitem__(self, name: str) -> EndpointRecord:
        return request_class(name).record

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


#: All endpoints that this package has a request class for, by name.
ENDPOINTS: Final[Mapping[str, EndpointRecord]] = _Endpoints()
