"""The paths of Kling's own API, so that its clients need only another base URL.

They are served as they stand there and below the prefixes of public relays, which the clients of
those put before them. They take the bodies and get the replies of the relay's own paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import kling_sdk
from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.wire import ENDPOINTS, NOT_SERVED

#: The prefixes of one-api style relays, and of ComfyUI's nodes (`--comfy-api-base`).
PREFIXES: Final = ("/kling", "/proxy/kling")
VIDEOS: Final = "/kling/v1/videos"


def _paths(name: str) -> Iterator[str]:
    """Yield the paths of an endpoint: Kling's, the same below each prefix, and the relay's own."""
    path = kling_sdk.ENDPOINTS[name].path
    yield path
    yield from (prefix + path for prefix in PREFIXES)
    yield f"{VIDEOS}/{name}"


#: The endpoints' names by their paths. `GET path/{id}` queries a task.
PATHS: Final[Mapping[str, str]] = {path: name for name in ENDPOINTS for path in _paths(name)}
_NOT_SERVED: Final = {path: name for name in NOT_SERVED for path in _paths(name)}
#: The /v1 path of each product of the interface with the model in the path.
_PRODUCTS: Final = {
    record.product: record.path for record in kling_sdk.ENDPOINTS.values() if record.product
}


def split(path: str) -> tuple[str, str] | None:
    """Return the endpoint and the id, as it is in *path*, of a call; `None` for another path."""
    if path in PATHS:
        return PATHS[path], ""
    parent, _, task = path.rpartition("/")
    if task and parent in PATHS and path not in _NOT_SERVED:
        return PATHS[parent], task
    return None


def is_not_served(path: str) -> bool:
    """Return whether *path* is of an endpoint that only Kling itself serves."""
    return path in _NOT_SERVED


def not_served(path: str) -> RelayError:
    """Return the 404 for a path that is not served; it names the one to use, if there is one."""
    if name := _NOT_SERVED.get(path):
        return RelayError(errors.NOT_FOUND, f"{name} {NOT_SERVED[name]}: call Kling itself")
    below = (path.removeprefix(prefix) for prefix in PREFIXES if path.startswith(f"{prefix}/"))
    product = next(below, path)[1:].partition("/")[0]
    if known := _PRODUCTS.get(product):
        text = f"there is no path {path[:100]}; a relay serves every model at {known}"
        return RelayError(errors.NOT_FOUND, text)
    if product == "tasks":
        text = (
            "there is no path /tasks; a relay serves a task at the path that created it, such as "
            "/v1/videos/text2video/{id}"
        )
        return RelayError(errors.NOT_FOUND, text)
    return errors.no_path(path)
