"""Matching of requests and tasks by the rules of a test.

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
from typing import NamedTuple, TypedDict

from kling_mock.kling.journal.patterns import is_like, is_like_path
from kling_mock.web.values import as_items, as_text

METHOD = re.compile(r"[A-Z]+|\*")
STATUSES = ("submitted", "processing", "succeed", "failed")


class Subject(NamedTuple):
    """A request, task or report, as a rule sees it.

    Attributes:
        method: The HTTP method; for a task, that of its create: POST.
        path: The path without the query; for a task, that of its create.
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
        prompt: Text that the prompt contains, in any case; not empty.
        external_id: The external id, in which `*` stands for anything; not empty.
        account: The account's name; not empty.
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
        prompt: Text that the prompt contains, in any case; `None` matches any prompt or none.
        external_id: The external id, `*` for anything; `None` matches any id or none.
        account: The account's name; `None` matches any.
        statuses: The statuses that a report may be about; empty matches any.

    Raises:
        ValueError: *match* is not of this form, a text is empty, or there is no such status.
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
        for name, text in (("prompt", prompt), ("external_id", external_id), ("account", account)):
            if text is not None:
                as_text(name, text, can_be_empty=False)
        self.method, self.path = read_match(match)
        self.prompt = None if prompt is None else prompt.casefold()
        self.external_id = external_id
        self.account = account
        self.statuses = frozenset(
            as_items("statuses", statuses, str, f"any of {', '.join(STATUSES)}")
        )
        unknown = sorted(self.statuses.difference(STATUSES))
        if unknown:
            raise ValueError(
                f"statuses: each must be one of {', '.join(STATUSES)}; got {unknown[0]!r}"
            )

    def accepts(self, subject: Subject) -> bool:
        """Return whether the rule is for *subject*."""
        return (
            self.method in {"*", subject.method}
            and is_like_path(self.path, subject.path)
            and (self.prompt is None or self.prompt in subject.prompt.casefold())
            and (self.external_id is None or is_like(self.external_id, subject.external_id))
            and (self.account is None or self.account == subject.account)
            and (not self.statuses or subject.status in self.statuses)
        )

    def __str__(self) -> str:
        # A prompt is the user's own text, so its content is not shown.
        parts = [f"{self.method} {self.path}"]
        parts += ["prompt=..."] if self.prompt is not None else []
        parts += [f"external_id={self.external_id!r}"] if self.external_id is not None else []
        parts += [f"account={self.account!r}"] if self.account is not None else []
        parts += [f"statuses={sorted(self.statuses)}"] if self.statuses else []
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"<{self}>"


def read_match(match: object) -> tuple[str, str]:
    """Return the method and the path of *match*, each "*" if it is missing.

    Raises:
        ValueError: It is not a method, a path or both.
    """
    # Split at the first space only: an id in a path may contain spaces.
    parts = match.strip().split(None, 1) if isinstance(match, str) else []
    if parts and parts[0].startswith(("/", "*")) and len(parts) == 2 and parts[0] != "*":
        parts = [" ".join(parts)]
    if len(parts) == 1:
        parts = ["*", *parts] if parts[0].startswith(("/", "*")) else [*parts, "*"]
    if len(parts) != 2 or not METHOD.fullmatch(parts[0]) or parts[1][0] not in "/*":
        raise ValueError(
            f"match: must be a method, a path or both, as 'POST /v1/videos/*'; got {match!r}"
        )
    return parts[0], parts[1]
