"""Values for monitoring: open tasks, repeated transactions, slow statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

#: Why a transaction was run again: the row that it had read was changed meanwhile; the database
#: aborted it (deadlock, lock wait, serialization); the connection was lost; SQLite rolled it
#: back; or it was given up because another process held SQLite's lock too long.
REPEATS: Final = ("changed", "deadlock", "connection_lost", "rolled_back", "busy")


@attrs.frozen
class DatabaseNode:
    """A server of the database.

    Attributes:
        name: What it calls itself: host name (PostgreSQL: address) and port. "" in memory, and with
            SQLite.
        problem: Why it does not serve now, or does not take writes; `None` if it does both.
    """

    name: str = ""
    problem: str | None = None


@attrs.frozen
class DatabaseTime:
    """The time of a server's clock.

    Attributes:
        node: The server's name.
        seconds: Unix seconds with fractions.
    """

    node: str
    seconds: float


@attrs.frozen
class Backlog:
    """The open tasks, without legacy ones.

    Attributes:
        unknown: Without Kling's id (yet).
        submitted: Accepted by Kling.
        processing: Kling is processing them.
        overdue: The ones that the sweeper should have read by now.
        stuck: The ones that have been open for too long.
        lag: Seconds by which the most overdue one is late; 0 if none is.
    """

    unknown: int = 0
    submitted: int = 0
    processing: int = 0
    overdue: int = 0
    stuck: int = 0
    lag: int = 0


@attrs.frozen
class SlowTransaction:
    """Transactions of one kind that took long, since the store was opened.

    Attributes:
        name: The kind, as `settle`.
        times: How many were slow.
        longest: Seconds of the slowest, including the time it waited for others.
    """

    name: str
    times: int
    longest: float


@attrs.frozen
class StoreStatistics:
    """Repeated and slow transactions of this process.

    Attributes:
        repeats: Transactions that were run again, by why; each of `REPEATS` is a key.
        slow: The kinds of transactions that were slow, the slowest first.
        slow_after: Seconds from which one counts as slow; 0 if that is not measured.
    """

    repeats: Mapping[str, int]
    slow: tuple[SlowTransaction, ...] = ()
    slow_after: float = 0.0


@attrs.frozen
class SlowStatement:
    """A statement that the database itself has recorded. Values are not part of it.

    Attributes:
        text: The statement, with `?` or `$1` for its values.
        calls: How often it was run.
        seconds: How long all its runs took together.
        longest: How long the longest took, in seconds.
    """

    text: str
    calls: int
    seconds: float
    longest: float


@attrs.frozen
class RunningStatement:
    """A statement that is running.

    Attributes:
        text: The statement, with `?` or `$1` for its values.
        seconds: How long it has been running.
    """

    text: str
    seconds: float


@attrs.frozen
class SlowRecord:
    """The slow statements that a database has recorded.

    Attributes:
        source: The source: a table of the database's, or "none".
        recorded: Whether the database records slow statements at all.
        advice: What to switch on, or where else to look; "" if all is there.
        statements: The recorded statements, those that took most time in all first.
        running: The statements that have been running for long at this moment.
    """

    source: str
    recorded: bool
    advice: str
    statements: tuple[SlowStatement, ...] = ()
    running: tuple[RunningStatement, ...] = ()
