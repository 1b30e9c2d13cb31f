"""A wrong clock: it is not corrected, but an error names the server's time and this computer's.

By the server's clock, a token is valid from 5 s before to 1800 s after it was made; else it is
refused (1003, 1004).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kling_sdk.auth import NOT_BEFORE
from kling_sdk.errors import KlingAPIError
from kling_sdk.flows.context import Context
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import http_date

#: The codes for a token that is not valid yet by the server's clock, and that has expired.
TOKEN_REFUSED: Final = frozenset({1003, 1004})


def server_time(reply: Reply) -> float | None:
    """Return the server's time by a reply, in seconds since the Unix epoch.

    None where its `Date` is missing, or that of a cache.
    """
    return None if "age" in reply.headers else http_date(reply.headers.get("date", ""))


def name_both_times(ctx: Context, error: KlingAPIError) -> None:
    """Add both clocks' times to a token's refusal, if they differ by more than its reserve."""
    # A clock that the program has passed in is in step with the emulator, or knows better.
    if error.code not in TOKEN_REFUSED or ctx.server.time is None or not ctx.is_real_time:
        return
    times = ctx.server.time, ctx.time()
    if abs(times[0] - times[1]) > NOT_BEFORE:
        server, own = (
            datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds") for seconds in times
        )
        error.reword(
            f"{error.message}; the server's clock says {server}, this computer's {own}; "
            "set this computer's clock"
        )
