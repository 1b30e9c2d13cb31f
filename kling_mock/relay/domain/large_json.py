"""Parsing large JSON in steps, so that other threads get their turns between two of them.

While `json.loads` reads a text, no other thread of the process runs, however long that takes. So
long texts are taken out and read in pieces, what is left is short, and a flood of values is found
by counting, before a list or an object for each of them is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["LONG", "STEP", "HalfPairError", "TooManyValuesError", "check_values", "loads_in_steps"]

#: Bytes of JSON from which a text is taken out.
LONG: Final = 1024
#: Bytes that are read at a time, in about a millisecond if all of them are escapes.
STEP: Final = 32 * 1024

# What stands for a text that was taken out: the second half of a surrogate pair, which begins no
# text that can be sent on, and the text's number.
_MARK: Final = "\udc00"
_MARK_JSON: Final = r"\udc00"
_OWN_MARK: Final = re.compile(rb"\\u[dD][cC]00")
# Possessive: nothing is kept to go back to.
_ESCAPED: Final = re.compile(rb'[^"\\]*+(?:\\(?:u[0-9A-Fa-f]{4}|[^u])[^"\\]*+)*+', re.DOTALL)
_CONTINUES: Final = 0b10  # the first bits of a byte of UTF-8 that begins no character


class TooManyValuesError(ValueError):
    """The JSON has more values than it may have."""


class HalfPairError(ValueError):
    """A text begins with half of a surrogate pair."""


def loads_in_steps(raw: bytes, most: int, loads: Callable[[str], Any]) -> Any:
    """Return what *raw* holds, as *loads* would.

    Args:
        raw: JSON in UTF-8.
        most: How many values its objects and lists may have together. It is checked roughly:
            twice as many may pass.
        loads: Reads what is left when long texts are taken out.

    Raises:
        TooManyValuesError: It has more.
        HalfPairError: A text begins with half of a surrogate pair.
        UnicodeDecodeError: It is not UTF-8; `start` is the byte.
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    texts: list[str] = []
    found = loads("".join(_outline(raw, most, texts)))
    return _restored(found, texts) if texts else found


def check_values(raw: bytes, most: int) -> None:
    """Check in steps that JSON has not far more than *most* values.

    Raises:
        TooManyValuesError: It has.
        ValueError: It is no JSON, as far as that was seen.
    """
    for _ in _outline(raw, most, []):
        pass


def _outline(raw: bytes, most: int, texts: list[str]) -> Iterator[str]:
    """Yield the JSON with marks in place of its long texts, which go to *texts*."""
    strings = begun = kept = at = 0
    while True:
        quote = raw.find(b'"', at)
        begun += _begun(raw, at, len(raw) if quote < 0 else quote, 2 * most + 1)
        # A text is a value or the name of one, and each comma and each bracket is of one.
        if begun > 2 * most + 1 or strings > 2 * most:
            raise TooManyValuesError
        if quote < 0:
            break
        strings += 1
        pieces = [*_pieces(raw, quote + 1)]
        at = pieces[-1][1] + 1
        if at - quote > LONG:
            yield _decoded(raw, kept, quote)
            yield f'"{_MARK_JSON}{len(texts)}"'
            texts.append(_text(raw, pieces))
            kept = at
        elif _OWN_MARK.match(raw, quote + 1):
            raise HalfPairError
    yield _decoded(raw, kept, len(raw))


def _begun(raw: bytes, start: int, end: int, enough: int) -> int:
    """Return how many commas and opening brackets there are, or a number above *enough*."""
    found = 0
    for at in range(start, end, STEP):
        stop = min(at + STEP, end)
        found += sum(raw.count(one, at, stop) for one in (b",", b"[", b"{"))
        if found > enough:
            break
    return found


def _pieces(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the pieces of the text that begins at *at*; none cuts an escape.

    Raises:
        ValueError: It does not end, or has an escape that JSON does not know.
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
    """Return *end*, or where the character begins that it stands in; not before *start*."""
    for at in range(end, max(start, end - 4), -1):
        if raw[at : at + 1] < b"\x80" or raw[at] >> 6 != _CONTINUES:
            return at
    return end  # no UTF-8


def _text(raw: bytes, pieces: list[tuple[int, int]]) -> str:
    """Return the text that stands in some pieces of JSON."""
    found: list[str] = []
    for begin, end in pieces:
        text = json.loads(f'"{_decoded(raw, begin, end)}"')
        if found and "\udc00" <= text[:1] <= "\udfff" and "\ud800" <= found[-1][-1:] <= "\udbff":
            # Two escapes in a row are one character.
            pair = (found[-1][-1] + text[0]).encode("utf-16", "surrogatepass")
            found[-1] = found[-1][:-1]
            text = pair.decode("utf-16") + text[1:]
        found.append(text)
    return "".join(found)


def _decoded(raw: bytes, begin: int, end: int) -> str:
    try:
        return raw[begin:end].decode("utf-8")
    except UnicodeDecodeError as error:
        error.start += begin
        raise


def _restored(value: Any, texts: list[str]) -> Any:
    if isinstance(value, dict):
        return {_restored(name, texts): _restored(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [_restored(one, texts) for one in value]
    if isinstance(value, str) and value.startswith(_MARK):
        return texts[int(value[1:])]
    return value
