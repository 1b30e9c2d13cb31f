"""Which user or channel an operator means by a name or a number. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal, Protocol, TypeVar

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.storage.errors import UnknownError

__all__ = ["check_name", "number_of", "the_one"]

_NUMBER: Final = re.compile(r"(?:id:)?(0|[1-9][0-9]{0,17})")  # what every database keeps
_LIKE_A_NUMBER: Final = re.compile(r"(?:id:)?[0-9]+")


class Numbered(Protocol):
    """What has a number."""

    @property
    def id(self) -> int:
        """Its number."""
        ...


T = TypeVar("T", bound=Numbered)


def number_of(key: str) -> int | None:
    """Return the number that *key* is, as `7` or `id:7`; `None` if it is none."""
    found = _NUMBER.fullmatch(key)
    return None if found is None else int(found[1])


def the_one(kind: Literal["user", "channel"], key: str, named: T | None, numbered: T | None) -> T:
    """Return what *key* means.

    Args:
        kind: What it is looked for among.
        key: What the operator has written.
        named: What has exactly this name.
        numbered: What has this number.

    Raises:
        RelayError: 409 if it is the name of one and the number of another. `id:7` means the
            number alone, unless something is named so.
        UnknownError: There is none.
    """
    if key.startswith("id:") and numbered is not None and named is None:
        return numbered
    if named is not None and numbered is not None and named.id != numbered.id:
        raise RelayError(
            errors.AMBIGUOUS,
            f"{kind}: {key!r} is the name of {kind} number {named.id} and the number of another"
            f" one; nothing was changed. Write id:{named.id} or id:{numbered.id}",
        )
    found = numbered if named is None else named
    if found is None:
        raise UnknownError(kind, key[:100])
    return found


def check_name(field: str, name: str) -> None:
    """Check a name that is to be given.

    Raises:
        RelayError: 400 if it could be taken for a number.
    """
    if _LIKE_A_NUMBER.fullmatch(name) is not None:
        raise invalid(
            field, "must not be digits alone, which could be taken for a number; add a letter"
        )
