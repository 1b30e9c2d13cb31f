"""Resolving the name or id of a user or channel that an operator wrote."""

from __future__ import annotations

import re
from typing import Final, Literal, Protocol, TypeVar

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.relay.storage.errors import UnknownError

_NUMBER: Final = re.compile(r"(?:id:)?(0|[1-9][0-9]{0,17})")  # the range that every database stores
_LIKE_A_NUMBER: Final = re.compile(r"(?:id:)?[0-9]+")


class Numbered(Protocol):
    """Something with an id."""

    @property
    def id(self) -> int:
        """The id."""
        ...


T = TypeVar("T", bound=Numbered)


def number_of(key: str) -> int | None:
    """Return the id in *key*, written as `7` or `id:7`; `None` if *key* is not an id."""
    match = _NUMBER.fullmatch(key)
    return None if match is None else int(match[1])


def resolve_name(
    kind: Literal["user", "channel"], key: str, named: T | None, numbered: T | None
) -> T:
    """Return the user or channel that *key* means.

    Args:
        kind: The kind of record.
        key: What the operator wrote.
        named: The record with exactly this name.
        numbered: The record with this id.

    Raises:
        RelayError: 409 if it is the name of one record and the number of another. `id:7` means the
            number only, unless a record has that name.
        UnknownError: No record matches.
    """
    if key.startswith("id:") and numbered is not None and named is None:
        return numbered
    if named is not None and numbered is not None and named.id != numbered.id:
        raise RelayError(
            errors.AMBIGUOUS,
            f"{kind}: {key!r} is the name of {kind} {named.id} and the id of another one;"
            f" nothing was changed. Write id:{named.id} or id:{numbered.id}",
        )
    match = numbered if named is None else named
    if match is None:
        raise UnknownError(kind, key[:100])
    return match


def check_name(field: str, name: str) -> None:
    """Check a new name.

    Raises:
        RelayError: 400 if it could be taken for a number.
    """
    if _LIKE_A_NUMBER.fullmatch(name) is not None:
        raise invalid(
            field, "must not be digits alone, which could be taken for a number; add a letter"
        )
