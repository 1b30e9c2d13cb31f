"""The writer of a session: whole lines, from one recorder at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.session import (
    FIRST,
    RecordedExchange,
    RecordedSession,
    SessionFileError,
    SessionHeader,
    line_of,
    parse_session,
)


class SessionWriter:
    """Writer that appends to the file of a session; a new file gets its first line.

    Args:
        path: The file.
        upstream: The host that is recorded. A file of another host is refused.
        now: The present, Unix seconds.
        new_salt: Returns the salt of a new session.

    Attributes:
        header: The first line.
        names: The pseudonyms of the session.
        spent: Units of the creates that were sent, now and earlier.

    Raises:
        OSError: The file cannot be written, or another recorder is writing it.
        SessionFileError: It is not a session, or a session with another host.
    """

    def __init__(
        self, path: Path, upstream: str, now: float, new_salt: Callable[[], bytes]
    ) -> None:
        as_it_is = getattr(os, "O_BINARY", 0)  # Windows would change the line endings
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | as_it_is, 0o600)
        try:
            _lock(self._fd, path)
            content = path.read_bytes()
            if b"\n" in content:
                self._go_on(parse_session(content, str(path)), path, upstream)
            elif FIRST.startswith(content[: len(FIRST)]):
                self._begin(upstream, now, new_salt())
            else:
                raise SessionFileError(f"{path}: it is not a recorded session; choose another file")  # noqa: TRY301 - the file is closed below
        except BaseException:
            os.close(self._fd)
            raise
        self._start = self.header.start + self.names.shift

    def _go_on(self, session: RecordedSession, path: Path, upstream: str) -> None:
        self.header, self.spent, self._creates = session.header, session.spent, session.creates
        if self.header.upstream != upstream:
            raise SessionFileError(
                f"{path}: it is a session with {self.header.upstream}, not with {upstream}; record "
                "into another file"
            )
        os.ftruncate(self._fd, session.whole)  # drops an incomplete line of a killed recorder
        self.names = Pseudonyms(bytes.fromhex(self.header.salt))

    def _begin(self, upstream: str, now: float, salt: bytes) -> None:
        os.ftruncate(self._fd, 0)
        self.names = Pseudonyms(salt)
        self.spent, self._creates = Decimal(0), 0
        date = datetime.fromtimestamp(now, UTC).date().isoformat()
        self.header = SessionHeader(date, upstream, salt.hex(), int(now) - self.names.shift)
        self._write(line_of(self.header))

    def since_start(self, now: float) -> float:
        """Return the seconds from the start of the session until *now*, Unix seconds."""
        return now - self._start

    def begin_create(self, units: Decimal | None) -> int:
        """Write down that a create is sent, and return its number.

        Args:
            units: Its price; `None` if it is unknown.
        """
        self._creates += 1
        self._write(line_of((self._creates, units)))
        os.fsync(self._fd)  # the line accounts for money
        self.spent += units or 0
        return self._creates

    def add(self, exchange: RecordedExchange, clean: Callable[[str], str]) -> None:
        """Write an exchange.

        Args:
            exchange: What happened.
            clean: Removes secrets from the line, even if everything else has failed.
        """
        self._write(clean(line_of(exchange)))

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _write(self, line: str) -> None:
        data = memoryview(line.encode("utf-8", "replace"))
        while data:
            data = data[os.write(self._fd, data) :]


def _lock(fd: int, path: Path) -> None:
    """Keep other recorders out: the sum of the units would be wrong.

    Raises:
        OSError: Another recorder is writing the file.
    """
    try:
        fcntl: Any = __import__("fcntl")
    except ImportError:  # not available on every system
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise OSError(error.errno, f"{path}: another recorder writes it") from None
