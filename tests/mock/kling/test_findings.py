"""The findings of a test equal those of the full history, whatever was cleared."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.faults.declaring import make_fault
from kling_mock.kling.faults.matching import Faults
from kling_mock.kling.journal.entries import Entry
from kling_mock.kling.journal.findings import NOTHING, Findings, Mark, Untaken
from kling_mock.kling.journal.journal import Journal
from kling_mock.kling.journal.matching import Subject, Where
from kling_mock.kling.model.content import Content
from kling_mock.kling.model.progress import ProgressRules

PATHS: Final = ("/v1/videos/text2video", "/v1/videos/image2video")
PATTERNS: Final = ("*", *PATHS)
#: What happens, and to what: a path, a pattern or a callback's number.
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["call", "create"]), st.sampled_from(PATHS)),
        st.tuples(st.sampled_from(["fault", "progress", "content"]), st.sampled_from(PATTERNS)),
        st.tuples(st.sampled_from(["taken", "not taken", "repeated"]), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["clear", "end faults", "reset", "mark"]), st.just("")),
    ),
    max_size=25,
)


class Server:
    """The parts of a server that find something; a reset replaces all but what they found."""

    def __init__(self) -> None:
        self.findings = Findings()
        self.mark: Mark = NOTHING
        self.reset()

    def reset(self) -> None:
        self.findings.settle()
        self.journal = Journal(3, ENDPOINTS.served, None, self.findings)
        self.faults = Faults(Random(0), ENDPOINTS.served, findings=self.findings)  # noqa: S311 - repeatable
        self.progress = ProgressRules(self.findings)
        self.content = Content(self.findings)

    def do(self, step: str, of: str, number: int) -> None:  # noqa: C901 - a table of steps
        match step:
            case "call":
                self.journal.add(Entry(number, "POST", of, "", 401, 1000, "", "", b"", b""))
            case "create":
                subject = Subject("POST", of, "default", "a kitten")
                self.faults.take("before", subject)
                self.content.judge(subject)
                self.progress.choose(subject)
            case "fault":
                self.faults.add([make_fault("reset", of, {})])
            case "progress":
                self.progress.set("instant", Where(of))
            case "content":
                self.content.add("kitten", "fail", 1301, None, Where(of))
            case "taken":
                self.findings.remove_untaken(of)
            case "not taken" | "repeated":
                untaken = Untaken(f"{of} {number}", fails=True)
                self.findings.not_taken(of, untaken, is_repeated=step == "repeated")
            case "clear":
                self.journal.clear()
            case "end faults":
                self.faults.clear()
            case "reset":
                self.reset()
            case _:
                self.mark = self.findings.mark()

    def report(self) -> dict[str, list[Any]]:
        _, calls = self.findings.unexpected_since(self.mark)
        idle = self.findings.idle_since(self.mark)
        return {
            "calls": [int(call.at) for call in calls if isinstance(call, Entry)],
            "idle": sorted(str(rule) for rule, _ in idle),
            "untaken": sorted(callback.text for callback in self.findings.untaken_since(self.mark)),
        }


def naive(steps: Sequence[tuple[str, str]]) -> dict[str, list[Any]]:
    """Return the same of a list of all that happened."""
    mark = max((at for at, (step, _) in enumerate(steps) if step == "mark"), default=-1)
    calls = [at for at, (step, _) in enumerate(steps) if step == "call" and at > mark]
    rules: list[dict[str, Any]] = []
    for at, (step, of) in enumerate(steps):
        if step in {"fault", "progress", "content"}:
            rules.append({"kind": step, "of": of, "at": at, "acted": False, "over": False})
        elif step == "create":
            for kind in ("fault", "progress", "content"):
                fitting = [rule for rule in rules if rule["kind"] == kind and not rule["over"]]
                fitting = [rule for rule in fitting if rule["of"] in {"*", of}]
                if fitting:  # the oldest fault acts, and the newest rule
                    fitting[0 if kind == "fault" else -1]["acted"] = True
        elif step in {"end faults", "reset"}:
            for rule in rules:
                rule["over"] |= step == "reset" or rule["kind"] == "fault"
    texts = {
        "fault": "reset * {}",
        "progress": "progress instant * {}",
        "content": "content fail prompt=... * {}",
    }
    idle = [rule for rule in rules if not rule["acted"] and rule["at"] > mark]
    return {
        "calls": calls[-100:],
        "idle": sorted(texts[rule["kind"]].format(rule["of"]) for rule in idle),
        "untaken": sorted(text for since, text in naive_callbacks(steps) if since > mark),
    }


def naive_callbacks(steps: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """Return the callbacks that are not taken in the end: since when, and their text."""
    tried: dict[str, tuple[int, str]] = {}
    lost: list[tuple[int, str]] = []
    for at, (step, of) in enumerate(steps):
        if step in {"not taken", "repeated"}:
            tried[of] = (tried.get(of, (at, ""))[0], f"{of} {at}")
        elif step == "taken":
            tried.pop(of, None)
        elif step == "reset":
            lost += tried.values()
            tried.clear()
    return [*lost, *tried.values()]


def found_by(server: Server, steps: Sequence[tuple[str, str]]) -> dict[str, list[Any]]:
    for number, (step, of) in enumerate(steps):
        server.do(step, of, number)
    return server.report()


@pytest.mark.slow
@given(STEPS)
def test_nothing_is_lost_and_nothing_is_made_up(steps: list[tuple[str, str]]) -> None:
    """The findings cover calls, faults, rules and callbacks since the test began."""
    assert found_by(Server(), steps) == naive(steps)


def test_a_callback_that_is_repeated_and_taken_is_not_held_against_a_test() -> None:
    """However many others wait for their repeat; those that have been given up stay."""
    findings = Findings()
    every = [str(number) for number in range(1_500)]
    for name in every:
        findings.not_taken(name, Untaken(name, fails=True), 500, is_repeated=True)
    findings.not_taken("0", Untaken("given up", fails=True), 500)
    for name in every[1:]:
        findings.remove_untaken(name)
    assert [callback.text for callback in findings.untaken_since(NOTHING)] == ["given up"]


class Forgetful(Server):
    """The former behaviour: what a world knows ends with it."""

    def reset(self) -> None:
        self.findings = Findings()
        super().reset()


def test_a_server_that_forgets_is_caught() -> None:
    """Control: for each kind of finding there are steps that tell them apart."""
    for step in ("call", "fault", "progress", "content", "not taken"):
        steps = [(step, PATHS[0]), ("reset", "")]
        assert found_by(Server(), steps) == naive(steps)
        assert found_by(Forgetful(), steps) != naive(steps)
