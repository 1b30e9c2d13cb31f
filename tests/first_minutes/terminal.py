"""Commands on a pseudo-terminal, and what a person reads there in the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

COLUMNS: Final = 100
_ROWS: Final = 50
_SEQUENCE: Final = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|(.|\n)")
_COLOUR: Final = re.compile(r"\x1b\[[\d;]*m")


class Running:
    """A command that runs on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.written = ""

    def read(self, until: str | None = None, *, patience: float) -> str:
        """Return what the command has written until it ends, or until a pattern is found.

        Args:
            until: The pattern.
            patience: Seconds after which it is given up.

        Raises:
            TimeoutError: Neither has happened.
        """
        end, rest = time.monotonic() + patience, b""
        while until is None or not re.search(until, self.written):
            if not select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(self.written)
            try:
                more = os.read(self._terminal, 1 << 16)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not more:
                break
            rest += more
            with contextlib.suppress(UnicodeDecodeError):  # half a character
                self.written, rest = self.written + rest.decode(), b""
        return self.written

    def end(self) -> int:
        """Press Ctrl-C, if it still runs; return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(30)


@contextlib.contextmanager
def running(command: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """Run a line of a shell on a terminal; it is killed in the end.

    Args:
        command: The line, or several.
        folder: Where.
        environment: All variables.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["bash", "-ec", command],
        cwd=folder,
        env=dict(environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Running(process, ours)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)


def screen_lines(written: str) -> list[str]:
    """Return the lines that are on the screen in the end, with their colours.

    Knows what our commands and pytest use: a line that is written over, moved up to, or erased.
    """
    screen = _Screen()
    for parameters, letter, character in _SEQUENCE.findall(written):
        screen.take(parameters, letter, character)
    lines = [_line(row) for row in screen.rows]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def plain(line: str) -> str:
    """Return a line without colours."""
    return _COLOUR.sub("", line)


class _Screen:
    def __init__(self) -> None:
        self.rows: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._style = ""

    def take(self, parameters: str, letter: str, character: str) -> None:
        if letter == "m":
            self._style = "" if parameters in {"", "0"} else _joined(self._style, parameters)
        elif letter == "A":
            self._row = max(0, self._row - int(parameters or 1))
        elif letter == "K":
            self.rows[self._row] = [] if parameters == "2" else self._before()
        elif character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
            self.rows += [[]] if self._row == len(self.rows) else []
        elif character:
            row = self.rows[self._row]
            row += [(" ", "")] * (self._column - len(row))
            row[self._column : self._column + 1] = [(character, self._style)]
            self._column += 1

    def _before(self) -> list[tuple[str, str]]:
        return self.rows[self._row][: self._column]


def _joined(style: str, more: str) -> str:
    return f"{style};{more}" if style else more


def _line(row: list[tuple[str, str]]) -> str:
    text, style = "", ""
    for character, character_style in row:
        if character_style != style:
            text += ("\x1b[0m" if style else "") + (
                f"\x1b[{character_style}m" if character_style else ""
            )
            style = character_style
        text += character
    return (text + ("\x1b[0m" if style else "")).rstrip()
