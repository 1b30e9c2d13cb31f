"""What was asked and answered: a bounded record, kept without credentials."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["DEFAULT_SIZE", "Entry", "Journal"]

DEFAULT_SIZE = 2_000  # entries
BODY_KEPT = 4_096  # bytes of each body: an inline image would fill the memory


class Entry(NamedTuple):
    """One request and its answer. The `Authorization` header is never kept.

    Attributes:
        at: When it was answered, Unix seconds on the mock's clock.
        method: The HTTP method.
        path: The path as it was sent, without the query.
        query: The query as it was sent; "" if there was none.
        status: The HTTP status of the answer; 0 if a fault kept it from being served.
        code: The service code of the answer; 0 is success.
        request_id: What the answer's envelope calls this request.
        account: The account's name; "" if the request was not authenticated.
        request: The first bytes of the request's body.
        response: The first bytes of the answer's body.
        fault: The faults that happened to it, with a "+" between; "" if none did. What is
            here as the answer is what the server meant to say.
    """

    at: float
    method: str
    path: str
    query: str
    status: int
    code: int
    request_id: str
    account: str
    request: bytes
    response: bytes
    fault: str = ""


class Journal:
    """The newest requests, oldest first.

    Args:
        size: How many entries are kept.
    """

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._total = 0

    def add(self, entry: Entry) -> None:
        """Append one entry; the oldest one makes room."""
        self._entries.append(entry)
        self._total += 1

    def clear(self) -> None:
        """Forget all entries; `total` goes on counting."""
        self._entries.clear()

    @property
    def total(self) -> int:
        """How many entries were ever added, also those that are no longer kept."""
        return self._total

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        # A copy: the server may add entries while a test reads.
        return iter(tuple(self._entries))

    def __getitem__(self, position: int) -> Entry:
        return self._entries[position]

    def __repr__(self) -> str:
        return f"<Journal of {self._total} requests, {len(self)} kept>"
