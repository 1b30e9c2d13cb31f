"""Sessions: what a call without a task leaves behind for a later request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kling_mock.kling.model.accounts import Account

__all__ = ["KEPT", "CallSession", "Sessions"]

#: Sessions that are kept at most; the oldest go first.
KEPT = 10_000


class CallSession(NamedTuple):
    """One session.

    Attributes:
        session_id: 18 digits.
        account: Whose it is.
        kind: The endpoint that opened it.
        ends: Unix seconds on the server's clock at which it ends.
        data: What its kind remembers.
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

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, account: Account, kind: str, ends: float, data: Any) -> CallSession:
        """Open a session, and forget the oldest one if there are too many."""
        session = CallSession(self._new_id(), account, kind, ends, data)
        self._by_id[session.session_id] = session
        if len(self._by_id) > KEPT:
            del self._by_id[next(iter(self._by_id))]
        return session

    def any(self, kind: str, session_id: str, now: float) -> CallSession | None:
        """Return the session of this kind, whoever's it is, unless it has ended by *now*."""
        session = self._by_id.get(session_id)
        return None if session is None else self.find(session.account, kind, session_id, now)

    def find(self, account: Account, kind: str, session_id: str, now: float) -> CallSession | None:
        """Return the account's session of this kind, unless it has ended by *now*."""
        session = self._by_id.get(session_id)
        if session is None or session.account is not account or session.kind != kind:
            return None
        if session.ends <= now:
            del self._by_id[session_id]
            return None
        return session
