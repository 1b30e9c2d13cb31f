"""The rules for texts that a database can store, the same for every storage, applied before SQL.

SQLite stores nearly any text, PostgreSQL rejects NUL, MySQL in strict mode rejects a text that is
longer than its column, and no UTF-8 encoder takes an unpaired surrogate. So invalid identifiers are
refused, an operator's settings are refused if they do not fit, and text that only informs is
truncated.
"""

from __future__ import annotations

import re
from typing import Final

#: Characters of a `task_id`, an `external_task_id` and a `kling_task_id`.
MAX_ID: Final = 200
#: Characters of `videos.duration`.
MAX_DURATION: Final = 20
#: The rule for ids from outside, for error messages.
ID_RULE: Final = f"1 to {MAX_ID} characters, no space at its end, no NUL and no surrogate"
#: Bytes that a TEXT column of MySQL holds.
TEXT_BYTES: Final = 65_535

_PRINTABLE: Final = re.compile(r"[!-~]{1,200}", re.ASCII)
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def is_task_id(value: str) -> bool:
    """Return whether *value* can be a `task_id`: 1 to 200 printable ASCII characters, no space."""
    return _PRINTABLE.fullmatch(value) is not None


def is_external_id(value: str) -> bool:
    """Return whether *value* can be an `external_task_id`.

    It must have 1 to 200 characters, and must not end with one that MySQL's PAD SPACE ignores.
    """
    return (
        0 < len(value) <= MAX_ID and not value.endswith(" ") and _UNSTORABLE.search(value) is None
    )


def task_id(value: str) -> str:
    """Return *value* if it can be a `task_id`.

    Raises:
        ValueError: It cannot be one.
    """
    if not is_task_id(value):
        raise ValueError("a task_id is 1 to 200 printable ASCII characters without spaces")
    return value


def optional_id(value: str | None) -> str | None:
    """Return *value* if it can be an id from outside, None for '' and None.

    Raises:
        ValueError: It is longer than 200 characters, ends with a space, or cannot be encoded.
    """
    if not value:
        return None
    if not is_external_id(value):
        raise ValueError(
            "an id is at most 200 characters, with no space at its end, no NUL and no surrogate"
        )
    return value


def fit(value: str, characters: int | None = None) -> str:
    """Return *value*, changed so that every database can store it.

    Args:
        value: Text that informs and identifies nothing.
        characters: Length of its VARCHAR column; None for a TEXT column of 65,535 bytes.
    """
    clean = _UNSTORABLE.sub(_REPLACEMENT, value)
    if characters is not None:
        return clean[:characters]
    if len(clean) * 4 <= TEXT_BYTES or len(encoded := clean.encode()) <= TEXT_BYTES:
        return clean
    return encoded[:TEXT_BYTES].decode(errors="ignore")


def check_fits(name: str, value: str, characters: int | None = None) -> None:
    """Check that every database can store *value* unchanged.

    Args:
        name: What the text is, for the error.
        value: The text; the error does not repeat it.
        characters: Length of its VARCHAR column; None for a TEXT column of 65,535 bytes.

    Raises:
        ValueError: It is too long, or has a NUL or an unpaired surrogate.
    """
    if _UNSTORABLE.search(value) is not None:
        raise ValueError(f"{name}: must have no NUL character and no unpaired surrogate")
    if characters is not None and len(value) > characters:
        raise ValueError(f"{name}: must have at most {characters} characters, has {len(value)}")
    if characters is None and (size := len(value.encode())) > TEXT_BYTES:
        raise ValueError(f"{name}: must have at most {TEXT_BYTES} bytes in UTF-8, has {size}")


def text(value: str) -> str:
    """Fit *value* in a TEXT column; an attrs converter, as the ones below."""
    return fit(value)


def text20(value: str) -> str:
    """Fit *value* in 20 characters."""
    return fit(value, 20)


def text50(value: str) -> str:
    """Fit *value* in 50 characters."""
    return fit(value, 50)


def text64(value: str) -> str:
    """Fit *value* in 64 characters."""
    return fit(value, 64)


def text100(value: str) -> str:
    """Fit *value* in 100 characters."""
    return fit(value, 100)


def text200(value: str) -> str:
    """Fit *value* in 200 characters."""
    return fit(value, 200)


def text255(value: str) -> str:
    """Fit *value* in 255 characters."""
    return fit(value, 255)
