"""Parsing large JSON in steps, so that other threads can run between two of them.

While `json.loads` reads a text, no other thread of the process runs, however long that takes. So
long texts are taken out and read in pieces, and the rest is short. Too many values are detected by
counting, before a list or an object is created for each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

#: Bytes of JSON from which a text is taken out.
LONG: Final = 1024
#: Bytes that are read at a time, in about a millisecond if all of them are escapes.
STEP: Final = 32 * 1024

# The mark in place of a text that was taken out: the second half of a surrogate pair (no text that
# can be sent on begins with it), and the text's number.
_MARK: Final = "\udc00"
_MARK_JSON: Final = r"\udc00"
_OWN_MARK: Final = re.compile(rb"\\u[dD][cC]00")
# Possessive: it keeps no positions for backtracking.
_ESCAPED: Final = re.compile(rb'[^"\\]*+(?:\\(?:u[0-9A-Fa-f]{4}|[^u])[^"\\]*+)*+', re.DOTALL)
_CONTINUES: Final = 0b10  # the first bits of a continuation byte of UTF-8


class TooManyValuesError(ValueError):
    """The JSON has too many values."""


class HalfPairError(ValueError):
    """A text begins with half of a surrogate pair."""


def loads_in_steps(raw: bytes, max_values: int, loads: Callable[[str], Any]) -> Any:
    """Return the value of *raw*, as *loads* would.

    Args:
        raw: JSON in UTF-8.
        max_values: The maximum number of values in its objects and lists together. The check is
            rough: twice as many may pass.
        loads: Parses the rest, after long texts are taken out.

    Raises:
        TooManyValuesError: It has more values.
        HalfPairError: A text begins with half of a surrogate pair.
        UnicodeDecodeError: It is not UTF-8; `start` is the byte.
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    texts: list[str] = []
    parsed = loads("".join(_outline(raw, max_values, texts)))
    return _restored(parsed, texts) if texts else parsed


def check_values(raw: bytes, max_values: int) -> None:
    """Check in steps that JSON has not far more than *max_values* values.

    Raises:
        TooManyValuesError: It has far more.
        ValueError: It is not JSON, as far as this check can see.
    """
    for _ in _outline(raw, max_values, []):
        pass


def _outline(raw: bytes, max_values: int, texts: list[str]) -> Iterator[str]:
    """Yield the JSON with marks in place of its long texts, which go to *texts*."""
    strings = delimiters = start = at = 0
    while True:
        quote = raw.find(b'"', at)
        delimiters += _count_delimiters(
            raw, at, len(raw) if quote < 0 else quote, 2 * max_values + 1
        )
        # A text is a value or a value's name, and each comma and each bracket belongs to a value.
        if delimiters > 2 * max_values + 1 or strings > 2 * max_values:
            raise TooManyValuesError
        if quote < 0:
            break
        strings += 1
        pieces = [*_pieces(raw, quote + 1)]
        at = pieces[-1][1] + 1
        if at - quote > LONG:
            yield _decoded(raw, start, quote)
            yield f'"{_MARK_JSON}{len(texts)}"'
            texts.append(_text(raw, pieces))
            start = at
        elif _OWN_MARK.match(raw, quote + 1):
            raise HalfPairError
    yield _decoded(raw, start, len(raw))


def _count_delimiters(raw: bytes, start: int, end: int, enough: int) -> int:
    """Return how many commas and opening brackets there are, or a number above *enough*."""
    count = 0
    for at in range(start, end, STEP):
        stop = min(at + STEP, end)
        count += sum(raw.count(delimiter, at, stop) for delimiter in (b",", b"[", b"{"))
        if count > enough:
            break
    return count


def _pieces(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the pieces of the text that starts at *at*; no piece cuts an escape.

    Raises:
        ValueError: The text does not end, or has an escape that JSON does not know.
    """
    while True:
        limit = min(at + STEP, len(raw))
        quote = raw.find(b'"', at, limit)
        end = limit if quote < 0 else quote
        if raw.find(b"\\", at, end) >= 0:
            end = next(_ESCAPED.finditer(raw, at, limit)).end()  # it may be empty
        is_last = raw[end : end + 1] == b'"'
        if not is_last:
            end = _character_start(raw, at, end)
            if end == at:
                raise ValueError("a text that does not end")
        yield at, end
        if is_last:
            return
        at = end


def _character_start(raw: bytes, start: int, end: int) -> int:
    """Return *end*, or the start of the character that it would cut; not before *start*."""
    for at in range(end, max(start, end - 4), -1):
        if raw[at : at + 1] < b"\x80" or raw[at] >> 6 != _CONTINUES:
            return at
    return end  # not UTF-8


def _text(raw: bytes, pieces: list[tuple[int, int]]) -> str:
    """Return the text that some pieces of JSON encode."""
    texts: list[str] = []
    for begin, end in pieces:
        text = json.loads(f'"{_decoded(raw, begin, end)}"')
        if texts and "\udc00" <= text[:1] <= "\udfff" and "\ud800" <= texts[-1][-1:] <= "\udbff":
            # Two escapes in a row are one character.
            pair = (texts[-1][-1] + text[0]).encode("utf-16", "surrogatepass")
            texts[-1] = texts[-1][:-1]
            text = pair.decode("utf-16") + text[1:]
        texts.append(text)
    return "".join(texts)


def _decoded(raw: bytes, begin: int, end: int) -> str:
    try:
        return raw[begin:end].decode("utf-8")
    except UnicodeDecodeError as error:
        error.start += begin
        raise


def _restored(value: Any, texts: list[str]) -> Any:
    if isinstance(value, dict):
        return {_restored(name, texts): _restored(member, texts) for name, member in value.items()}
    if isinstance(value, list):
        return [_restored(element, texts) for element in value]
    if isinstance(value, str) and value.startswith(_MARK):
        return texts[int(value[1:])]
    return value
