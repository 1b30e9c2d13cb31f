"""Text of the same length and script as another one, which does not tell what that was.

Each letter and digit is replaced by one of its own kind, chosen by a hash of the whole text;
spaces, punctuation and references such as `<<<image_1>>>` stay. Nothing is kept that the text
could be computed from: who has the file can only guess a whole text, and see whether it fits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

__all__ = ["can_change", "disguise"]

# What a prompt refers to, and how it divides itself into shots. An `@id` that reveals nothing
# stays; any other is an id, which is replaced as it is where it is declared.
_KEPT: Final = re.compile(
    r"<<<(?:image|video|element|object|voice|subject)_[0-9]{1,3}>>>"
    r"|@?\b(?:image|video|element|object|voice|frame|audio|ref)_?[0-9]{1,3}(?![0-9A-Za-z_-])"
    r"|\bshot [0-9]{1,2}, ?[0-9]{1,2}(?:\.[0-9])?,"
)
_REFERENCE: Final = re.compile(rf"({_KEPT.pattern})|@([A-Za-z0-9_-]{{1,40}})")
_HEXADECIMAL: Final = re.compile(r"(?=.*[0-9])[0-9a-f-]{16,}")
_WHOLE_NUMBER: Final = re.compile(r"[1-9][0-9]*")

_HAN: Final = "".join(map(chr, range(0x4E00, 0x9FA6)))
_HIRAGANA: Final = "".join(map(chr, range(0x3041, 0x3097)))
_KATAKANA: Final = "".join(map(chr, range(0x30A1, 0x30FB)))
_HANGUL: Final = "".join(map(chr, range(0xAC00, 0xD7A4)))
_EMOJI: Final = "".join(map(chr, (*range(0x1F300, 0x1F3FB), *range(0x1F400, 0x1F650))))
_PRIVATE: Final = "".join(map(chr, range(0xE000, 0xE100)))
_POOLS: Final = (
    (0x3041, 0x3096, _HIRAGANA),
    (0x30A1, 0x30FA, _KATAKANA),
    (0x3400, 0x9FFF, _HAN),
    (0xAC00, 0xD7A3, _HANGUL),
    (0xD800, 0xDFFF, _PRIVATE),  # half of a surrogate pair, which no file can hold
    (0xF900, 0xFAFF, _HAN),
    (0x1F000, 0x1F3FA, _EMOJI),
    (0x1F400, 0x1FAFF, _EMOJI),
    (0x20000, 0x3FFFF, _HAN),
)
_STAY: Final = frozenset("\u200d\ufe0e\ufe0f")  # what joins emoji, and says how they look
_KEPT_CATEGORIES: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Sm", "Sc", "Sk"})


def can_change(text: str) -> bool:
    """Return whether *text* has anything that is replaced."""
    return any(_alphabet(char) for char in _REFERENCE.sub("", text)) or any(
        found[2] for found in _REFERENCE.finditer(text)
    )


def disguise(salt: bytes, text: str, attempt: int, reference: Callable[[str], str]) -> str:
    """Return another text of the same length, script and references.

    Args:
        salt: What the choice depends on besides.
        text: Any text.
        attempt: Another number, another text.
        reference: Replaces the id of a reference such as `@hero`.
    """
    seed = b"\0".join((salt, str(attempt).encode(), text.encode("utf-8", "surrogatepass")))
    stream = memoryview(hashlib.shake_256(seed).digest(3 * len(text)))
    is_hexadecimal = _HEXADECIMAL.fullmatch(text) is not None
    is_number = _WHOLE_NUMBER.fullmatch(text) is not None
    made: list[str] = []

    def replace(start: int, stop: int) -> None:
        for at in range(start, stop):
            char = text[at]
            alphabet = _alphabet(char)
            if is_hexadecimal and char.isalpha():
                alphabet = "abcdef"
            elif is_number and at == 0:
                alphabet = "12345678"  # 19 digits stay below 2**63
            chosen = int.from_bytes(stream[3 * at : 3 * at + 3], "big")
            made.append(alphabet[chosen % len(alphabet)] if alphabet else char)

    end = 0
    for found in _REFERENCE.finditer(text):
        replace(end, found.start())
        made.append(found[0] if found[1] else f"@{reference(found[2])}")
        end = found.end()
    replace(end, len(text))
    return "".join(made)


@lru_cache(maxsize=4096)
def _alphabet(char: str) -> str:
    """Return the characters that may take the place of *char*; "" if it stays."""
    for alphabet in (ascii_lowercase, ascii_uppercase, digits):
        if char in alphabet:
            return alphabet
    category = unicodedata.category(char)
    if char in _STAY or category in _KEPT_CATEGORIES or category.startswith("P") or char < "\x80":
        return ""
    code = ord(char)
    for first, last, pool in _POOLS:
        if first <= code <= last:
            return pool
    return _block(code, category)


@lru_cache(maxsize=256)
def _block(code: int, category: str) -> str:
    # Small alphabets have a block of their own. Of large ones a small block would tell much of a
    # letter.
    width = 256 if code < 0x1200 else 4096
    first = code - code % width
    same = (chr(one) for one in range(max(first, 0x80), first + width))
    found = "".join(char for char in same if unicodedata.category(char) == category)
    return "" if category == "Cn" or len(found) < 2 else found
