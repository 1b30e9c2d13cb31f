"""The meanings of the servers' errors. The codes were seen when nodes were killed."""

from __future__ import annotations

import pytest

from kling_mock.relay.storage.adapters.connection import error_of
from kling_mock.relay.storage.adapters.meanings import (
    Meaning,
    in_words,
    meaning_in_mysql,
    meaning_in_postgres,
)
from kling_mock.relay.storage.errors import NoRoomError, StorageUnavailableError

AGAIN, LOST, NOT_READY = Meaning.RUN_AGAIN, Meaning.LOST, Meaning.NOT_READY
NO_ROOM = Meaning.NO_ROOM


@pytest.mark.parametrize(
    ("code", "text", "changes", "meaning"),
    [
        (1062, "Duplicate entry", True, Meaning.DUPLICATE),
        (1213, "Deadlock found", True, AGAIN),
        (1969, "Query execution was interrupted (max_statement_time exceeded)", True, AGAIN),
        (3024, "maximum statement execution time exceeded", True, AGAIN),
        (3101, "Plugin instructed the server to rollback", True, AGAIN),
        (1180, 'Got error 149 "Lock deadlock; Retry transaction" during COMMIT', True, AGAIN),
        (1180, 'Got error 107 "Not connected to Primary Component" during COMMIT', True, LOST),
        (1205, "Lock wait timeout exceeded", True, AGAIN),
        (1205, "Lock wait timeout exceeded", False, LOST),
        (1047, "WSREP has not yet prepared node for application use", False, NOT_READY),
        (1047, "WSREP has not yet prepared node for application use", True, NOT_READY),
        (1290, "running with the --super-read-only option", True, NOT_READY),
        (1836, "Running in read-only mode", True, NOT_READY),
        (2013, "Lost connection", True, LOST),
        (1021, "Disk full (/tmp)", True, NO_ROOM),
        (1030, 'Got error 28 "No space left on device" from storage engine', True, NO_ROOM),
        (1114, "The table 'videos' is full", True, NO_ROOM),
        (1064, "You have an error in your SQL syntax", False, Meaning.REFUSED),
        (1045, "Access denied", False, Meaning.REFUSED),
        (0, "", False, Meaning.REFUSED),
    ],
)
def test_of_mysql(code: int, text: str, meaning: Meaning, *, changes: bool) -> None:
    """1180 and 1205 mean two things each."""
    assert meaning_in_mysql(code, text, changes=changes) is meaning


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("23505", Meaning.DUPLICATE),
        ("40001", AGAIN),
        ("40P01", AGAIN),
        ("57014", AGAIN),
        ("25P03", LOST),
        ("25P04", LOST),
        ("57P01", LOST),
        ("57P02", LOST),
        ("57P03", NOT_READY),
        ("25006", NOT_READY),
        ("08006", LOST),
        ("08P01", LOST),
        (None, LOST),
        ("42601", Meaning.REFUSED),
        ("28P01", Meaning.REFUSED),
        ("53100", NO_ROOM),
        ("40000", Meaning.REFUSED),
    ],
)
def test_of_postgresql(state: str | None, meaning: Meaning) -> None:
    """The SQLSTATE or its class decides; without one, the network or the driver has failed."""
    assert meaning_in_postgres(state) is meaning


def test_no_room_is_an_outage() -> None:
    """A create is answered with 503, and may be repeated."""
    error = error_of(NO_ROOM, in_words("MySQL error 1114"))
    assert isinstance(error, NoRoomError)
    assert isinstance(error, StorageUnavailableError)
    assert "MySQL error 1114 (a table is full, or the server's disk)" in str(error)
