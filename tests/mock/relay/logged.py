"""The lines that the relay's log has about a task."""

from __future__ import annotations

import logging

import pytest


def lines_about(
    caplog: pytest.LogCaptureFixture, task_id: str, level: int = logging.WARNING
) -> list[str]:
    """Return the level and text of each line that names a task; `ID` stands for its id.

    Lines below *level* are left out, since other tests may have loggers write more.
    """
    return [
        f"{record.levelname} {record.getMessage()}".replace(task_id, "ID")
        for record in caplog.records
        if record.name == "kling_mock.relay"
        and record.levelno >= level
        and task_id in record.getMessage()
    ]
