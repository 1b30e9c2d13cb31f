"""Notes beside a reply: what they say, and what of it goes into a header."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock import KlingMock, Note
from kling_mock.kling.journal.notes import NOTE_HEADER, header_value

KINDS = st.sampled_from(["unknown", "inapplicable", "coerced", "refused"])


def test_a_note_says_what_was_noticed_and_where() -> None:
    """The text is that of a line of a report."""
    assert str(Note("unknown", "promt", "unknown field")) == "unknown promt: unknown field"
    assert str(Note("refused", "", "no such path")) == "refused: no such path"
    assert len(str(Note("unknown", "x" * 1000, "unknown field"))) < 100


def test_a_header_has_kinds_and_fields() -> None:
    """Each field is named once, by kind, in the order in which it was noticed."""
    notes = [
        Note("coerced", "duration", "a number"),
        Note("unknown", "seed", "unknown field"),
        Note("coerced", "multi_prompt[0].index", "a text"),
        Note("coerced", "duration", "a number"),
    ]
    assert header_value(notes) == "coerced=duration,multi_prompt[0].index; unknown=seed"
    assert header_value([]) == ""


@given(st.lists(st.builds(Note, KINDS, st.text(max_size=60), st.just("a secret")), max_size=80))
def test_whatever_a_client_sends_makes_a_valid_header(notes: list[Note]) -> None:
    """The header is ASCII, at most 500 bytes, without the text of a note."""
    value = header_value(notes)
    assert len(value.encode("ascii")) <= 500
    assert value.isprintable()
    assert value == header_value([Note(note.kind, note.field, "another") for note in notes])


@pytest.fixture
def replies(mock: KlingMock, api: Any) -> Any:
    def send(path: str = "/v1/videos/text2video", **body: Any) -> Any:
        body = {"model_name": "kling-v2-6"} | body
        return api.http.post(path, json=body, headers=api.headers())

    return send


def test_notes_are_in_the_header_and_in_the_journal(mock: KlingMock, replies: Any) -> None:
    """They never contain a value, and the header is absent where there is nothing to say."""
    reply = replies(prompt="a kitten", seed="a secret", duration=5)
    assert reply.json()["code"] == 0
    assert reply.headers[NOTE_HEADER] == "unknown=seed; coerced=duration"
    assert [(note.kind, note.field) for note in mock.journal[-1].notes] == [
        ("unknown", "seed"),
        ("coerced", "duration"),
    ]
    assert "a secret" not in str(mock.journal[-1].notes)

    assert NOTE_HEADER not in replies(prompt="a kitten").headers
    assert mock.journal[-1].notes == ()


def test_a_refusal_in_klings_words_has_what_it_must_be_in_a_note(
    mock: KlingMock, replies: Any
) -> None:
    """The message is Kling's, to the letter."""
    reply = replies(prompt="a kitten", mode="professional")
    assert reply.json()["message"] == "mode value 'professional' is invalid"
    assert reply.headers[NOTE_HEADER] == "refused=mode"
    (note,) = mock.journal[-1].notes
    assert note.text == "must be a string, one of std, pro, 4k"


def test_notes_survive_a_fault_of_the_reply(mock: KlingMock, replies: Any) -> None:
    """They are in the journal whatever happens to the reply."""
    mock.faults.add("slow-body", pieces=2, seconds=0)
    reply = replies(prompt="a kitten", seed=1)
    assert reply.headers[NOTE_HEADER] == "unknown=seed"
    assert mock.journal[-1].fault == "slow-body"
    assert [note.kind for note in mock.journal[-1].notes] == ["unknown"]
