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
from kling_sdk.flows.identity import Server
from kling_sdk.wire.messages import http_date

#: The codes for a token that is not valid yet by the server's clock, and that has expired.
TOKEN_REFUSED: Final = frozenset({1003, 1004})


def server_time(server: Server) -> float | None:
    """Return the server's time by its last reply, in seconds since the Unix epoch, or None."""
    return http_date(server.date)


def name_both_times(ctx: Context, error: KlingAPIError) -> None:
    """Add both clocks' times to a token's refusal, if they differ by more than its reserve."""
    # A clock that the program has passed in is in step with the emulator, or knows better.
    if error.code not in TOKEN_REFUSED or not ctx.is_real_time:
        return
    now = server_time(ctx.server)
    if now is None:
        return
    times = now, ctx.time()
    if abs(times[0] - times[1]) > NOT_BEFORE:
        server, own = (
            datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds") for seconds in times
        )
        error.reword(
            f"{error.message}; the server's clock says {server}, this computer's {own}; "
            "set this computer's clock"
        )
