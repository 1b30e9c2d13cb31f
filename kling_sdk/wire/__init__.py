"""One object per wire form: where to call, what to send, how to read the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kling_sdk.results import Page, Task
from kling_sdk.wire.messages import Call, Reply
from kling_sdk.wire.relay import RelayDialect
from kling_sdk.wire.v1 import KlingDialect

if TYPE_CHECKING:
    from kling_sdk.endpoints import RawRequest, VideoRequest

__all__ = ["Call", "Dialect", "KlingDialect", "RelayDialect", "Reply"]


class Dialect(Protocol):
    """What a wire form must be able to say and to read."""

    @property
    def name(self) -> str:
        """A word for logs and reprs."""
        ...

    @property
    def default_base_url(self) -> str:
        """Where to call when nothing else is said."""
        ...

    @property
    def max_page_size(self) -> int:
        """Most tasks on one page."""
        ...

    @property
    def sends_request_id(self) -> bool:
        """Whether each attempt carries an `x-request-id`, which the server may repeat."""
        ...

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints that can be asked for an external id, one by one."""
        ...

    def create(self, request: VideoRequest | RawRequest, external_task_id: str) -> Call:
        """Return the call that creates a task."""
        ...

    def get(self, endpoint: str, task_id: str) -> Call:
        """Return the call that reads one task."""
        ...

    def list(self, endpoint: str, page: int, page_size: int, before: int | None) -> Call:
        """Return the call that reads one page of tasks."""
        ...

    def account_costs(self, start_ms: int, end_ms: int, pack_name: str | None) -> Call:
        """Return the call that reads the account's resource packs."""
        ...

    def data(self, reply: Reply) -> Any:
        """Return a reply's payload, or raise what the server refused."""
        ...

    def task(self, reply: Reply, endpoint: str) -> Task:
        """Return the task in a reply."""
        ...

    def page(self, reply: Reply, endpoint: str, page: int, page_size: int) -> Page:
        """Return the page in a reply."""
        ...
