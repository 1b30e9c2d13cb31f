"""How calls look over the wire: one object per interface, which makes calls and reads replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from kling_sdk.results import Page, Task
from kling_sdk.wire.messages import HttpCall, NameKind, Reply
from kling_sdk.wire.relay import RelayWire
from kling_sdk.wire.v1 import V1Wire

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord, Library

__all__ = [
    "WIRES",
    "HttpCall",
    "NameKind",
    "RelayWire",
    "Reply",
    "V1Wire",
    "Wire",
]


class Wire(Protocol):
    """What an interface's calls and replies are made with."""

    @property
    def name(self) -> str:
        """A name for logs and reprs."""
        ...

    @property
    def interface(self) -> str:
        """The interface's name, as in `Task.interface`."""
        ...

    @property
    def max_ids(self) -> int:
        """Most tasks that one call asks for by their ids."""
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

    def get(
        self, record: EndpointRecord, task_id: str, kind: NameKind = "either"
    ) -> tuple[HttpCall, ...]:
        """Return the calls that read one task; the first that knows it counts."""
        ...

    def list(
        self, record: EndpointRecord, page: int, page_size: int, after: str | None
    ) -> HttpCall:
        """Return the call that reads one page of tasks; *after* is a `Page.next_cursor`."""
        ...

    def delete(self, library: Library, item_id: str) -> HttpCall:
        """Return the call that deletes an item of a library."""
        ...

    def account_costs(self, start_ms: int, end_ms: int, pack_name: str | None) -> HttpCall:
        """Return the call that reads the account's resource packs."""
        ...

    def billing(self, kind: str, body: Mapping[str, Any]) -> HttpCall:
        """Return the call that reads what was deducted from the `balance` or from a `package`."""
        ...

    def data(self, reply: Reply) -> Any:
        """Return a reply's payload, or raise what the server refused."""
        ...

    def created(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the task in a reply to create."""
        ...

    def task(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the task in a reply to get."""
        ...

    def page(self, reply: Reply, record: EndpointRecord, page: int, page_size: int) -> Page:
        """Return the page in a reply."""
        ...


class _Wires(dict[str, Wire]):
    """Wires by name. Those of the newer interface are loaded by who uses them."""

    def __missing__(self, name: str) -> Wire:
        if name == "model-path":
            from kling_sdk.wire.model_path import MODEL_PATH

            return self.setdefault(name, MODEL_PATH)
        if name == "solutions":
            from kling_sdk.wire.solutions import SOLUTIONS_WIRE

            return self.setdefault(name, SOLUTIONS_WIRE)
        raise KeyError(name)


#: The vendor's interfaces, by the name that an `EndpointRecord` gives.
WIRES: Final[dict[str, Wire]] = _Wires(v1=V1Wire())
