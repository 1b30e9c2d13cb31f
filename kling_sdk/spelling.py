"""Which known name a misspelt one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest"]

_SHORTEST = 4  # characters of a name that is looked for in another


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in *known* that is most like *name*, or None when none is.

    A name of which it is a part comes first (`model`: `model_name`), then one that is a part of
    it (`image_url`: `image`), then one that differs in few letters (`promt`: `prompt`).
    """
    from difflib import get_close_matches  # only a mistake needs it

    names, low = list(known), name.lower()
    longer = [one for one in names if _is_part(low, one)]
    shorter = [one for one in names if _is_part(one, low)]
    close = get_close_matches(low, names, n=1)
    found = [*sorted(longer, key=len)[:1], *sorted(shorter, key=len)[-1:], *close]
    return found[0] if found else None


def _is_part(part: str, name: str) -> bool:
    return len(part) >= _SHORTEST and (name.startswith(part) or part in name.split("_"))
