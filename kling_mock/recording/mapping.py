"""What stands for each private value of a session: always the same, and never the same for two.

The choice depends on the value and on the session's salt alone, so that a server that plays the
session back finds what stands for the values that its own clients send.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

from kling_mock.recording.texts import can_change, disguise
from kling_mock.web.addresses import is_http_url

__all__ = ["MEDIA_HOST", "Pseudonyms"]

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
        salt: The session's own.
        known: Pseudonyms that stand for themselves: those of a session that is played back.

    Attributes:
        shift: Seconds by which all times of the session are moved into the past. Whole ones, so
            that what is a whole number of seconds stays one.
    """

    def __init__(self, salt: bytes, known: Collection[str] = ()) -> None:
        self._salt = salt
        self._known = known
        self._made: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self.shift = int.from_bytes(self._hash(b"time")[:4], "big") % (400 * _DAY) + _DAY

    def text(self, given: str) -> str:
        """Return what stands for a text or an id: of the same length and script."""
        if not given or given in self._known:
            return given
        found = self._made.get(given)
        if found is None:
            found = self._made[given] = next(
                made
                for made in self._candidates(given)
                if self._taken.setdefault(made, given) == given
            )
        return found

    def _candidates(self, given: str) -> Iterator[str]:
        changes = can_change(given)
        for attempt in range(_ENOUGH):
            made = disguise(self._salt, given, attempt, self.text)
            if made != given or not changes:
                yield made
        attempt = 0
        while True:  # one of the same length is not to be had
            yield f"{disguise(self._salt, given, attempt, self.text)}{attempt}"
            attempt += 1

    def whole(self, given: int) -> int:
        """Return what stands for an id that is a number."""
        return -self.whole(-given) if given < 0 else int(self.text(str(given)))

    def url(self, given: str, *, callback: bool = False) -> str:
        """Return what stands for a URL: of the same scheme and kind of file.

        Args:
            given: The URL; one that cannot be called stays one that cannot be.
            callback: Whether it is where reports go.
        """
        if given in self._known:
            return given
        scheme = _SCHEME.match(given)
        if scheme is None or not is_http_url(given):
            head = "" if scheme is None else scheme[0]
            return f"{head}{self.text(given[len(head) :])}"
        path = re.split(r"[?#]", given, maxsplit=1)[0]
        extension = _EXTENSION.search(path)
        host = _CALLBACK_HOST if callback else MEDIA_HOST
        kind = "" if extension is None else extension[0].lower()
        return f"{scheme[0]}://{host}/{self.digest(given)}{kind}"

    def time(self, given: int) -> int:
        """Return what stands for an instant: shifted, by the same amount in the whole session.

        Args:
            given: Unix seconds or milliseconds. A number that cannot be a time of today's is none,
                and stays: a position in a video, or "never".
        """
        low, high = _PLAUSIBLE
        if low <= given < high:
            return given - self.shift
        return given - 1000 * self.shift if low * 1000 <= given < high * 1000 else given

    def digest(self, given: str | bytes) -> str:
        """Return 16 hexadecimal digits that tell *given* from others."""
        data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
        return self._hash(data).hex()[:16]

    @property
    def replaced(self) -> Iterator[tuple[str, str]]:
        """The texts that were replaced until now, and what stands for them."""
        return ((given, made) for given, made in self._made.items() if given != made)

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._salt[:64], digest_size=32).digest()
