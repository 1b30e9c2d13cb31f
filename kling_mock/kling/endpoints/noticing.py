"""What is noticed of a request while it is read: see `kling_mock.journal.notes`."""

from __future__ import annotations

from kling_mock.journal.notes import Note
from kling_mock.kling.service_codes import invalid

__all__ = ["Noticed"]


class Noticed:
    """The notes of one request.

    Args:
        refuse: Whether a key is refused that the real service ignores.

    Attributes:
        notes: In the order in which they were made.
    """

    __slots__ = ("_refuse", "notes")

    def __init__(self, *, refuse: bool = False) -> None:
        self._refuse = refuse
        self.notes: list[Note] = []

    def unknown(self, field: str, text: str) -> None:
        """Note that a key was ignored which no endpoint knows.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored(Note("unknown", field, text))

    def inapplicable(self, field: str, text: str) -> None:
        """Note that a key was ignored which does nothing here.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored(Note("inapplicable", field, text))

    def coerced(self, field: str, text: str) -> None:
        """Note that a value was taken which has another type than documented."""
        self.notes.append(Note("coerced", field, text))

    def _ignored(self, note: Note) -> None:
        if self._refuse:
            raise invalid(note.field, note.text)
        self.notes.append(note)
