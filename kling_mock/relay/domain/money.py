"""Money as integers: quota, as one-api counts it. Pure.

500 000 quota are one US dollar (one-api, config.go; confidence high). One unit of Kling costs
0.14 USD in a video pack (the vendor's price list; confidence high), so it is 70 000 quota.
Fractions are computed as `Decimal` and rounded half up, once, at the end.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

__all__ = ["QUOTA_PER_UNIT", "QUOTA_PER_USD", "final_quota", "quota_of"]

QUOTA_PER_USD: Final = 500_000
QUOTA_PER_UNIT: Final = 70_000

# More units than this (140 million dollars) in one task is nonsense, and would not fit a BIGINT
# once it is added up.
_MOST_UNITS: Final = Decimal(1_000_000_000)


def quota_of(units: Decimal) -> int:
    """Return *units* of Kling in quota, rounded half up."""
    return int((units * QUOTA_PER_UNIT).to_integral_value(ROUND_HALF_UP))


def final_quota(units: Decimal | None) -> int | None:
    """Return what the upstream says it deducted, in quota; `None` if it does not say.

    Args:
        units: Kling's `final_unit_deduction` as read, or `None`. 0 is a valid answer and
            charges 0. A negative or absurd number counts as none.
    """
    if units is None or not units.is_finite() or not 0 <= units <= _MOST_UNITS:
        return None
    return quota_of(units)
