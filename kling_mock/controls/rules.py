"""The rules of a server, for tests: faults, progress, content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.kling.faults.declaring import FaultOptions, make_fault, read_profile, read_rows
from kling_mock.kling.faults.kinds import FaultKind
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.faults.reach import why_no_account, why_no_call
from kling_mock.kling.journal.matching import RequestTarget, Where
from kling_mock.kling.model.content import ContentAction
from kling_mock.kling.model.progress import ProgressKind
from kling_mock.kling.world import World


class FaultsHandle(KnownAttributes):
    """Faults on purpose. All kinds are in `kling_mock.kling.faults.kinds`."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    def add(self, kind: FaultKind, match: str = "*", **options: Unpack[FaultOptions]) -> Fault:
        """Add a fault, which applies from now on; return it, with its count `acted`.

        Args:
            kind: The kind: `latency`, `status`, `reset`, `hang`, `response-lost`,
                `delayed-acceptance`, `truncated-body`, `malformed-body`, `slow-body`,
                `wrong-length`, `stuck`, or one of the `callback-...` kinds.
            match: The requests that it applies to: a method, a path or both, such as
                "POST /v1/videos/*". For a task or callback: the request that created the task.
            options: `prompt`, `external_id`, `account`, `statuses` narrow the match; `after`,
                `times`, `probability` say when; the others are settings of the kind.

        Raises:
            ValueError: An argument is out of range, or the fault could never happen to anything;
                the text says what it must be.
        """
        fault = make_fault(kind, match, options)
        return self._proxy.call(lambda world: world.faults.add([fault])[0])

    def load(self, profile: str | Path | list[Any]) -> list[Fault]:
        """Add all faults of a JSON profile, or none if one is invalid.

        Args:
            profile: JSON text, or the path of a file with it: an array of objects (or an
                object with that array as `faults`) with the arguments of `add` as members.
                An array that is already decoded is also accepted.

        Raises:
            ValueError: It is not of this form, or a fault in it is invalid.
            OSError: The file cannot be read.
        """
        if isinstance(profile, list):
            faults = read_rows(profile)
        elif isinstance(profile, str | Path):
            text = profile.read_text(encoding="utf-8") if isinstance(profile, Path) else profile
            faults = read_profile(text)
        else:
            raise ValueError(  # noqa: TRY004 - one kind for all
                f"profile: must be JSON text, a path or a list of mappings; got {profile!r}"
            )
        return self._proxy.call(lambda world: world.faults.add(faults))

    def remove(self, fault: Fault) -> None:
        """End one fault; do nothing if it has already ended.

        Raises:
            ValueError: *fault* is not a `Fault`.
        """
        if not isinstance(fault, Fault):
            raise ValueError(f"fault: must be a Fault, as add() returns it; got {fault!r}")  # noqa: TRY004 - one kind for all
        self._proxy.call(lambda world: world.faults.remove(fault))

    def clear(self) -> None:
        """End all faults."""
        self._proxy.call(lambda world: world.faults.clear())

    @property
    def unused(self) -> list[Fault]:
        """The faults that have not happened so far: what they should test was not tested."""
        return [fault for fault in self if not fault.acted]

    def assert_used(self) -> None:
        """Check that every fault has happened to something.

        Raises:
            AssertionError: A fault has not happened; the text names it and its matches.
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
    """The progress of new tasks: how fast, and whether by themselves at all."""

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
        """Add a rule for the progress of new tasks; the newest rule that matches a task applies.

        Args:
            kind: `typical`: after the model's usual time. `after`: after *seconds*. `polls`:
                at the *polls*-th poll, singly or in a list. `instant`: before the first
                poll. `by-hand`: when the test completes it, `submitted` until then.
                `stuck`: the same, `processing` until then.
            match: The requests whose tasks it applies to: a method, a path or both.
            seconds: For `after`: seconds of the mock's clock, 0 or more.
            polls: For `polls`: 1 or more.
            target: `prompt` (text in it), `external_id`, `account` narrow the match.

        Raises:
            ValueError: An argument is out of range; the text says what it must be.
        """
        where = Where(match, **target)

        def work(world: World) -> None:
            _check_reach(world, "creates of tasks", where, world.endpoints.creates)
            world.progress_rules.set(kind, where, seconds, polls)

        self._proxy.call(work)

    def clear(self) -> None:
        """Let new tasks take the usual time of their model again."""
        self._proxy.call(lambda world: world.progress_rules.clear())

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.progress_rules))

    def __repr__(self) -> str:
        return f"<Progress: {len(self)} rules>"


class ContentHandle(KnownAttributes):
    """The rules of the emulated content review; initially there are none."""

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
        """Refuse a prompt from now on; the newest rule that matches applies.

        Args:
            prompt: Text that a prompt contains, in any case, or a pattern to search it for;
                "" matches every prompt.
            kind: `refuse`: the create call is refused immediately. `fail`: the task is accepted,
                and fails when it would have succeeded.
            match: The requests that it applies to: a method, a path or both.
            code: The service code, such as 1300 or 1301.
            message: The text of the refusal, or the task's `task_status_msg`; `None` is the
                text of the code.
            external_id: The external id that it applies to; `*` stands for anything.
            account: The name of the account that it applies to.

        Raises:
            ValueError: An argument is out of range; the text says what it must be.
        """
        where = Where(match, external_id=external_id, account=account)

        def work(world: World) -> None:
            posts = [call for call in world.endpoints.served if call.startswith("POST ")]
            _check_reach(world, "calls with a prompt", where, posts)
            world.content.add(prompt, kind, code, message, where)

        self._proxy.call(work)

    def clear(self) -> None:
        """Let every prompt pass again."""
        self._proxy.call(lambda world: world.content.clear())

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.content))

    def __repr__(self) -> str:
        return f"<Content: {len(self)} rules>"


def _check_reach(world: World, what: str, where: Where, calls: Sequence[str]) -> None:
    """Check that a rule can act.

    Raises:
        ValueError: It can never act.
    """
    reason = why_no_call(what, where, calls) or why_no_account(where, world.accounts)
    if reason:
        raise ValueError(f"{reason} (this rule could never act)")
