"""What a check reports, one finding each."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Finding", "Severity"]

Severity = Literal["blocker", "warning", "note"]


@attrs.frozen
class Finding:
    """Something about a table that its operator should know before an upgrade.

    Attributes:
        name: A name to search for, and to resolve the finding by.
        severity: A blocker stops an upgrade until it is resolved; a warning does not; a note
            says what the upgrade will do by itself.
        says: What was found and what can be done, in a sentence.
        count: How many rows; 0 when the finding is not about rows.
        rows: Some of them, as text: ids and times, never prompts or URLs.
        resolution: The word for `--resolve NAME=WORD` that removes a blocker; "" when the
            operator has to decide by hand.
    """

    name: str
    severity: Severity
    says: str
    count: int = 0
    rows: tuple[str, ...] = ()
    resolution: str = ""
