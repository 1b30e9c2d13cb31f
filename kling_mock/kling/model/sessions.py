"""Sessions: the state that a call without a task leaves behind for later requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.plan import NO_SIZE

if TYPE_CHECKING:  # most servers never make a mask
    from kling_mock.kling.media.mask import Disc

#: The maximum number of sessions kept; the oldest are dropped first.
KEPT = 10_000
#: The kind of a session that stands for a file.
FILES = "file"


class CallFile(NamedTuple):
    """A file that a call without a task has made.

    Attributes:
        type: `video`, `image` or `audio`.
        size: Width and height of a video or an image in pixels.
        discs: The discs of an image that is a mask; `None` for an ordinary image.
        seconds: Length of a video or of a sound.
        fps: Frames per second of a video.
        endpoint: The endpoint whose call has made a video; the video shows its name.
    """

    type: OutputType
    size: tuple[int, int] = NO_SIZE
    discs: tuple[Disc, ...] | None = None
    seconds: float = 0.0
    fps: int = 30
    endpoint: str = ""


class CallSession(NamedTuple):
    """One session.

    Attributes:
        session_id: 18 digits.
        account: The account that owns it.
        kind: The endpoint that opened it.
        ends: Unix seconds on the server's clock at which it ends.
        data: The data that its kind keeps.
    """

    session_id: str
    account: Account
    kind: str
    ends: float
    data: Any


class Sessions:
    """The sessions of one world.

    Args:
        new_id: Returns an id that was not used before.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._by_id: dict[str, CallSession] = {}
        self._ended: dict[str, None] = {}  # the ids of ended sessions, the newest last

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, account: Account, kind: str, ends: float, data: Any) -> CallSession:
        """Open a session, and drop the oldest one if there are too many."""
        session = CallSession(self._new_id(), account, kind, ends, data)
        self._by_id[session.session_id] = session
        if len(self._by_id) > KEPT:
            del self._by_id[next(iter(self._by_id))]
        return session

    def keep_file(self, account: Account, ends: float, file: CallFile) -> str:
        """Keep a file that a call has made; return the id that its URL has."""
        return self.open(account, FILES, ends, file).session_id

    def find_file(self, file_id: str, now: float) -> tuple[CallFile, float] | None:
        """Return a file and when it ends, unless it has ended by *now*; no key is required."""
        session = self._by_id.get(file_id)
        if session is None:
            return None
        live_session = self.find(session.account, FILES, file_id, now)
        return None if live_session is None else (live_session.data, live_session.ends)

    def find(self, account: Account, kind: str, session_id: str, now: float) -> CallSession | None:
        """Return the account's session of this kind, unless it has ended by *now*."""
        session = self._by_id.get(session_id)
        if session is None or session.account is not account or session.kind != kind:
            return None
        if session.ends <= now:
            del self._by_id[session_id]
            self._ended[session_id] = None
            if len(self._ended) > KEPT:
                del self._ended[next(iter(self._ended))]
            return None
        return session

    def had_file(self, file_id: str) -> bool:
        """Return whether there is a file of this id, or was one not long ago."""
        return file_id in self._by_id or file_id in self._ended
