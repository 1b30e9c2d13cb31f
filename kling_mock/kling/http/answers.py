"""What a request is answered, and its line in the journal."""

from __future__ import annotations

from typing import NamedTuple

from kling_mock.journal.bodies import BODY_KEPT, keep
from kling_mock.journal.entries import Entry
from kling_mock.kling.world import World

__all__ = ["Answer", "record"]


class Answer(NamedTuple):
    """What a request is answered.

    Attributes:
        http: The HTTP status; 0 if no answer goes out.
        code: The service code.
        request_id: What the envelope calls the request.
        account: The account's name; "" if the request is not authenticated.
        body: The envelope.
        sent: The request's body.
        retry_after: Seconds for a `Retry-After` header; `None` sends none.
    """

    http: int
    code: int
    request_id: str
    account: str
    body: bytes
    sent: bytes = b""
    retry_after: int | None = None


def record(
    world: World,
    now: float,
    method: str,
    path: str,
    query: str,
    answer: Answer,
    fault: str = "",
) -> None:
    """Write one request and its answer into the journal."""
    world.journal.add(
        Entry(
            now,
            method,
            path,
            query,
            answer.http,
            answer.code,
            answer.request_id,
            answer.account,
            keep(answer.sent),
            answer.body[:BODY_KEPT],
            fault,
        )
    )
