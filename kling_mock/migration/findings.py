"""What a check finds, and the errors with which a migration refuses to start or stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

__all__ = ["BlockedError", "Finding", "Severity", "UnfinishedError"]

Severity = Literal["blocker", "warning", "note"]


@attrs.frozen
class Finding:
    """Something about a table that its operator should know before an upgrade.

    Attributes:
        name: A stable name, with which the finding is resolved.
        severity: A blocker stops an upgrade until it is resolved; a warning does not; a note
            says what the upgrade will do by itself.
        says: What was found and what can be done, in a sentence.
        count: How many rows; 0 when the finding is not about rows.
        rows: Some of them, as text: ids and times, never prompts or URLs.
        resolution: The value for `--resolve NAME=VALUE` that removes a blocker; "" when the
            operator has to decide by hand.
    """

    name: str
    severity: Severity
    says: str
    count: int = 0
    rows: tuple[str, ...] = ()
    resolution: str = ""


class BlockedError(Exception):
    """An upgrade or downgrade is refused, and nothing was changed.

    Attributes:
        findings: The blockers.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{one.name}: {one.says}" for one in findings))
        self.findings = tuple(findings)


class UnfinishedError(Exception):
    """An upgrade stopped before its end; the application still uses the old table."""
