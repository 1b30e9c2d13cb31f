"""Which faults can strike at all: one that never can is a mistake of the test."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from kling_mock.journal.matching import Where, may_overlap
from kling_mock.kling.faults.kinds import FaultSpec
from kling_mock.kling.media.urls import MEDIA

__all__ = ["why_never"]

_FILES: Final = f"{MEDIA}*"
_NEVER_HIT: Final = ("/openapi.json", "/__kling/*")  # no part of Kling's API
_NOT_OF_FILES: Final = frozenset({"malformed-body", "delayed-acceptance", "omit-task-info"})
_ENDS: Final = frozenset({"succeed", "failed"})
_NAMING: Final = ("/*", "/tasks", "/solutions")  # how paths end whose calls may name a task
# Kinds whose reports have a certain status -> the statuses that they may have.
_STATUSES: Final = {
    "callback-contradicting": _ENDS,
    "callback-shuffled": frozenset({"submitted"}),
    "callback-before-create-returns": frozenset({"submitted"}),
}
# Stage -> the methods of what it may happen to; of other stages any.
_METHODS: Final = {
    "accept": ("POST",),
    "reply": ("GET", "POST"),
    "media": ("GET", "HEAD"),
    "task": ("POST",),
    "report": ("POST",),
}


def why_never(kind: FaultSpec, where: Where, served: Sequence[str]) -> str:
    """Return why a fault can never happen to anything; "" if it can.

    Args:
        kind: What happens.
        where: To which requests, tasks or reports.
        served: The calls that there are: methods and paths, `*` for an id.
    """
    return (
        _why_statuses(kind, where)
        or _why_method(kind, where)
        or _why_path(kind, where, served)
        or _why_fields(where, served)
    )


def _why_statuses(kind: FaultSpec, where: Where) -> str:
    if not where.statuses:
        return ""
    if kind.stage != "report":
        return "statuses: only callbacks have one; leave it out, or use a kind `callback-...`"
    possible = _STATUSES.get(kind.name, where.statuses)
    if where.statuses & possible:
        return ""
    return f"statuses: {kind.name!r} happens to reports of {', '.join(sorted(possible))} only"


def _why_method(kind: FaultSpec, where: Where) -> str:
    methods = _METHODS.get(kind.stage, ())
    if not methods or where.method in {"*", *methods}:
        return ""
    return f"match: {kind.name!r} happens to {' and '.join(methods)} only, not to {where.method}"


def _why_path(kind: FaultSpec, where: Where, served: Sequence[str]) -> str:
    methods = _METHODS.get(kind.stage, ())
    if kind.stage == "media":
        paths = [_FILES]
    elif methods:
        paths = [path for method, path in map(str.split, served) if method in methods]
    else:
        if any(_is_within(where.path, path) for path in _NEVER_HIT):
            return f"match: no fault happens to {where.path}, which is no part of Kling's API"
        if kind.name in _NOT_OF_FILES and _is_within(where.path, _FILES):
            return f"match: {kind.name!r} does not happen to result files"
        return ""
    if any(may_overlap(where.path, path) for path in paths):
        return ""
    from difflib import get_close_matches  # only a mistaken test needs it

    near = get_close_matches(where.path, paths, n=1, cutoff=0.0)
    nearest = f"; the nearest is {near[0]}" if near else ""
    return f"match: {kind.name!r} happens to nothing with the path {where.path}{nearest}"


def _why_fields(where: Where, served: Sequence[str]) -> str:
    """Return which field of *where* nothing has that it is for."""
    if where.account is not None and _is_within(where.path, _FILES):
        return "account: result files are fetched without a key, and so of no account"
    has_prompt = where.prompt not in {None, ""}
    has_id = where.external_id is not None and not fnmatchcase("", where.external_id)
    if not (has_prompt or has_id) or where.method in {"*", "POST"}:
        return ""
    # A query has them of its task, if it names one.
    named = [p for method, p in map(str.split, served) if method == "GET" and p.endswith(_NAMING)]
    named = [*named, _FILES] if where.method == "GET" else [_FILES] * (where.method == "HEAD")
    if any(may_overlap(where.path, path) for path in named):
        return ""
    name = "prompt" if has_prompt else "external_id"
    return f"{name}: requests of {where.method} {where.path} have none"


def _is_within(pattern: str, path: str) -> bool:
    """Return whether all that *pattern* matches, *path* does."""
    return fnmatchcase(pattern, path)
