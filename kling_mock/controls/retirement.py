"""What a server refuses as retired: by a date, or by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kling_mock.kling.endpoints.models import RETIRED
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.web.values import as_items

__all__ = ["read_retired", "retired_by"]


def retired_by(day: date) -> frozenset[str]:
    """Return the models and endpoints that the real service was seen to refuse until *day*."""
    seen = {name: retirement.seen for name, retirement in RETIRED.items()}
    seen |= {
        name: record.retired.seen
        for name, record in ENDPOINTS.items()
        if record.retired is not None
    }
    return frozenset(name for name, first in seen.items() if date.fromisoformat(first) <= day)


def read_retired(given: str | date | Iterable[str] | None) -> frozenset[str]:
    """Return the models and endpoints that *given* stands for.

    Args:
        given: A day, or its ISO form; names of models and endpoints; or `None` for nothing.

    Raises:
        ValueError: It is none of these.
    """
    if given is None:
        return frozenset()
    if isinstance(given, str):
        try:
            return retired_by(date.fromisoformat(given))
        except ValueError:
            text = "a date such as '2026-09-28', or a list of models and endpoints"
            raise ValueError(f"retired: must be {text}; got {given[:40]!r}") from None
    if isinstance(given, date):
        return retired_by(date(given.year, given.month, given.day))  # a datetime is a date, too
    names = frozenset(as_items("retired", given, str, "names of models and endpoints"))
    known = {*ENDPOINTS.models, *ENDPOINTS.with_tasks}
    unknown = sorted(names - known)
    if unknown:
        listed = ", ".join(sorted(known))
        raise ValueError(f"retired: must be of {listed}; got {unknown[0]!r}")
    return names
