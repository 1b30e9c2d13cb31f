"""Findings of a check, and the errors that keep a migration from starting or stop it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

Severity = Literal["blocker", "warning", "note"]


@attrs.frozen
class Finding:
    """A fact about a table that its operator should know before an upgrade.

    Attributes:
        name: A stable name, by which the operator resolves the finding.
        severity: A blocker stops an upgrade until it is resolved; a warning does not; a note
            says what the upgrade will do by itself.
        says: A sentence about what was found and what can be done.
        count: The number of rows; 0 if the finding is not about rows.
        rows: Some of the rows, as text: ids and times, never prompts or URLs.
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
        super().__init__("; ".join(f"{finding.name}: {finding.says}" for finding in findings))
        self.findings = tuple(findings)


class UnfinishedError(Exception):
    """An upgrade stopped before its end; the application still uses the old table."""
