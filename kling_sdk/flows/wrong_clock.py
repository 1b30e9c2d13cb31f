"""Correction of a wrong clock: the server's time, for tokens and nothing else.

By the server's clock, a token is valid from 5 s before to 1800 s after it was made. When the server
refuses one (1003, 1004) and tells its own time, a client takes the difference into account from
then on. This happens once: a second `Date` changes nothing. Callbacks, expiry and deadlines still
go by this computer's clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kling_sdk.auth import NOT_BEFORE, AccessKey, CallKeys, Keyring
from kling_sdk.errors import KlingAPIError
from kling_sdk.flows.context import Context, log
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import http_date

#: The code for a token that is not valid yet by the server's clock, and that for one that has
#: expired; and in which direction the server's clock is wrong then.
TOKEN_REFUSED: Final = {1003: -1, 1004: 1}
MAX_CORRECTION: Final = 3600.0  # s


def server_time(reply: Reply) -> float | None:
    """Return the server's time by a reply, in seconds since the Unix epoch.

    None where a `Date` proves nothing: an intermediary may have written it, or it comes from a
    cache.
    """
    if not reply.is_authentic or "age" in reply.headers:
        return None
    return http_date(reply.headers.get("date", ""))


def correct_clock(ctx: Context, keys: Keyring | CallKeys, error: KlingAPIError) -> None:
    """Make tokens by the server's time from now on, if a wrong clock can be why one was refused."""
    ring = keys.ring if isinstance(keys, CallKeys) else keys
    ahead = _ahead(ctx)
    if ring.ahead is not None or not isinstance(keys.current, AccessKey):
        return
    if NOT_BEFORE < ahead * TOKEN_REFUSED[error.code] <= MAX_CORRECTION:
        ring.ahead = ahead
        log.warning("%s; from now on tokens use the server's time", _both_times(ctx))


def name_both_times(ctx: Context, error: KlingAPIError) -> None:
    """Add both clocks' times to an error, if they differ by more than is corrected."""
    if error.code in TOKEN_REFUSED and abs(_ahead(ctx)) > MAX_CORRECTION:
        error.reword(f"{error.message}; {_both_times(ctx)}; set this computer's clock")


def _ahead(ctx: Context) -> float:
    # A clock that the program was given is in step with the emulator, or knows better.
    if ctx.server.time is None or not ctx.is_real_time:
        return 0.0
    return ctx.server.time - ctx.time()


def _both_times(ctx: Context) -> str:
    server, own = (
        datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds")
        for seconds in (ctx.server.time or 0.0, ctx.time())
    )
    return f"the server's clock says {server}, this computer's {own}"
