"""Pseudonyms for the private values of a session, one for each value.

A pseudonym depends on the value and on the session's salt alone, so that a server that plays the
session back finds the pseudonyms of the values that its own clients send.

A text becomes one of the same length and script that does not reveal it. Each letter and digit is
replaced by one of its own kind, chosen by a hash of the whole text; spaces, punctuation and
references such as `<<<image_1>>>` stay. The text cannot be computed from what is kept: a reader of
the file can only guess a whole text, and check whether it matches.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from kling_mock.web.addresses import is_http_url

# References in a prompt, and its division into shots. An `@id` that reveals nothing stays; any
# other is an id, which is replaced in the same way as where it is declared.
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
    (0xD800, 0xDFFF, _PRIVATE),  # half of a surrogate pair, which cannot be encoded in a file
    (0xF900, 0xFAFF, _HAN),
    (0x1F000, 0x1F3FA, _EMOJI),
    (0x1F400, 0x1FAFF, _EMOJI),
    (0x20000, 0x3FFFF, _HAN),
)
_STAY: Final = frozenset("\u200d\ufe0e\ufe0f")  # joiners and variation selectors of emoji
_KEPT_CATEGORIES: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Sm", "Sc", "Sk"})


def can_change(text: str) -> bool:
    """Return whether *text* has anything to replace."""
    return any(_alphabet(char) for char in _REFERENCE.sub("", text)) or any(
        match[2] for match in _REFERENCE.finditer(text)
    )


def disguise(salt: bytes, text: str, attempt: int, reference: Callable[[str], str]) -> str:
    """Return another text of the same length, script and references.

    Args:
        salt: The salt, on which the choice also depends.
        text: Any text.
        attempt: A number; each gives a different text.
        reference: Replaces the id of a reference such as `@hero`.
    """
    seed = b"\0".join((salt, str(attempt).encode(), text.encode("utf-8", "surrogatepass")))
    stream = memoryview(hashlib.shake_256(seed).digest(3 * len(text)))
    is_hexadecimal = _HEXADECIMAL.fullmatch(text) is not None
    is_number = _WHOLE_NUMBER.fullmatch(text) is not None
    pieces: list[str] = []

    def replace(start: int, stop: int) -> None:
        for at in range(start, stop):
            char = text[at]
            alphabet = _alphabet(char)
            if is_hexadecimal and char.isalpha():
                alphabet = "abcdef"
            elif is_number and at == 0:
                alphabet = "12345678"  # 19 digits stay below 2**63
            chosen = int.from_bytes(stream[3 * at : 3 * at + 3], "big")
            pieces.append(alphabet[chosen % len(alphabet)] if alphabet else char)

    end = 0
    for match in _REFERENCE.finditer(text):
        replace(end, match.start())
        pieces.append(match[0] if match[1] else f"@{reference(match[2])}")
        end = match.end()
    replace(end, len(text))
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _alphabet(char: str) -> str:
    """Return the characters that may replace *char*; "" if it stays."""
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
    # Small alphabets have a block of their own. In a large one, a small block would reveal much
    # about a letter.
    width = 256 if code < 0x1200 else 4096
    first = code - code % width
    same = (chr(point) for point in range(max(first, 0x80), first + width))
    alphabet = "".join(char for char in same if unicodedata.category(char) == category)
    return "" if category == "Cn" or len(alphabet) < 2 else alphabet


MEDIA_HOST: Final = "media.test"
_CALLBACK_HOST: Final = "callback.test"
_ENOUGH: Final = 200  # attempts, in which all short texts of a kind may be taken
_SCHEME: Final = re.compile(r"(https?|ftp|file|data|s3|gs|oss)(?=:)", re.IGNORECASE)
_EXTENSION: Final = re.compile(
    r"\.(png|jpe?g|webp|gif|bmp|mp4|mov|mp3|wav|m4a|aac)$", re.IGNORECASE
)
_DAY: Final = 24 * 3600
_PLAUSIBLE: Final = (1_420_000_000, 4_102_000_000)  # Unix seconds: 2015 to 2099


class Pseudonyms:
    """The pseudonyms of one session.

    Args:
        salt: The salt of the session.
        known: Pseudonyms that stay as they are: those of a session that is played back.

    Attributes:
        shift: Seconds by which all times of the session are moved into the past. A whole
            number, so that whole seconds stay whole.
    """

    def __init__(self, salt: bytes, known: Collection[str] = ()) -> None:
        self._salt = salt
        self._known = known
        self._pseudonyms: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self.shift = int.from_bytes(self._hash(b"time")[:4], "big") % (400 * _DAY) + _DAY

    def text(self, original: str) -> str:
        """Return the pseudonym of a text or an id, of the same length and script."""
        if not original or original in self._known:
            return original
        pseudonym = self._pseudonyms.get(original)
        if pseudonym is None:
            pseudonym = self._pseudonyms[original] = next(
                candidate
                for candidate in self._candidates(original)
                if self._originals.setdefault(candidate, original) == original
            )
        return pseudonym

    def _candidates(self, original: str) -> Iterator[str]:
        changes = can_change(original)
        for attempt in range(_ENOUGH):
            candidate = disguise(self._salt, original, attempt, self.text)
            if candidate != original or not changes:
                yield candidate
        attempt = 0
        while True:  # no free pseudonym of the same length was found
            yield f"{disguise(self._salt, original, attempt, self.text)}{attempt}"
            attempt += 1

    def whole(self, number: int) -> int:
        """Return the pseudonym of an id that is a number."""
        return -self.whole(-number) if number < 0 else int(self.text(str(number)))

    def url(self, url: str, *, callback: bool = False) -> str:
        """Return the pseudonym of a URL, of the same scheme and file type.

        Args:
            url: The URL; if it cannot be called, neither can its pseudonym.
            callback: Whether it is the address of callbacks.
        """
        if url in self._known:
            return url
        scheme = _SCHEME.match(url)
        if scheme is None or not is_http_url(url):
            head = "" if scheme is None else scheme[0]
            return f"{head}{self.text(url[len(head) :])}"
        path = re.split(r"[?#]", url, maxsplit=1)[0]
        extension = _EXTENSION.search(path)
        host = _CALLBACK_HOST if callback else MEDIA_HOST
        kind = "" if extension is None else extension[0].lower()
        return f"{scheme[0]}://{host}/{self.digest(url)}{kind}"

    def time(self, instant: int) -> int:
        """Return an instant shifted by the amount that is the same for the whole session.

        Args:
            instant: Unix seconds or milliseconds. A number outside the plausible range is
                not an instant, and stays: a position in a video, or "never".
        """
        low, high = _PLAUSIBLE
        if low <= instant < high:
            return instant - self.shift
        return instant - 1000 * self.shift if low * 1000 <= instant < high * 1000 else instant

    def digest(self, content: str | bytes) -> str:
        """Return 16 hexadecimal digits that distinguish *content* from other contents."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        return self._hash(data).hex()[:16]

    @property
    def replaced(self) -> Iterator[tuple[str, str]]:
        """The texts that were replaced so far, each with its pseudonym."""
        return (
            (original, pseudonym)
            for original, pseudonym in self._pseudonyms.items()
            if original != pseudonym
        )

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._salt[:64], digest_size=32).digest()
