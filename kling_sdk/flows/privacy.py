"""A server's text, without the private texts of the request and the keys that it quotes.

An error's text ends up in logs and error reports. A server that refuses a prompt may quote
it, whole or in part, or name the signed URL of a picture; here these are cut out before the
text becomes an error. The rest stays.

What counts as a quotation: the whole prompt or key; something between quotation marks that is in
the prompt; twelve characters in a row that are in it, or four of a script that is written
without spaces. Fewer may be common words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from kling_sdk.results.task import redact_url

GAP: Final = "…"
RUN: Final = 12
DENSE_RUN: Final = 4

MAX_MESSAGE: Final = 2000  # characters of a message that are kept

# The patterns are texts, so that `re` compiles them only if there is an error to show.
_URL_OR_MEDIA: Final = r"(?i)(https?://[^\s\"'<>]+)|[A-Za-z0-9+/=_-]{100,}"
# Between quotation marks and brackets of any script: those of Unicode's Pi, Pf, Ps and Pe
# that are in use, and the straight ones.
_OPEN: Final = "\"'`\u2018\u201c\u300c\u300e\u300a\u3008\u3010<(["
_CLOSE: Final = "\"'`\u2019\u201d\u300d\u300f\u300b\u3009\u3011>)]"
_MARKS: Final = f"(?<=[{re.escape(_OPEN)}])[^{re.escape(_OPEN + _CLOSE)}]+"


def discreet(message: str, texts: Iterable[str], keys: Iterable[str] = ()) -> str:
    """Return a server's *message* without what it quotes of *texts* and *keys*, or signatures.

    Base64 is cut out too, and text beyond the length of any message.
    """
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + GAP
    message = re.sub(
        _URL_OR_MEDIA, lambda match: redact_url(url) if (url := match[1]) else GAP, message
    )
    for text in texts:
        message = _without(message, text.strip(), _whole, _in_marks, _runs)
    for key in keys:  # a number between quotation marks may happen to be in a key
        message = _without(message, key, _whole, _runs)
    return message


def _without(
    message: str, text: str, *searches: Callable[[str, str], Iterator[tuple[int, int]]]
) -> str:
    if not text:
        return message
    # Servers change the case of what they quote; a letter whose length changes with its case is
    # left.
    low, known = _lower(message), _lower(text)
    cut = bytearray(len(message))
    for start, end in (span for search in searches for span in search(low, known)):
        cut[start:end] = b"\x01" * (end - start)
    letters = [GAP if cut[at] else letter for at, letter in enumerate(message)]
    return re.sub(f"{GAP}{{2,}}", GAP, "".join(letters))


def _lower(text: str) -> str:
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _whole(message: str, text: str) -> Iterator[tuple[int, int]]:
    # A short prompt counts as quoted only where it stands as whole words; of a long one, any run of
    # letters counts.
    for match in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", message):
        yield match.span()


def _in_marks(message: str, text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(_MARKS, message):
        if match[0].strip() and match[0].strip() in text:
            yield match.span()


def _runs(message: str, text: str) -> Iterator[tuple[int, int]]:
    for size in (RUN, DENSE_RUN):
        for start in range(len(message) - size + 1):
            run = message[start : start + size]
            if _is_long(run) and run in text:
                yield start, start + size


def _is_long(text: str) -> bool:
    return len(text) >= RUN or (
        len(text) >= DENSE_RUN and all(letter > "\u2e7f" for letter in text)
    )
