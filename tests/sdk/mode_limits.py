"""Limits of a mode for tests, with features as words of one text."""

from __future__ import annotations

from kling_sdk.endpoints.models import ModeLimits


def mode_limits(
    seconds: tuple[int, ...], features: str, *, doubtful: str = "", **only: tuple[int, ...]
) -> ModeLimits:
    """Return the limits of a mode; *only* are the features that some lengths have."""
    granted = frozenset(features.split())
    return ModeLimits(seconds, granted, only, frozenset(doubtful.split()))
