"""What is noticed of a request while it is read: see `kling_mock.journal.notes`."""

from __future__ import annotations

from kling_mock.journal.notes import Note, NoteKind, NotePolicy
from kling_mock.kling.model.plan import LaterFailure
from kling_mock.kling.refusal_texts import MESSAGES
from kling_mock.kling.service_codes import Refusal, invalid

__all__ = ["Noticed"]

_USUAL = NotePolicy()


class Noticed:
    """The notes of one request.

    Args:
        policy: What they lead to.

    Attributes:
        notes: In the order in which they were made.
        failure: Why the task of the request will fail; `None` if nothing is known.
    """

    __slots__ = ("_policy", "failure", "notes")

    def __init__(self, policy: NotePolicy = _USUAL) -> None:
        self._policy = policy
        self.notes: list[Note] = []
        self.failure: LaterFailure | None = None

    def unknown(self, field: str, text: str) -> None:
        """Note that a key was ignored which no endpoint knows.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored("unknown", field, text)

    def inapplicable(self, field: str, text: str) -> None:
        """Note that a key was ignored which does nothing here.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored("inapplicable", field, text)

    def coerced(self, field: str, text: str) -> None:
        """Note that a value was taken which has another type than documented."""
        self.add(Note("coerced", field, text))

    def retired(self, field: str, text: str) -> None:
        """Note that something was served which the real service was seen to refuse."""
        self.add(Note("retired", field, text))

    def assumed(self, field: str, text: str) -> None:
        """Note that something was served of which nobody knows what the real service does."""
        self.add(Note("assumed", field, text))

    def unknown_id(self, field: str, refused: Refusal) -> None:
        """Note that an id was taken which no library of this server has.

        Raises:
            Refusal: *refused*, where ignored keys are refused too.
        """
        if self._policy.refuses:
            raise refused
        self.assumed(field, "no library here has this id; the real service would refuse it")

    def fails_later(self, situation: str, **values: object) -> None:
        """Note that the task will be taken, and will fail; of several reasons the first counts.

        Args:
            situation: A key of `MESSAGES`.
            values: What fills its template.
        """
        if self.failure is None:
            row = MESSAGES[situation]
            self.failure = LaterFailure(row.code, row.template.format(**values))

    def add(self, note: Note) -> None:
        """Keep a note."""
        self.notes.append(note._replace(unexpected=note.kind in self._policy.unexpected))

    def _ignored(self, kind: NoteKind, field: str, text: str) -> None:
        if self._policy.refuses:
            raise invalid(field, text)
        self.add(Note(kind, field, text))
