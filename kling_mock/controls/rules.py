"""The rules of a server, for tests: faults, progress, content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.journal.matching import RequestTarget, Where
from kling_mock.kling.faults.declaring import FaultOptions, make_fault, read_profile, read_rows
from kling_mock.kling.faults.kinds import FaultKind
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.model.content import ContentAction
from kling_mock.kling.model.progress import ProgressKind

__all__ = ["ContentHandle", "FaultsHandle", "ProgressHandle"]


class FaultsHandle(KnownAttributes):
    """What goes wrong on purpose. All kinds are in `kling_mock.kling.faults.kinds`."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    def add(self, kind: FaultKind, match: str = "*", **options: Unpack[FaultOptions]) -> Fault:
        """Let something go wrong from now on; return it, with its count `acted`.

        Args:
            kind: What: `latency`, `status`, `reset`, `hang`, `response-lost`,
                `delayed-acceptance`, `truncated-body`, `malformed-body`, `slow-body`,
                `wrong-length`, `stuck`, or one of the `callback-...` kinds.
            match: With which requests: a method, a path or both, as "POST /v1/videos/*". For a
                task or callback: with which request the task was created.
            options: `prompt`, `external_id`, `account`, `statuses` narrow the match; `after`,
                `times`, `probability` say when; the rest are settings of the kind.

        Raises:
            ValueError: An argument is out of range, or the fault could never happen to anything;
                the text says what it must be.
        """
        fault = make_fault(kind, match, options)
        return self._proxy.call(lambda world: world.faults.add([fault])[0])

    def load(self, profile: str | Path | list[Any]) -> list[Fault]:
        """Add the faults of a JSON profile, all or none.

        Args:
            profile: JSON text, or the path of a file with it: an array of objects (or an
                object with that array as `faults`) with the arguments of `add` as members.
                Or such an array that has been read already.

        Raises:
            ValueError: It is not of this form, or a fault in it is not accepted.
            OSError: The file cannot be read.
        """
        rows: Sequence[tuple[Any, str, Any]]
        if isinstance(profile, list):
            rows = read_rows(profile)
        elif isinstance(profile, str | Path):
            text = profile.read_text(encoding="utf-8") if isinstance(profile, Path) else profile
            rows = read_profile(text)
        else:
            raise ValueError(  # noqa: TRY004 - one kind for all
                f"profile: must be JSON text, a path or a list of mappings; got {profile!r}"
            )

        faults = [make_fault(*row) for row in rows]
        return self._proxy.call(lambda world: world.faults.add(faults))

    def remove(self, fault: Fault) -> None:
        """End one fault; harmless if it has ended.

        Raises:
            ValueError: It is no `Fault`.
        """
        if not isinstance(fault, Fault):
            raise ValueError(f"fault: must be a Fault, as add() returns it; got {fault!r}")  # noqa: TRY004 - one kind for all
        self._proxy.call(lambda world: world.faults.remove(fault))

    def clear(self) -> None:
        """End all faults."""
        self._proxy.call(lambda world: world.faults.clear())

    @property
    def unused(self) -> list[Fault]:
        """Those that have happened to nothing so far: what they were to test was not tested."""
        return [fault for fault in self if not fault.acted]

    def assert_used(self) -> None:
        """Check that every fault has happened to something.

        Raises:
            AssertionError: One has not; the text names it, and how many it has matched.
        """
        __tracebackhide__ = True
        unused = self.unused
        if unused:
            lines = [f"{fault}: matched {fault.seen}" for fault in unused]
            raise AssertionError("\n  ".join(["faults that never happened:", *lines]))

    def __iter__(self) -> Iterator[Fault]:
        return self._proxy.call(lambda world: iter(world.faults))

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.faults))

    def __repr__(self) -> str:
        return f"<Faults: {list(self)}>"


class ProgressHandle(KnownAttributes):
    """How fast new tasks progress, and whether by themselves at all."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    def add(
        self,
        kind: ProgressKind,
        match: str = "*",
        *,
        seconds: float | None = None,
        polls: int | None = None,
        **target: Unpack[RequestTarget],
    ) -> None:
        """Add a rule for how new tasks progress; of rules that match a task the newest counts.

        Args:
            kind: `typical`: after the model's usual time. `after`: after *seconds*. `polls`:
                when it is looked at for the *polls*-th time, singly or in a list. `instant`:
                before the first look. `by-hand`: when the test completes it, `submitted`
                until then. `stuck`: the same, `processing` until then.
            match: For tasks of which requests: a method, a path or both.
            seconds: For `after`: seconds of the mock's clock, 0 or more.
            polls: For `polls`: 1 or more.
            target: `prompt` (text in it), `external_id`, `account` narrow the match.

        Raises:
            ValueError: An argument is out of range; the text says what it must be.
        """
        where = Where(match, **target)
        self._proxy.call(lambda world: world.progress_rules.set(kind, where, seconds, polls))

    def clear(self) -> None:
        """Let new tasks take the usual time of their model again."""
        self._proxy.call(lambda world: world.progress_rules.clear())

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.progress_rules))

    def __repr__(self) -> str:
        return f"<Progress: {len(self)} rules>"


class ContentHandle(KnownAttributes):
    """What the emulated content review refuses; nothing to begin with."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    def add(
        self,
        prompt: str | re.Pattern[str],
        kind: ContentAction = "refuse",
        match: str = "*",
        *,
        code: int = 1301,
        message: str | None = None,
        external_id: str | None = None,
        account: str | None = None,
    ) -> None:
        """Refuse a prompt from now on; of rules that match the newest counts.

        Args:
            prompt: Text that a prompt contains, in any case, or a pattern to search it for;
                "" is every prompt.
            kind: `refuse`: the create call is refused at once. `fail`: the task is accepted,
                and fails when it would have succeeded.
            match: For which requests: a method, a path or both.
            code: The service code, such as 1300 or 1301.
            message: The text of the refusal, or the task's `task_status_msg`; `None` is the
                code's own.
            external_id: For external ids like this one; `*` stands for anything.
            account: For the account of this name.

        Raises:
            ValueError: An argument is out of range; the text says what it must be.
        """
        where = Where(match, external_id=external_id, account=account)
        self._proxy.call(lambda world: world.content.add(prompt, kind, code, message, where))

    def clear(self) -> None:
        """Let every prompt pass again."""
        self._proxy.call(lambda world: world.content.clear())

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.content))

    def __repr__(self) -> str:
        return f"<Content: {len(self)} rules>"
