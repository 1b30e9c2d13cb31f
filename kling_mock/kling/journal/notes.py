"""Notes of the emulator on a request, in addition to the reply, which is Kling's own.

The real service ignores and coerces silently, and its refusals are terse. A test needs to know
more, and more members in the reply could break a client. So there are notes: in the journal entry,
in the report of a failed test and in a response header.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple, get_args

from kling_mock.web.values import as_items, is_one_of

#: `unknown`: a key that no endpoint knows, and that was ignored. `inapplicable`: one that does
#: nothing here. `coerced`: a value of another type than documented. `retired`: something was
#: served that the real service was seen to refuse. `refused`: what would have been accepted.
#: `assumed`: something was served for which the behaviour of the real service is unknown, or that
#: names a voice or element which is not in any library here.
NoteKind = Literal["unknown", "inapplicable", "coerced", "retired", "refused", "assumed"]

_KINDS: Final = get_args(NoteKind)

#: The treatment of a key that the real service ignores: a note, or a refusal.
IgnoredFields = Literal["note", "refuse"]
IGNORED: Final[tuple[IgnoredFields, ...]] = get_args(IgnoredFields)

NOTE_HEADER: Final = "x-kling-mock-note"
_MAX_LENGTH: Final = 500  # bytes of the header's value
_NAME_SHOWN: Final = 60  # characters of a field's name; it comes from the client


class RetiredWarning(UserWarning):
    """A test uses a model or an endpoint that the real service was seen to refuse."""


class Note(NamedTuple):
    """One thing that the emulator has noticed.

    Attributes:
        kind: See `NoteKind`.
        field: The field, as `name`, `name.member` or `name[0].member`; "" for the whole request.
        text: What was done or what would be valid. It never contains a value that was sent.
        unexpected: Whether it makes its call unexpected; see `NotePolicy`.
    """

    kind: NoteKind
    field: str
    text: str
    unexpected: bool = False

    def __str__(self) -> str:
        where = f" {self.field[:_NAME_SHOWN]}" if self.field else ""
        return f"{self.kind}{where}: {self.text}"


class NotePolicy(NamedTuple):
    """The consequences of notes.

    Attributes:
        refuses: Whether a key that the real service ignores is refused.
        unexpected: The kinds of notes that make a call unexpected, so that a strict test fails.
    """

    refuses: bool = False
    unexpected: frozenset[str] = frozenset({"unknown"})

    @classmethod
    def of(cls, ignored_fields: object, unexpected_notes: Any) -> NotePolicy:
        """Return the policy that a user has set.

        Args:
            ignored_fields: `"note"` or `"refuse"`.
            unexpected_notes: Kinds of notes; a string is one.

        Raises:
            ValueError: An argument has another value.
        """
        if not is_one_of(ignored_fields, IGNORED):
            raise ValueError(f"ignored_fields: must be 'note' or 'refuse', got {ignored_fields!r}")
        known = f"any of {', '.join(_KINDS)}"
        kinds = as_items("unexpected_notes", unexpected_notes, str, known)
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"unexpected_notes: must be {known}, got {kind!r}")
        return cls(ignored_fields == "refuse", frozenset(kinds))


def header_value(notes: Iterable[Note]) -> str:
    """Return the notes as the value of a header: kinds and fields, but no values.

    For example `unknown=style,seed; coerced=duration`: ASCII, at most 500 bytes, cut after a field.
    """
    fields: dict[str, list[str]] = {}
    for note in notes:
        fields.setdefault(note.kind, []).append(_plain(note.field))
    value = ""
    for kind, names in fields.items():
        for place, name in enumerate(dict.fromkeys(names)):
            start = f"{'; ' if value else ''}{kind}=" if place == 0 else ","
            longer = f"{value}{start}{name}"
            if len(longer) > _MAX_LENGTH:
                return value
            value = longer
    return value


def _plain(name: str) -> str:
    """Return a field's name for a header, with `?` for characters that are not allowed there."""
    shortened = name[:_NAME_SHOWN]
    return "".join(
        mark if mark.isascii() and (mark.isalnum() or mark in "_-.[]") else "?"
        for mark in shortened
    )
