"""The interfaces of the vendor: their paths, their envelopes, and tasks in their replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.web.facts import Fact
from kling_mock.web.openapi import Parameter, Schema

OperationKind = Literal["create", "get", "list", "reply", "presets", "delete"]


class EndpointRoute(NamedTuple):
    """One call.

    Attributes:
        method: The HTTP method.
        path: The path; its last part may be a parameter in braces.
        operation: What the call does: `reply` is answered without a task, `presets` lists the
            library items that every account has, and `delete` deletes an item of a library.
    """

    method: str
    path: str
    operation: OperationKind


class InterfaceSchemas(NamedTuple):
    """The replies of an interface as JSON Schemas.

    Attributes:
        components: Schemas that others refer to, by name.
        envelope: Returns the schema of a success that carries this `data`.
        refused: Returns the schema of a refusal with one of these codes.
        created: The name of the `data` of a create request.
        task: The name of a task.
        paging: The query parameters of a list.
        shared_list: The name of the list, where all endpoints share one.
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
        name: The vendor's name for it.
        task_routes: Returns the calls of an endpoint that makes tasks, from its path.
        envelope: Returns the body of a reply, from code, message, request id and `data` (JSON,
            `None` leaves it out).
        api_key_only: Whether tokens of key pairs are refused.
        select: Returns the tasks that a list shows, from an account, an endpoint, a query and the
            endpoint's maximum page size. It refuses an invalid query.
        created: Returns the `data` of the reply to a create request.
        queried: Returns a task, with result URLs that begin with this origin.
        listed: Returns the `data` of a list, with such result URLs.
        reported: Returns the body of a report (callback) of a status with its message.
        without_external_id: Returns such a body, or that of a reply, without the members that
            contain the caller's own id; unchanged if there are none.
        named: Returns the ids that the query of a list names.
        schemas: The schemas of all these.
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
    schemas: InterfaceSchemas
    named: Callable[[str], Sequence[str]] = _no_names
    api_key_only: bool = False
