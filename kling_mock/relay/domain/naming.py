"""Which user or channel an operator means by a name or an id."""

from __future__ import annotations

import re
from typing import Final, Literal, Protocol, TypeVar

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.storage.errors import UnknownError

__all__ = ["check_name", "number_of", "resolve_name"]

_NUMBER: Final = re.compile(r"(?:id:)?(0|[1-9][0-9]{0,17})")  # the range that every database stores
_LIKE_A_NUMBER: Final = re.compile(r"(?:id:)?[0-9]+")


class Numbered(Protocol):
    """Something with an id."""

    @property
    def id(self) -> int:
        """Its id."""
        ...


T = TypeVar("T", bound=Numbered)


def number_of(key: str) -> int | None:
    """Return the id that *key* holds, as `7` or `id:7`; `None` if it holds none."""
    found = _NUMBER.fullmatch(key)
    return None if found is None else int(found[1])


def resolve_name(
    kind: Literal["user", "channel"], key: str, named: T | None, numbered: T | None
) -> T:
    """Return the user or channel that *key* means.

    Args:
        kind: What is looked for.
        key: What the operator wrote.
        named: The one with exactly this name.
        numbered: The one with this id.

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
            f"{kind}: {key!r} is the name of {kind} {named.id} and the id of another one;"
            f" nothing was changed. Write id:{named.id} or id:{numbered.id}",
        )
    found = numbered if named is None else named
    if found is None:
        raise UnknownError(kind, key[:100])
    return found


def check_name(field: str, name: str) -> None:
    """Check a new name.

    Raises:
        RelayError: 400 if it could be taken for a number.
    """
    if _LIKE_A_NUMBER.fullmatch(name) is not None:
        raise invalid(
            field, "must not be digits alone, which could be taken for a number; add a letter"
        )
