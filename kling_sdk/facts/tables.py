"""The tables that are made of all products: the only module here that is not data.

Loading it loads every product, so who needs one of them imports that one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

from kling_sdk.facts import products
from kling_sdk.facts.fields import RequestFacts

_PRODUCTS: Final = [
    vars(import_module(f"{products.__name__}.{module.name}"))
    for module in pkgutil.iter_modules(products.__path__)
]

#: What is known of requests for videos on /v1.
VIDEO_REQUESTS: Final[tuple[RequestFacts, ...]] = tuple(
    product["REQUEST"] for product in _PRODUCTS if product["REQUEST"].path.startswith("/v1/videos/")
)
#: By product, such as `text-to-video`; with the model in the path.
PATH_REQUESTS: Final[dict[str, RequestFacts]] = {
    product["PATH_REQUEST"].path.split("/")[1]: product["PATH_REQUEST"]
    for product in _PRODUCTS
    if "PATH_REQUEST" in product
}
