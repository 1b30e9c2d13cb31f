"""The rules of the emulated content review about prompts, set by tests.

At first there are no rules: the vendor does not publish what its review refuses.
It is documented that the review refuses at once with 1301, and that it fails a task later on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.journal.matching import Subject, Where
from kling_mock.kling.service_codes import CODES, reason_of_failure
from kling_mock.web.facts import documented
from kling_mock.web.values import as_text, is_one_of

FACT = documented(
    "pages-2026-09",
    "pages-2026-04",
    as_of="2026-09-20",
    note="the reason of a failure found later is in task_status_msg",
)

ContentAction = Literal["refuse", "fail"]


class ContentDecision(NamedTuple):
    """The decision of the review.

    Attributes:
        kind: `refuse`: the create call is refused. `fail`: the task is accepted, and fails when
            it would have succeeded.
        code: The service code.
        message: The text of the envelope, or the reason of the failure.
    """

    kind: ContentAction
    code: int
    message: str


class Content:
    """The rules of one world; if several match a prompt, the newest counts.

    Args:
        findings: Receives the rules that have not acted; `None` makes an object for them.

    Attributes:
        any: Whether there are rules.
    """

    def __init__(self, findings: Findings | None = None) -> None:
        self._findings = Findings() if findings is None else findings
        self._rules: list[tuple[str, re.Pattern[str], Where, ContentDecision, int]] = []
        self.any = False

    def add(
        self,
        prompt: str | re.Pattern[str],
        kind: ContentAction,
        code: int,
        message: str | None,
        where: Where,
    ) -> None:
        """Refuse or fail *prompt* from now on.

        Args:
            prompt: Text that a prompt contains, in any case, or a pattern to search it for;
                "" is every prompt.
            kind: `refuse` or `fail`.
            code: The service code.
            message: Its text; `None` is the code's own.
            where: Other conditions that must hold.

        Raises:
            ValueError: There is no such kind or code; nothing has changed.
        """
        if not is_one_of(kind, get_args(ContentAction)):
            raise ValueError(
                f"kind: must be one of {', '.join(get_args(ContentAction))}; got {kind!r}"
            )
        if type(code) is not int or code not in CODES or code == 0:
            possible = ", ".join(str(known) for known in CODES if known)
            raise ValueError(f"code: must be one of {possible}; got {code!r}")
        if message is not None:
            as_text("message", message)
        is_pattern = isinstance(prompt, re.Pattern) and isinstance(prompt.pattern, str)
        if not (is_pattern or isinstance(prompt, str)):
            raise ValueError(f"prompt: must be a string or a pattern of one, got {prompt!r}")
        prompt_text = prompt if isinstance(prompt, str) else prompt.pattern
        if isinstance(prompt, str):
            prompt = re.compile(re.escape(prompt), re.IGNORECASE)
        if message is None:
            message = reason_of_failure(code) if kind == "fail" else CODES[code].message
        # A prompt is the user's own text, so reports do not show it.
        number = self._findings.declare(f"content {kind} prompt=... {where}")
        self._rules.append(
            (prompt_text, prompt, where, ContentDecision(kind, code, message), number)
        )
        self.any = True

    def judge(self, subject: Subject) -> ContentDecision | None:
        """Return the review's decision on a create request; `None` lets it pass."""
        chosen: ContentDecision | None = None
        for _, pattern, where, decision, number in reversed(self._rules):
            if where.accepts(subject) and pattern.search(subject.prompt):
                if chosen is None:
                    self._findings.acted(number)
                else:
                    self._findings.spare(number)
                chosen = chosen or decision
        return chosen

    def clear(self) -> None:
        """Forget all rules: every prompt passes."""
        self._rules.clear()
        self.any = False

    def __iter__(self) -> Iterator[tuple[str, Where, ContentDecision]]:
        return iter([(prompt, where, decision) for prompt, _, where, decision, _ in self._rules])

    def __len__(self) -> int:
        return len(self._rules)
