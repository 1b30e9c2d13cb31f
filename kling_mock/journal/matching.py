"""Which requests and tasks a rule of a test is for.

All rules of this server (faults, progress, content) select their targets by:

    match        "POST /v1/videos/text2video": a method, a path, or both; `*` stands for anything
    prompt       text that the prompt contains, in any case
    external_id  the external id; `*` stands for anything, as in "order-*"
    account      the account's name
    statuses     for reports of a task: the statuses that they report
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple, TypedDict

from kling_mock.web.values import as_items, as_text

__all__ = [
    "STATUSES",
    "RequestTarget",
    "Subject",
    "TargetOptions",
    "Where",
    "may_overlap",
    "read_match",
]

_METHOD = re.compile(r"[A-Z]+|\*")
_GLOB = frozenset("*?[")
STATUSES = ("submitted", "processing", "succeed", "failed")


class Subject(NamedTuple):
    """What a rule may look at.

    Attributes:
        method: The HTTP method; of a task, the one that made it: POST.
        path: The path without the query; of a task, the one that it was made on.
        account: The account's name; "" if the request is not authenticated.
        prompt: The prompt of the task or create request; "" if there is none.
        external_id: The caller's own id; "" if there is none.
        status: The status that a report is about; "" for everything else.
    """

    method: str
    path: str
    account: str = ""
    prompt: str = ""
    external_id: str = ""
    status: str = ""


class RequestTarget(TypedDict, total=False):
    """The keyword arguments that name a target, except `match`.

    Attributes:
        prompt: Text that the prompt contains, in any case.
        external_id: The external id, in which `*` stands for anything.
        account: The account's name.
    """

    prompt: str
    external_id: str
    account: str


class TargetOptions(RequestTarget, total=False):
    """The keyword arguments that name a target, with the statuses of its callbacks.

    Attributes:
        statuses: The statuses that a report may be about.
    """

    statuses: Iterable[str]


class Where:
    """A test of subjects.

    Args:
        match: A method, a path, or both with a space between; `*` stands for anything.
        prompt: Text that the prompt contains, in any case; `None` is any prompt or none.
        external_id: The external id, `*` for anything; `None` is any id or none.
        account: The account's name; `None` is any.
        statuses: The statuses that a report may be about; empty is any.

    Raises:
        ValueError: *match* is not of this form, or there is no such status.
    """

    __slots__ = ("account", "external_id", "method", "path", "prompt", "statuses")

    def __init__(
        self,
        match: str = "*",
        *,
        prompt: str | None = None,
        external_id: str | None = None,
        account: str | None = None,
        statuses: Iterable[str] = (),
    ) -> None:
        for name, given in (("prompt", prompt), ("external_id", external_id), ("account", account)):
            if given is not None:
                as_text(name, given)
        self.method, self.path = read_match(match)
        self.prompt = None if prompt is None else prompt.casefold()
        self.external_id = external_id
        self.account = account
        self.statuses = frozenset(as_items("statuses", statuses, str, f"of {', '.join(STATUSES)}"))
        unknown = sorted(self.statuses.difference(STATUSES))
        if unknown:
            raise ValueError(f"statuses: must be of {', '.join(STATUSES)}; got {unknown[0]!r}")

    def accepts(self, subject: Subject) -> bool:
        """Return whether the rule is for *subject*."""
        return (
            self.method in {"*", subject.method}
            and (self.path == "*" or fnmatchcase(subject.path, self.path))
            and (self.prompt is None or self.prompt in subject.prompt.casefold())
            and (self.external_id is None or fnmatchcase(subject.external_id, self.external_id))
            and (self.account is None or self.account == subject.account)
            and (not self.statuses or subject.status in self.statuses)
        )

    def __str__(self) -> str:
        # A prompt is the user's own text: only whether there is one is shown.
        parts = [f"{self.method} {self.path}"]
        parts += ["prompt=..."] if self.prompt is not None else []
        parts += [f"external_id={self.external_id!r}"] if self.external_id is not None else []
        parts += [f"account={self.account!r}"] if self.account is not None else []
        parts += [f"statuses={sorted(self.statuses)}"] if self.statuses else []
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"<{self}>"


def read_match(match: object) -> tuple[str, str]:
    """Return the method and the path of *match*; "*" for one that it has not.

    Raises:
        ValueError: It is not a method, a path or both.
    """
    parts = match.split() if isinstance(match, str) else []
    if len(parts) == 1:
        parts = ["*", *parts] if parts[0].startswith(("/", "*")) else [*parts, "*"]
    if len(parts) != 2 or not _METHOD.fullmatch(parts[0]) or parts[1][0] not in "/*":
        raise ValueError(
            f"match: must be a method, a path or both, as 'POST /v1/videos/*'; got {match!r}"
        )
    return parts[0], parts[1]


def may_overlap(pattern: str, path: str) -> bool:
    """Return whether a path that *path* stands for may match *pattern*; `True` if in doubt.

    Args:
        pattern: A pattern of paths, as in a match.
        path: A path, with `*` where an id may be.
    """
    before, star, _ = path.partition("*")
    literal = _literal(pattern)
    if not star:
        return fnmatchcase(path, pattern)
    if literal == pattern:  # no wildcard in it: one path
        return pattern.startswith(before)
    return literal.startswith(before) or before.startswith(literal)


def _literal(pattern: str) -> str:
    """Return what *pattern* begins with, up to its first wildcard."""
    end = next((at for at, letter in enumerate(pattern) if letter in _GLOB), len(pattern))
    return pattern[:end]
