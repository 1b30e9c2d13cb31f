"""Notes about a request, made while it is read: see `kling_mock.kling.journal.notes`."""

from __future__ import annotations

from collections.abc import Collection

from kling_mock.kling.journal.notes import Note, NoteKind, NotePolicy
from kling_mock.kling.model.plan import LaterFailure
from kling_mock.kling.refusal_texts import MESSAGES
from kling_mock.kling.service_codes import Refusal, invalid

_USUAL = NotePolicy()


class Noticed:
    """The notes of one request.

    Args:
        policy: The consequences of notes.

    Attributes:
        notes: In the order in which they were made.
        failure: Why the task of the request will fail; `None` if no reason is known.
        is_refused: Whether the request itself was refused, whatever the state of its account.
    """

    __slots__ = ("_policy", "failure", "is_refused", "notes")

    def __init__(self, policy: NotePolicy = _USUAL) -> None:
        self._policy = policy
        self.notes: list[Note] = []
        self.failure: LaterFailure | None = None
        self.is_refused = False

    def unknown(self, field: str, text: str) -> None:
        """Note that a key unknown to all endpoints was ignored.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored("unknown", field, text)

    def unknown_parameter(self, name: str, known: Collection[str]) -> None:
        """Note that a query parameter that the call does not have was ignored.

        Raises:
            Refusal: 400/1201, such parameters are refused.
        """
        has = f"it has {', '.join(known)}" if known else "it has none"
        self._ignored("unknown", name, f"the call has no such query parameter; {has}")

    def misdirected(self, field: str, text: str) -> None:
        """Note that a refused request names something by mistake; it is refused as usual."""
        self.add(Note("unknown", field, text))

    def inapplicable(self, field: str, text: str) -> None:
        """Note that a key that has no effect here was ignored.

        Raises:
            Refusal: 400/1201, such keys are refused.
        """
        self._ignored("inapplicable", field, text)

    def coerced(self, field: str, text: str) -> None:
        """Note that a value of an undocumented type was accepted."""
        self.add(Note("coerced", field, text))

    def retired(self, field: str, text: str) -> None:
        """Note that something was served which the real service was seen to refuse."""
        self.add(Note("retired", field, text))

    def assumed(self, field: str, text: str) -> None:
        """Note that something was served for which the real service's behaviour is unknown."""
        self.add(Note("assumed", field, text))

    def unknown_id(self, field: str, refused: Refusal) -> None:
        """Note that an id that is not in a library of this server was accepted.

        Raises:
            Refusal: *refused*, where ignored keys are refused too.
        """
        if self._policy.refuses:
            raise refused
        self.assumed(field, "no library here has this id; the real service would refuse it")

    def fails_later(self, situation: str, **values: object) -> None:
        """Note that the task will be accepted, and will fail; the first of several reasons counts.

        Args:
            situation: A key of `MESSAGES`.
            values: The values that fill its template.
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
