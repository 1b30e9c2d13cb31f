"""What an interface of the vendor's is: its paths, its envelope, and a task in its replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.web.facts import Fact
from kling_mock.web.openapi import Parameter, Schema

__all__ = ["EndpointRoute", "Interface", "InterfaceSchemas", "OperationKind"]

OperationKind = Literal["create", "get", "list", "reply", "presets", "delete"]


class EndpointRoute(NamedTuple):
    """One call.

    Attributes:
        method: The HTTP method.
        path: The path; its last part may be a parameter in braces.
        operation: What the call does: `reply` is one that is answered without a task, `presets`
            lists what every account has of a library, and `delete` deletes an item of one.
    """

    method: str
    path: str
    operation: OperationKind


class InterfaceSchemas(NamedTuple):
    """What the replies of an interface look like, as JSON Schema.

    Attributes:
        components: Schemas that others refer to, by name.
        envelope: Returns the schema of a success that carries this `data`.
        refused: Returns the schema of a refusal with one of these codes.
        created: The name of the `data` of a create request.
        task: The name of a task.
        paging: The query parameters of a list.
        shared_list: The name of the list, where all endpoints have one and the same.
        shared_list_fact: Where that list comes from.
    """

    components: Mapping[str, Schema]
    envelope: Callable[[Schema], dict[str, Any]]
    refused: Callable[..., dict[str, Any]]
    created: str
    task: str
    paging: tuple[Parameter, ...]
    shared_list: str = ""
    shared_list_fact: Fact | None = None


def _no_names(_query: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Interface:
    """One interface.

    Attributes:
        name: What the vendor calls it.
        task_routes: Returns the calls of an endpoint that makes tasks, from its path.
        envelope: Returns the body of a reply, from code, message, request id and `data` (JSON,
            `None` leaves it out).
        api_key_only: Whether tokens of key pairs are refused.
        select: Returns the tasks that a list shows, of an account, an endpoint, a query and the
            largest page of the endpoint. It refuses a query that is wrong.
        created: Returns the `data` of the reply to a create request.
        queried: Returns a task, with result URLs that begin with this origin.
        listed: Returns the `data` of a list, likewise.
        reported: Returns the body of a report (callback) of a status with its message.
        without_external_id: Returns such a body, or that of a reply, without what names the
            caller's own id; unchanged if there is nothing to leave out.
        described: Returns the prompt and the external id in the body of a create request, as far
            as they can be read.
        named: Returns the ids that the query of a list names.
        schemas: What all these look like.
    """

    name: str
    task_routes: Callable[[str], tuple[EndpointRoute, ...]]
    envelope: Callable[[int, str, str, str | None], bytes]
    select: Callable[[Tasks, Account, str, str, int], Sequence[EmulatedTask]]
    created: Callable[[EmulatedTask], str]
    queried: Callable[[EmulatedTask, str], str]
    listed: Callable[[Iterable[EmulatedTask], str], str]
    reported: Callable[[EmulatedTask, Status, str, str], bytes]
    without_external_id: Callable[[bytes], bytes]
    described: Callable[[Mapping[str, object]], tuple[str, str]]
    schemas: InterfaceSchemas
    named: Callable[[str], Sequence[str]] = _no_names
    api_key_only: bool = False
