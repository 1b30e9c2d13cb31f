"""How calls look over the wire: one object per interface, which makes calls and reads replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from kling_sdk.results import Page, Task
from kling_sdk.wire.messages import HttpCall, Reply
from kling_sdk.wire.relay import RelayWire
from kling_sdk.wire.v1 import V1Wire

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord

__all__ = ["WIRES", "HttpCall", "RelayWire", "Reply", "V1Wire", "Wire"]


class Wire(Protocol):
    """What an interface's calls and replies are made with."""

    @property
    def name(self) -> str:
        """A name for logs and reprs."""
        ...

    @property
    def default_base_url(self) -> str:
        """Where to call when no URL is given."""
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
    def shares_external_ids(self) -> bool:
        """Whether an id that another endpoint has used is looked up there."""
        ...

    def create(self, request: Request | RawRequest, external_task_id: str) -> HttpCall:
        """Return the call that creates a task."""
        ...

    def get(self, record: EndpointRecord, task_id: str) -> HttpCall:
        """Return the call that reads one task."""
        ...

    def list(
        self, record: EndpointRecord, page: int, page_size: int, before: int | None
    ) -> HttpCall:
        """Return the call that reads one page of tasks."""
        ...

    def account_costs(self, start_ms: int, end_ms: int, pack_name: str | None) -> HttpCall:
        """Return the call that reads the account's resource packs."""
        ...

    def data(self, reply: Reply) -> Any:
        """Return a reply's payload, or raise what the server refused."""
        ...

    def task(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the task in a reply."""
        ...

    def page(self, reply: Reply, record: EndpointRecord, page: int, page_size: int) -> Page:
        """Return the page in a reply."""
        ...


#: The vendor's interfaces, by the name that an `EndpointRecord` gives.
WIRES: Final[dict[str, Wire]] = {"v1": V1Wire()}
