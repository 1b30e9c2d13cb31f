"""The sections about an emulated Kling in the report of a failed test.

They leave out bodies and queries: prompts and signed URLs do not belong in the log of a CI run.
"""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.journal.forgotten import describe
from kling_mock.kling.journal.journal import Journal
from kling_mock.web.addresses import shown_url

_URL_SHOWN = 150  # characters

Section = tuple[str, str]


def sections(
    name: str,
    journal: Journal,
    deliveries: Sequence[Delivery],
    lines: int,
    clock: Sequence[str] = (),
    unused: Sequence[str] = (),
    refused: Sequence[str] = (),
) -> list[Section]:
    """Return the sections of a report, each with its title.

    Args:
        name: The name of the server.
        journal: Its journal.
        deliveries: Its deliveries.
        lines: Maximum number of lines in the sections of calls and callbacks.
        clock: What delayed its clock.
        unused: Its faults and rules that never applied.
        refused: Requests that it has refused, and the test has not asserted.
    """
    report: list[Section] = []
    if clock:
        report.append((f"{name}: what held the clock up", "\n".join(clock)))
    if unused:
        report.append((f"{name}: faults that never happened", "\n".join(unused)))
    if lines and refused:
        report.append((f"{name}: requests that were refused", "\n".join(refused[-lines:])))
    calls = journal.tail(lines)
    if calls:
        downloads = journal.downloads_total
        title = f"{name}: journal of {_many(journal.total - downloads, 'call')}"
        if downloads:
            title += f" and {_many(downloads, 'download')}"
        if journal.forgotten:
            title += f", {journal.forgotten} of them forgotten"
            kinds = describe(dict(journal.forgotten_kinds), lines)
            calls.insert(0, f"forgotten: {kinds}")
        report.append((title, "\n".join(calls)))
    latest = deliveries[-lines:] if lines else ()
    if latest:
        start = journal[0].at if len(journal) else deliveries[0].at
        text = "\n".join(_line(delivery, start) for delivery in latest)
        report.append((f"{name}: {_many(len(deliveries), 'callback')}", text))
    return report


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _line(delivery: Delivery, start: float) -> str:
    parts = [
        f"+{delivery.at - start:.1f}s",
        f"{delivery.task_status} of task {delivery.task_id}",
        f"to {shown_url(delivery.url)[:_URL_SHOWN]}",
        f"{delivery.state} after {_many(len(delivery.attempts), 'attempt')}",
    ]
    if delivery.attempts:
        last = delivery.attempts[-1]
        parts.append(str(last.status) if last.status else last.error)
    parts += [] if delivery.truthful else ["contradicts the task"]
    return "  ".join(parts)
