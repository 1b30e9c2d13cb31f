"""Messages of the service: kept, but for what they repeat of private values."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.vocabulary import is_setting, vocabulary

__all__ = ["MessageFilter"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_QUOTED: Final = re.compile(r"(?<!\w)'([^']{1,2000})'(?!\w)|\"([^\"]{1,2000})\"")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
# What is an id whatever it stands for: many digits, or digits and letters without meaning.
_ID: Final = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{12,}|[0-9]{6,}")
_WORD: Final = re.compile(r"[^\W\d_]{2,}|\w{4,}")
_FINAL: Final = re.compile("\0([0-9]+)\0")
_SHORT: Final = 4  # characters; a shorter value is only looked for between other characters
_LONG: Final = 5  # letters
_NO_WORDS: Final = re.compile(r"[0-9a-f-]*")
_BEGINNING: Final = 8  # characters of a value, by which a shortened one is found


class MessageFilter:
    """Takes private values out of messages.

    Args:
        names: What stands for each of them.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._words: set[str] = set()
        self._seen: set[str] = set()

    def apply(self, text: str) -> str:
        """Return *text* with its ids, addresses and private words replaced."""
        if not text or text in vocabulary().values:  # as every success has it
            return text
        self._learn()
        kept: list[str] = []

        def keep(made: str) -> str:
            kept.append(made)
            return f"\0{len(kept) - 1}\0"

        text = text.replace("\0", "\ufffd")
        text = _URL.sub(lambda found: keep(self._names.url(found[0])), text)
        text = self._replace_values(text, keep)
        text = _QUOTED.sub(lambda found: self._quoted(found, keep), text)
        for pattern in (_ADDRESS, _ID):
            text = pattern.sub(lambda found: self._id(found[0], keep), text)
        text = _WORD.sub(self._word, text)
        while _FINAL.search(text):
            text = _FINAL.sub(lambda found: kept[int(found[1])], text)
        return text

    def _learn(self) -> None:
        """Take note of the words of all values that were replaced until now."""
        for given, _ in self._names.replaced:
            if given not in self._seen:
                self._seen.add(given)
                self._words.update(_words(given))
                self._words.update(_pairs(given))

    def _replace_values(self, text: str, keep: Callable[[str], str]) -> str:
        for given, made in sorted(self._names.replaced, key=lambda pair: -len(pair[0])):
            if given in text:
                if len(given) >= _SHORT:
                    text = text.replace(given, keep(made))
                elif given.lower() not in vocabulary().words:
                    parts = re.split(rf"(?<!\w){re.escape(given)}(?!\w)", text)
                    text = keep(made).join(parts) if len(parts) > 1 else text
            elif given[:_BEGINNING] in text and len(made) == len(given) > _BEGINNING:
                at, end = text.index(given[:_BEGINNING]), _BEGINNING
                while text[at + end : at + end + 1] == given[end]:  # it is nowhere as a whole
                    end += 1
                text = f"{text[:at]}{keep(made[:end])}{text[at + end :]}"
        return text

    def _quoted(self, found: re.Match[str], keep: Callable[[str], str]) -> str:
        inner = found[1] or found[2]
        if "\0" in inner or is_setting(inner) or inner in vocabulary().fields:
            return found[0]
        return f"{found[0][0]}{keep(self._names.text(inner))}{found[0][-1]}"

    def _id(self, found: str, keep: Callable[[str], str]) -> str:
        known = is_setting(found) or found in vocabulary().path
        return found if known else keep(self._names.text(found))

    def _word(self, found: re.Match[str]) -> str:
        word = found[0].lower()
        if word in vocabulary().words or is_setting(found[0]):
            return found[0]
        if word in self._words or any(pair in self._words for pair in _pairs(found[0])):
            return self._names.text(found[0])
        return found[0]


def _words(text: str) -> set[str]:
    """Return the words of *text*; of an id only long ones, since any letters may stand in it."""
    words = {word.lower() for word in _WORD.findall(text)}
    if _NO_WORDS.fullmatch(text) is not None:
        return set()
    is_id = " " not in text and any(char.isdigit() for char in text)
    return {word for word in words if len(word) >= _LONG} if is_id else words


def _pairs(text: str) -> set[str]:
    """Return the pairs of neighbours in *text* that are no Latin letters.

    Scripts without spaces have words of two letters.
    """
    return {a + b for a, b in pairwise(text) if min(a, b) >= "\u2e80"}
