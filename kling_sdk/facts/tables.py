"""The tables that are made of all products: the only module here that is not data.

Loading it loads every product, so who needs one of them imports that one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

from kling_sdk.facts import products
from kling_sdk.facts.fields import RequestFacts
from kling_sdk.facts.prices import SHARED, PriceTable, UseRule

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
#: The price list.
PRICES: Final[tuple[PriceTable, ...]] = (
    *SHARED,
    *(table for product in _PRODUCTS for table in product.get("PRICES", ())),
)
#: By endpoint, what else than model, mode and length decides a price; the first that applies
#: counts. A request to which none applies, or to another endpoint, is `silent`.
USES: Final[dict[str, tuple[UseRule, ...]]] = {
    endpoint: rules for product in _PRODUCTS for endpoint, rules in product.get("USES", {}).items()
}
