"""`--estimate`, `--max-units`, `--confirm`: the cost of a request, before it is sent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kling_sdk.cli.exits import OptionError
from kling_sdk.endpoints.base import Request
from kling_sdk.errors import RequestValidationError, SpendingError
from kling_sdk.prices import cost_of, estimate
from kling_sdk.text.scalars import decimal


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
    parser.add_argument(
        "--confirm",
        action="store_true",
        help="show what it costs, and ask before it is sent; KLING_CONFIRM=1 does the same",
    )


def _units(text: str) -> Decimal:
    units = decimal(text)
    if units is None or units < 0:
        raise argparse.ArgumentTypeError("must be a number of units, 0 or more")
    return units


def confirm(request: Request, environment: Mapping[str, str], *, is_wanted: bool) -> None:
    """Ask the person at the terminal whether a request is sent.

    Args:
        request: The request.
        environment: `KLING_CONFIRM` in it asks, unless it is 0.
        is_wanted: Whether the option `--confirm` is given.

    Raises:
        OptionError: there is no terminal.
        SpendingError: the answer is not yes.
    """
    if not is_wanted and environment.get("KLING_CONFIRM", "").strip() in {"", "0"}:
        return
    if not sys.stdin.isatty():
        raise OptionError("--confirm needs a terminal to ask on; leave it out, or use --max-units")
    cost = estimate(request)
    units = "an unknown number of" if cost.units is None else f"{cost.units:f}"
    because = f" ({cost.reason})" if cost.reason else ""
    sys.stderr.write(f"This costs {units} units{because}. Send it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        text = f"nothing was sent; it would have cost {units} units"
        raise SpendingError(text, units=cost.units)


def estimate_row(request: Request) -> dict[str, Any]:
    """Return the output of `--estimate`, as JSON can carry it."""
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
