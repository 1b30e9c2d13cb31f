"""The verdict on a test: the findings of its servers, and those of them that fail the test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from kling_mock.clock.unawaited import take_unawaited
from kling_mock.kling.journal.findings import NOTHING, Mark
from kling_mock.server.judged import JudgedServer
from kling_mock.testing.settings import PluginSettings

_UNAWAITED: Final = "Without `await` they do nothing, so what they were to test was not tested."
_MEANT: Final = (
    "Kling refuses such calls, or ignores keys that it does not know. If the test makes them on "
    "purpose: @pytest.mark.kling_mock(strict=False)"
)
_UNUSED: Final = (
    "What they were meant to test was not tested. If the test does not need them all: "
    "@pytest.mark.kling_mock(unused_faults='report')"
)
_UNTAKEN: Final = (
    "The real service gives up after some attempts. If the test does this on purpose: "
    "@pytest.mark.kling_mock(undelivered='report')"
)
_REFUSED: Final = (
    "An app can swallow a refusal. If the test means it, it asserts the code, such as "
    'kling_mock.journal.assert_called("POST", code=1201), or has '
    "@pytest.mark.kling_mock(refused='report')"
)
_FAILS_REFUSED: Final = "@pytest.mark.kling_mock(refused='fail') makes such a test fail"
_FAILS_UNUSED: Final = "@pytest.mark.kling_mock(unused_faults='fail') makes such a test fail"
_FAILS_UNTAKEN: Final = "@pytest.mark.kling_mock(undelivered='fail') makes such a test fail"
_SHOWN: Final = 10  # lines of one kind

Marks = Mapping[JudgedServer, Mark]


class Verdict(NamedTuple):
    """The verdict on a test.

    Attributes:
        failures: Why it fails, each with advice on what to do; empty if it passes.
        passed_over: Things that did not happen, or were not completed, but do not fail the test:
            a line for each, with the setting that would make it fail.
        under_way: The calls that had no reply when it ended.
    """

    failures: list[str]
    passed_over: list[str]
    under_way: list[str]


def verdict_on(
    servers: Sequence[JudgedServer], marks: Marks, settings: PluginSettings, seconds: float
) -> Verdict:
    """Return the verdict on the body of a test.

    Args:
        servers: The servers that it may have used.
        marks: Their findings before the test.
        settings: The settings of the test.
        seconds: Real time that calls under way get to end, for each server.
    """
    verdict = Verdict(unawaited_calls(settings), [], [])
    for server in servers:
        if not server.strict:
            continue
        if settings.strict:
            verdict.under_way.extend(server.settle(seconds))
        mark = marks.get(server, NOTHING)
        if settings.strict:
            verdict.failures.extend(unexpected_calls(server, mark))
        _judge_refused(server, mark, settings, verdict)
        _judge_callbacks(server, mark, settings, verdict)
        _judge_unused(server, mark, settings, verdict)
    return verdict


def unawaited_calls(settings: PluginSettings) -> list[str]:
    """Return why awaitable controls without `await` fail a test; forget them in any case."""
    calls = take_unawaited()
    if not calls or not settings.strict:
        return []
    return [_text(f"{_many(len(calls), 'control')} not awaited:", calls[:_SHOWN], _UNAWAITED)]


def unexpected_calls(server: JudgedServer, mark: Mark) -> list[str]:
    """Return why unexpected calls since *mark* fail a test; empty if there are none."""
    count, newest = server.findings.unexpected_since(mark)
    if not count:
        return []
    headline = f"{_many(count, 'call')} unexpected:"
    if count > len(newest):
        headline = f"{_many(count, 'call')} unexpected, of which the newest {len(newest)} are:"
    return [_text(headline, map(server.explain, newest), _MEANT)]


def refused_calls(server: JudgedServer, mark: Mark) -> list[str]:
    """Return the requests that were refused since *mark* and not asserted, a line for each."""
    return [
        call
        if isinstance(call, str)
        else f"{call.method} {call.path[:200]}: {call.status}/{call.code} {call.message[:200]}"
        for call in server.findings.refused_since(mark)
    ]


def _judge_refused(
    server: JudgedServer, mark: Mark, settings: PluginSettings, verdict: Verdict
) -> None:
    lines = refused_calls(server, mark)
    if not lines or not settings.strict:
        return
    if settings.refused == "fail":
        headline = f"{_many(len(lines), 'request')} refused, which no assertion is about:"
        verdict.failures.append(_text(headline, lines[-_SHOWN:], _REFUSED))
    else:
        more = "" if len(lines) == 1 else f" and {len(lines) - 1} more"
        verdict.passed_over.append(f"refused: {lines[0]}{more}; {_FAILS_REFUSED}")


def _judge_callbacks(
    server: JudgedServer, mark: Mark, settings: PluginSettings, verdict: Verdict
) -> None:
    every = server.findings.untaken_since(mark)
    if settings.undelivered == "fail":
        failing = every
    elif settings.undelivered == "report" or not settings.strict:
        failing = []
    else:
        failing = [callback for callback in every if callback.fails]
    if failing:
        headline = f"{_many(len(failing), 'callback')} not taken:"
        lines = [callback.text for callback in failing[:_SHOWN]]
        if len(failing) > _SHOWN:
            lines.append(f"and {len(failing) - _SHOWN} more")
        verdict.failures.append(_text(headline, lines, _UNTAKEN))
    passed = [callback.text for callback in every if callback not in failing]
    if passed and settings.strict:
        more = "" if len(passed) == 1 else f" and {len(passed) - 1} more"
        text = f"callback not taken: {passed[0]}{more}"
        verdict.passed_over.append(f"{text}; {_FAILS_UNTAKEN}")


def _judge_unused(
    server: JudgedServer, mark: Mark, settings: PluginSettings, verdict: Verdict
) -> None:
    idle = server.findings.idle_since(mark)
    if not idle or not (settings.strict or settings.unused_faults == "fail"):
        return
    may_fail = settings.unused_faults == "fail"
    lines = [declaration(rule) for rule, fails in idle if fails and may_fail]
    if lines:
        verdict.failures.append(_text("faults that never happened:", lines, _UNUSED))
    advice = "" if may_fail else f"; {_FAILS_UNUSED}"
    passed = [rule for rule, fails in idle if not (fails and may_fail)]
    verdict.passed_over.extend(f"never happened: {rule}{advice}" for rule in passed[:_SHOWN])


def declaration(rule: object) -> str:
    """Return a fault or rule as text; for a fault, with the number of its matches."""
    seen = getattr(rule, "seen", None)
    return str(rule) if seen is None else f"{rule}: matched {seen}"


def _text(headline: str, lines: Iterable[str], advice: str) -> str:
    return "\n".join([headline, *(f"  {line}" for line in lines), advice])


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
