"""The sections on an emulated Kling in the report of a failed test.

No bodies and no queries: prompts and signed URLs do not belong in the log of a CI run.
"""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.journal.forgotten import describe
from kling_mock.journal.journal import Journal
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.faults.matching import Fault
from kling_mock.web.addresses import shown_url

__all__ = ["sections"]

_URL_SHOWN = 150  # characters

Section = tuple[str, str]


def sections(
    name: str,
    journal: Journal,
    deliveries: Sequence[Delivery],
    lines: int,
    clock: Sequence[str] = (),
    unused: Sequence[Fault] = (),
) -> list[Section]:
    """Return the sections of a report, each with its title.

    Args:
        name: Which server it is.
        journal: Its journal.
        deliveries: Its deliveries.
        lines: How many lines the sections of calls and callbacks have, at most.
        clock: What held its clock up.
        unused: Its faults that happened to nothing.
    """
    made: list[Section] = []
    if clock:
        made.append((f"{name}: what held the clock up", "\n".join(clock)))
    if unused:
        text = "\n".join(f"{fault}: matched {fault.seen}" for fault in unused)
        made.append((f"{name}: faults that never happened", text))
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
        made.append((title, "\n".join(calls)))
    shown = deliveries[-lines:] if lines else ()
    if shown:
        start = journal[0].at if len(journal) else deliveries[0].at
        text = "\n".join(_line(delivery, start) for delivery in shown)
        made.append((f"{name}: {_many(len(deliveries), 'callback')}", text))
    return made


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
