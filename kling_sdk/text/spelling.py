"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

_MIN_LENGTH = 4  # characters of a name that is looked for in another


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in *known* that is closest to *name*, or None when none is close.

    A name that contains it comes first (`model`: `model_name`), then a name that it contains
    (`image_url`: `image`), then one that differs in few letters (`promt`: `prompt`).
    """
    from difflib import get_close_matches  # only a mistake needs it

    names, low = list(known), name.lower()
    longer = [candidate for candidate in names if _is_part(low, candidate)]
    shorter = [candidate for candidate in names if _is_part(candidate, low)]
    close = get_close_matches(low, names, n=1)
    matches = [*sorted(longer, key=len)[:1], *sorted(shorter, key=len)[-1:], *close]
    return matches[0] if matches else None


def _is_part(part: str, name: str) -> bool:
    return len(part) >= _MIN_LENGTH and (name.startswith(part) or part in name.split("_"))


class Suggesting:
    """An object whose error for a misspelt attribute names the one that was probably meant."""

    if not TYPE_CHECKING:  # which would take any name for one that exists

        def __getattr__(self, name: str) -> object:
            text = f"{type(self).__name__} has no attribute {name!r}"
            if name.startswith("_"):
                raise AttributeError(text)
            names = [known for known in dir(self) if not known.startswith("_")]
            short = name.replace("_to_", "2").removesuffix("s")  # text_to_video, videos
            alike = [known for known in names if len(short) >= _MIN_LENGTH and short in known]
            if short in alike or not alike:
                likely = short if short in alike else nearest(name, names)
                alike = [] if likely is None else [likely]
            hint = f"did you mean {' or '.join(map(repr, alike))}?" if alike else ""
            raise AttributeError(f"{text}; {hint or 'it has ' + ', '.join(names)}")
