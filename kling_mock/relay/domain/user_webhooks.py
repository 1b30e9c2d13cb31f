"""What the relay tells its own users about their tasks: bodies, signatures, retries. Pure.

The body is Kling's own, with the relay's ids, so whoever reads Kling's callbacks reads these
(`kling_sdk.parse_callback` too). They are signed as Standard Webhooks asks.
"""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any, Final, NamedTuple

from kling_mock.storage.values import NewNotice, Notice, NoticeState, TaskResult, VideoRow
from kling_mock.web.decimals import bounded_decimal

__all__ = ["DELAYS", "Verdict", "after_attempt", "notice_of", "user_secret"]

#: Seconds from one attempt to the next: eight attempts over 28 hours (Svix's schedule).
DELAYS: Final = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
_JITTER: Final = 0.1
_LONGEST_WAIT: Final = 24 * 3600  # seconds of a Retry-After that are believed


def notice_of(row: VideoRow, result: TaskResult, now: int) -> NewNotice | None:
    """Return what the row's user is told when *result* ends it; `None` if nobody asked."""
    if row.callback_url is None:
        return None
    video = {"id": result.video_id, "url": result.store_url, "duration": result.duration}
    body: dict[str, Any] = {
        "task_id": row.task_id,
        "kling_task_id": row.kling_task_id or result.kling_task_id or "",
        "task_status": result.status,
        "task_status_msg": result.fail_reason,
        "task_info": {"external_task_id": row.external_task_id or ""},
        "task_result": {"videos": [video]} if result.status == "succeed" else {},
        "created_at": row.created_at * 1000,
        "updated_at": now * 1000,
    }
    text = json.dumps(body, ensure_ascii=False)
    return NewNotice(event_id=f"msg_{row.task_id}", url=row.callback_url, body=text)


def user_secret(secret: bytes, user_id: int) -> str:
    """Return the `whsec_` secret of one user.

    It is derived, so none is stored, and no user can sign for another one.

    Args:
        secret: The relay's own secret.
        user_id: Whose.
    """
    key = hmac.digest(secret, f"callbacks of user {user_id}".encode(), "sha256")
    return f"whsec_{base64.b64encode(key).decode()}"


class Verdict(NamedTuple):
    """What becomes of a notice after an attempt.

    Attributes:
        state: Where it is now.
        wait: Seconds to the next attempt, for `PENDING`.
    """

    state: NoticeState
    wait: int = 0


def after_attempt(notice: Notice, status: int, retry_after: str, chance: float) -> Verdict:
    """Return what becomes of *notice* after an attempt was answered.

    Only 2xx is a success. 410 asks to stop. Everything else is tried again, also 3xx: a
    redirect is not followed, since it could lead inside.

    Args:
        notice: As it was claimed.
        status: The HTTP status; 0 if no answer came.
        retry_after: The answer's `Retry-After`; "" if it had none. Dates are not understood.
        chance: A number from 0 up to 1.
    """
    if 200 <= status < 300:
        return Verdict(NoticeState.DELIVERED)
    if status == 410:
        return Verdict(NoticeState.GONE)
    if notice.attempts >= len(DELAYS):
        return Verdict(NoticeState.DEAD)
    wait = DELAYS[notice.attempts] * (1 + _JITTER * chance)
    return Verdict(NoticeState.PENDING, round(max(wait, _asked(retry_after))))


def _asked(retry_after: str) -> float:
    seconds = bounded_decimal(retry_after)
    return float(seconds) if seconds is not None and 0 < seconds <= _LONGEST_WAIT else 0.0
