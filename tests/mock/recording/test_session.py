"""The file of a session: JSON lines, written whole, read with clear errors."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from kling_mock.recording.session import (
    RecordedExchange,
    RecordedReply,
    SessionFileError,
    SessionHeader,
    line_of,
    parse_session,
    read_session,
)
from kling_mock.recording.writer import SessionWriter

HEADER = SessionHeader("2026-11-27", "api.example.com", "00" * 16, 1_700_000_000)
EXCHANGE = RecordedExchange(
    at=1.5,
    ms=231,
    method="POST",
    path="/v1/videos/text2video",
    query="a=b",
    auth="api-key",
    body={"prompt": "猫 qwe"},
    headers={"content-type": "application/json"},
    create=1,
    reply=RecordedReply(200, {"code": 0}, headers={"retry-after": "1"}),
)
NOW = 1_764_255_600.25


def writer(path: Path, upstream: str = "api.example.com", now: float = NOW) -> SessionWriter:
    return SessionWriter(path, upstream, now, lambda: bytes(range(16)))


def text(*lines: object) -> bytes:
    texts = (line_of(line) if not isinstance(line, str) else f"{line}\n" for line in lines)  # type: ignore[arg-type]  # what a test writes
    return "".join(texts).encode()


def test_what_is_written_is_read() -> None:
    """Line by line, in letters and not in escapes."""
    other = RecordedExchange(at=2, ms=0, method="GET", path="/tasks", text="<html>")
    content = text(HEADER, (1, Decimal("1.5")), EXCHANGE, (2, None), other)
    session = parse_session(content, "file")
    assert session.header == HEADER
    assert [exchange.line for exchange in session.exchanges] == [3, 5]
    assert session.exchanges[0] == RecordedExchange(
        **{name: getattr(EXCHANGE, name) for name in EXCHANGE.__slots__} | {"line": 3}
    )
    assert (session.creates, session.spent) == (2, Decimal("1.5"))
    assert "猫 qwe" in content.decode()


def test_a_person_may_edit_it() -> None:
    """A person may add blank lines, spaces and unknown members, and reorder members."""
    line = '{"reply": {"status": 200}, "path": "/x",  "method": "GET", "ms": 1, "at": 0, "note": 1}'
    session = parse_session(text(HEADER, "", line, ""), "file")
    assert session.exchanges[0].path == "/x"
    assert session.exchanges[0].line == 3


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "empty"),
        (["{}"], "line 1: kling_recording: must be 1"),
        (['{"kling_recording": 2}'], "line 1: kling_recording: must be 1"),
        (["[]"], "line 1: must be a JSON object"),
        (["nothing"], "line 1: not JSON"),
        ([HEADER, "{"], "line 2: not JSON"),
        ([HEADER, '{"method": "GET"}'], "line 2: at: must be a number"),
        ([HEADER, '{"create": "x"}'], "line 2: create: must be a whole number"),
        ([HEADER, '{"create": 1, "units": "-1"}'], "line 2: units: must be"),
        ([HEADER, '{"create": 1, "units": "NaN"}'], "line 2: units: must be"),
        (
            [HEADER, '{"at": 0, "ms": 0, "method": "GET", "path": "/", "auth": "x"}'],
            "line 2: auth: must be one of none, key-pair",
        ),
        (
            [HEADER, '{"at": 0, "ms": 0, "method": "GET", "path": "/", "reply": 1}'],
            "line 2, reply: must be an object or null",
        ),
        (
            [HEADER, '{"at": 0, "ms": 0, "method": "GET", "path": "/", "reply": {"status": 1}}'],
            "line 2, reply: status: must be an HTTP status",
        ),
        (
            ['{"kling_recording": 1, "date": "", "upstream": "", "salt": "xyz", "start": 0}'],
            "line 1: salt: must be",
        ),
    ],
)
def test_errors_name_the_line(lines: list[object], words: str) -> None:
    """A person has edited it, and has to find the place."""
    with pytest.raises(SessionFileError, match="file") as caught:
        parse_session(text(*lines), "file")
    assert words in str(caught.value)


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    """A file of a killed recorder is read; the next one continues after the last whole line."""
    path = tmp_path / "session.jsonl"
    first = writer(path)
    number = first.begin_create(Decimal(3))
    first.add(EXCHANGE, str)
    first.close()
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 40):
        path.write_bytes(whole[:length])
        session = read_session(path)
        assert session.exchanges == ()
        assert (session.creates, session.spent) == (number, Decimal(3))
    again = writer(path, now=NOW + 60)
    again.add(EXCHANGE, str)
    again.close()
    assert len(read_session(path).exchanges) == 1


def test_a_session_goes_on(tmp_path: Path) -> None:
    """Same pseudonyms, same times, and what was spent is known."""
    path = tmp_path / "session.jsonl"
    first = writer(path)
    first.begin_create(Decimal("1.5"))
    first.begin_create(None)
    pseudonym, at = first.names.text("order-17"), first.since_start(NOW + 10)
    first.close()
    second = writer(path, now=NOW + 5000)
    assert second.spent == Decimal("1.5")
    assert second.begin_create(Decimal(1)) == 3
    assert second.names.text("order-17") == pseudonym
    assert second.since_start(NOW + 10) == at
    assert 10 <= at < 11
    second.close()
    assert path.stat().st_mode & 0o77 == 0


def test_the_start_is_shifted_like_all_times(tmp_path: Path) -> None:
    """What `at` counts from and the times in replies fit together."""
    opened = writer(tmp_path / "session.jsonl")
    assert opened.header.start == opened.names.time(int(NOW))
    opened.close()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """These are a session of another host, and a file that is not a session."""
    path = tmp_path / "session.jsonl"
    writer(path).close()
    with pytest.raises(SessionFileError, match=r"with api\.example\.com, not with other\.example"):
        writer(path, "other.example")
    letter = tmp_path / "letter"
    for content in ("Dear all", "Dear all,\n\nI\n"):
        letter.write_text(content)
        with pytest.raises(SessionFileError):
            writer(letter)
        assert letter.read_text() == content


def test_one_recorder_at_a_time(tmp_path: Path) -> None:
    """Two would each count their own units."""
    path = tmp_path / "session.jsonl"
    first = writer(path)
    with pytest.raises(OSError, match="another recorder writes it"):
        writer(path)
    first.close()
    writer(path).close()


def test_the_lines_are_json() -> None:
    """Nothing that only Python reads."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    for line in text(HEADER, (1, None), EXCHANGE).splitlines():
        json.loads(line, parse_constant=refuse)
    with pytest.raises(ValueError, match="not JSON compliant"):
        text(HEADER, (1, None), replace(EXCHANGE, body={"cfg_scale": float("nan")}))
