"""Detection of faults and rules that can never act, which are mistakes of the test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kling_mock.kling.faults.kinds import FaultSpec
from kling_mock.kling.journal.matching import Where
from kling_mock.kling.journal.patterns import is_like, may_overlap
from kling_mock.kling.media.urls import MEDIA

_FILES: Final = f"{MEDIA}*"
_NEVER_HIT: Final = ("/openapi.json", "/__kling/*")  # not part of Kling's API
_NOT_OF_FILES: Final = frozenset({"malformed-body", "delayed-acceptance", "omit-task-info"})
_ENDS: Final = frozenset({"succeed", "failed"})
_NAMING: Final = ("/*", "/tasks", "/solutions")  # ends of the paths of calls that may name a task
# Kinds whose reports have a certain status -> their possible statuses.
_STATUSES: Final = {
    "callback-contradicting": _ENDS,
    "callback-shuffled": frozenset({"submitted"}),
    "callback-before-create-returns": frozenset({"submitted"}),
}
_OF_CREATES: Final = frozenset({"accept", "task", "report"})  # stages
# Stage -> the methods of the requests that it may happen to; for other stages any.
_METHODS: Final = {
    "accept": ("POST",),
    "reply": ("GET", "POST"),
    "media": ("GET", "HEAD"),
    "task": ("POST",),
    "report": ("POST",),
}


def why_never(
    kind: FaultSpec, where: Where, served: Sequence[str], creates: Sequence[str] = ()
) -> str:
    """Return why a fault can never happen to anything; "" if it can.

    Args:
        kind: What happens.
        where: The requests, tasks or reports that it is for.
        served: The calls that the server serves: methods and paths, `*` for an id.
        creates: The calls among them that make tasks; empty is any POST.
    """
    return (
        _why_statuses(kind, where)
        or _why_method(kind, where)
        or _why_path(kind, where, creates if creates and kind.stage in _OF_CREATES else served)
        or _why_fields(where, served, creates)
    )


def why_no_account(where: Where, accounts: Iterable[str]) -> str:
    """Return why the account of *where* cannot exist; "" if it can."""
    names = sorted(accounts)
    if where.account is None or where.account in names:
        return ""
    known = ", ".join(names)
    return f"account: there is no {where.account!r}; add it first; the accounts are {known}"


def why_no_call(what: str, where: Where, calls: Iterable[str]) -> str:
    """Return why a rule cannot match any of *calls*; "" if it can.

    Args:
        what: What the rule is for, for a message.
        where: Its target.
        calls: Methods and paths, `*` for an id.
    """
    pairs = [(method, path) for method, path in map(str.split, calls)]
    methods = dict.fromkeys(method for method, _ in pairs)
    if where.method not in {"*", *methods}:
        return f"match: {what} have the method {' or '.join(methods)} only, not {where.method}"
    fitting = [method for method, path in pairs if _is_served(where.path, path)]
    if not fitting:
        return f"match: there are no {what} with the path {where.path}{_nearest(where.path, pairs)}"
    if where.method not in {"*", *fitting}:
        return f"match: {what} with the path {where.path} do not have the method {where.method}"
    return ""


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
        pairs = [("GET", _FILES)]
    elif methods:
        pairs = [(method, path) for method, path in map(str.split, served) if method in methods]
    else:
        if any(_is_within(where.path, path) for path in _NEVER_HIT):
            return f"match: no fault happens to {where.path}, which is not part of Kling's API"
        if kind.name in _NOT_OF_FILES and _is_within(where.path, _FILES):
            return f"match: {kind.name!r} does not happen to result files"
        return why_no_call("calls", where, [*served, f"GET {_FILES}", f"HEAD {_FILES}"])
    if any(_is_served(where.path, path) for _, path in pairs):
        return ""
    near = _nearest(where.path, pairs)
    return f"match: {kind.name!r} does not happen to any request with the path {where.path}{near}"


def _nearest(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    from difflib import get_close_matches  # needed only for a mistake in a test

    near = get_close_matches(path, [known for _, known in pairs], n=1, cutoff=0.0)
    query = ", and a path has no query" if "?" in path else ""
    return f"; the nearest is {near[0]}{query}" if near else query


def _why_fields(where: Where, served: Sequence[str], creates: Sequence[str]) -> str:
    """Return why none of the requests of *where* has one of its fields; "" if some may."""
    if where.account is not None and _is_within(where.path, _FILES):
        return (
            "account: result files are fetched without a key, so these requests belong to no "
            "account"
        )
    # A query that names a task has the fields of that task, and so has a download of its result.
    named = [call for call in served if call.startswith("GET ") and call.endswith(_NAMING)]
    named += [f"{method} {_FILES}" for method in ("GET", "HEAD")]
    posts = [call for call in served if call.startswith("POST ")]
    for name, text, sent in (
        ("prompt", where.prompt, posts),
        ("external_id", where.external_id, creates or posts),
    ):
        if text not in {None, "*"} and not any(_has(where, call) for call in (*named, *sent)):
            match = f"{where.method} {where.path}"
            return f"{name}: requests that match {match} do not have this field"
    return ""


def _has(where: Where, call: str) -> bool:
    """Return whether a call, as a method and a path with `*` for an id, may match *where*."""
    method, path = call.split()
    return where.method in {"*", method} and may_overlap(where.path, path)


def _is_within(pattern: str, path: str) -> bool:
    """Return whether *path* matches everything that *pattern* matches."""
    return is_like(path, pattern)


def _is_served(pattern: str, path: str) -> bool:
    return may_overlap(pattern, path, of_one_part=path != _FILES)
