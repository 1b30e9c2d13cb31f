"""`--estimate` and `--max-units`: what a command would spend, before it sends anything."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kling_sdk.endpoints.base import Request
from kling_sdk.errors import RequestValidationError
from kling_sdk.prices import cost_of, estimate
from kling_sdk.scalars import decimal


def add_spending_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that creates tasks."""
    parser.add_argument(
        "--estimate", action="store_true", help="print what it would cost, and send nothing"
    )
    parser.add_argument(
        "--max-units",
        type=_units,
        metavar="UNITS",
        help="send nothing that would cost more, or whose price is not known",
    )


def _units(text: str) -> Decimal:
    units = decimal(text)
    if units is None or units < 0:
        raise argparse.ArgumentTypeError("must be a number of units, 0 or more")
    return units


def estimate_row(request: Request) -> dict[str, Any]:
    """Return what `--estimate` prints, as JSON can carry it."""
    cost = estimate(request)
    row: dict[str, Any] = {
        "units": None if cost.units is None else str(cost.units),
        "priced_on": cost.priced_on.isoformat(),
        "source": cost.source,
        "confidence": cost.confidence,
        "reason": cost.reason,
    }
    return {name: value for name, value in row.items() if value not in {"", None}}


def check_ceiling(requests: Iterable[Request], ceiling: Decimal | None) -> None:
    """Refuse requests that together cost more units than *ceiling*; None sets no ceiling.

    Raises:
        RequestValidationError: they cost more, or a price is not known.
    """
    if ceiling is None:
        return
    total = sum((cost_of(request) for request in requests), Decimal(0))
    if total > ceiling:
        raise RequestValidationError(
            "max_units", f"is {ceiling}, but the cost would be {total} units", "a higher ceiling"
        )
