"""Patterns of texts and paths, in which `*` stands for anything and nothing else is special."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote


def is_like(pattern: str, text: str) -> bool:
    """Return whether the whole of *text* matches *pattern*."""
    return pattern == text or ("*" in pattern and _compiled(pattern).fullmatch(text) is not None)


def is_like_path(pattern: str, path: str) -> bool:
    """Return whether *path* matches *pattern*; either may be percent-encoded.

    Args:
        pattern: Such as `/v1/videos/text2video/order 7` or `/v1/videos/text2video/order%207`.
        path: As it was sent.
    """
    if pattern == "*" or is_like(pattern, path):
        return True
    if "%" not in path:
        return False
    plain = unquote(path)
    return is_like(pattern, plain) or is_like(unquote(pattern), plain)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def may_overlap(pattern: str, path: str, *, of_one_part: bool = False) -> bool:
    """Return whether a path that *path* stands for may match *pattern*; `True` if in doubt.

    Args:
        pattern: A pattern of paths, as in a match.
        path: A path, with `*` where an id may be.
        of_one_part: Whether the id is known to be one non-empty path segment, as in a served path.
    """
    before, star, after = path.partition("*")
    if not star:
        return is_like_path(pattern, path)
    rests = [pattern[at:] for at in _reached(pattern, before)]
    if after or not of_one_part:
        return bool(rests)
    return any(rest and "/" not in rest for rest in rests)


def _reached(pattern: str, text: str) -> set[int]:
    """Return the positions that a pattern may have reached after reading *text*."""
    places = _skipped(pattern, {0})
    for letter in text:
        stays = {at for at in places if pattern[at : at + 1] == "*"}
        read = {at + 1 for at in places if pattern[at : at + 1] == letter}
        places = _skipped(pattern, stays | read)
    return places


def _skipped(pattern: str, places: set[int]) -> set[int]:
    """Add the positions behind each `*`, which may stand for nothing."""
    reached = set(places)
    for at in places:
        while pattern[at : at + 1] == "*":
            at += 1  # noqa: PLW2901 - on to the next letter
            reached.add(at)
    return reached
