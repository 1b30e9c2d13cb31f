"""The context of flows, and the events that they report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple

import attrs

from kling_sdk.auth import ApiKey, CallKeys, Keyring
from kling_sdk.errors import KlingError, RequestValidationError
from kling_sdk.flows.board import Board
from kling_sdk.flows.effects import Flow, T
from kling_sdk.flows.identity import Server
from kling_sdk.flows.retry import SHORTEST, Policy
from kling_sdk.flows.spending import Spending
from kling_sdk.hooks import PendingHooks, notify
from kling_sdk.options import Options
from kling_sdk.results.task import Task
from kling_sdk.text.printable import log
from kling_sdk.wire import WIRES, HttpCall, V1Wire

if TYPE_CHECKING:
    from random import Random

    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord

__all__ = ["Context", "Event", "Operation", "log"]

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen
class Event:
    """Something a client did, for metrics and traces. Holds no secret, prompt or signature.

    Attributes:
        kind: `request` (about to be sent), `response` (came), `retry` (will be repeated),
            `poll` (a wait polled), `task` (a task's status changed).
        method: HTTP method.
        path: Path without query; of a download, the URL without query.
        attempt: Counted from 1.
        status: HTTP status of a response.
        pause: Seconds until the repeat.
        error: The error because of which the call is repeated.
        task: The task as it is now.
    """

    kind: Literal["request", "response", "retry", "poll", "task"]
    method: str = ""
    path: str = ""
    attempt: int = 1
    status: int | None = None
    pause: float | None = None
    error: KlingError | None = None
    task: Task | None = None


@attrs.frozen(eq=False)
class Context:
    """The context of a flow: whom and where to call, the time, randomness, the settings."""

    wire: V1Wire
    keys: Keyring | CallKeys
    options: Options
    time: Callable[[], float]
    monotonic: Callable[[], float]
    random: Random
    cancelled: Callable[[], bool] = bool
    server: Server = attrs.field(factory=Server)
    board: Board = attrs.field(factory=Board)
    headers: Mapping[str, str] = _NONE
    #: The API keys among *keys*, which the interface with the model in the path takes; None when
    #: there is none.
    api_keys: Keyring | None = None
    #: Whether the server is one that has that interface.
    has_model_path: bool = True
    #: Whether the time is the computer's, not that of a clock which the program has passed in.
    is_real_time: bool = False
    #: Models and endpoints that may have gone, of which the client has warned.
    warned: set[str] = attrs.field(factory=set)
    #: The units that the client has set aside, shared with the clients of `with_options`.
    spending: Spending = attrs.field(factory=Spending)
    #: Results of the hooks of an async call, still to be awaited; None for a sync call.
    pending: PendingHooks | None = None

    @property
    def policy(self) -> Policy:
        """The rules for repeating a failed call."""
        return Policy(
            self.options.retries,
            self.random.random,
            self.server.answered,
            self.server.reached,
            self.options.wait_for_server,
            min(SHORTEST, self.options.timeout / 4),
        )

    @property
    def is_relay(self) -> bool:
        """Whether a relay is called: it serves the endpoints of every interface."""
        return self.wire.name == "relay"

    def wire_for(self, record: EndpointRecord) -> V1Wire:
        """Return the wire by which tasks of an endpoint are queried."""
        return self.wire if self.is_relay else WIRES[record.interface]

    def wire_of(self, request: Request | RawRequest) -> V1Wire:
        """Return the wire by which a request is sent.

        Raises:
            RequestValidationError: its interface does not have the product, or cannot be reached
                with these keys at this server.
        """
        from kling_sdk.endpoints.interfaces import interface_for  # only creates need it

        if self.is_relay:
            return self.wire
        interface = interface_for(request)
        if interface == "model-path":
            self.require_model_path(request.model)
        elif request.record.solution is not None:
            self.require_model_path(path=request.record.path)
        return WIRES[interface]

    @property
    def ring(self) -> Keyring:
        """All keys of the client."""
        return self.keys.ring if isinstance(self.keys, CallKeys) else self.keys

    def ring_for(self, call: HttpCall) -> Keyring:
        """Return the keys that may sign a call.

        Raises:
            RequestValidationError: there is no such key, or the server is known not to take the
                call.
        """
        if not call.needs_api_key:
            return self.ring
        self.require_model_path(path=call.path)
        assert self.api_keys is not None  # noqa: S101 - as was just required
        return self.api_keys

    @property
    def can_ask_tasks(self) -> bool:
        """Whether tasks of any product can be asked for at `/tasks`."""
        if isinstance(self.keys, CallKeys):  # a create asks with the key that has sent it
            has_key = isinstance(self.keys.current, ApiKey)
        else:
            has_key = self.api_keys is not None
        return has_key and self.has_model_path and not self.is_relay

    def require_model_path(self, model: str = "", path: str = "/tasks") -> None:
        """Refuse a call to the vendor's newer interface that cannot succeed.

        Args:
            model: The model of a video; "" for a call without one.
            path: The path of the call.

        Raises:
            RequestValidationError: there is no API key, or the server is known not to have that
                interface.
        """
        if self.api_keys is not None and self.has_model_path:
            return
        from kling_sdk.endpoints.interfaces import v1_name_of  # as above

        what = f"model {model}" if model else path
        field = "model_name" if model else "api_key"
        if self.has_model_path:
            limit, expected = f"{what} takes an API key, not a key pair", "an API key"
        else:
            limit = f"{what} is not served by api.klingai.com, which has /v1 only"
            expected = "region='global' or 'cn'"
        if (other := v1_name_of(model)) is not None:
            expected = f"{expected}, or model_name={other!r}, the same model on /v1"
        raise RequestValidationError(field, limit, expected, f"{limit}; expected {expected}")

    def wait_seconds(self, record: EndpointRecord | None) -> float:
        """Return how long a wait for a task may take; None stands for an unknown endpoint."""
        timeout = self.options.wait_timeout
        if timeout is not None:
            return timeout
        if record is not None:
            return record.wait_timeout
        from kling_sdk.endpoints.record import WAIT_TIMEOUT

        return WAIT_TIMEOUT

    def hastened(self, seconds: float) -> float:
        """Return a pause of a wait, shortened to what an emulator asks for; see `Server`."""
        poll_after = self.server.poll_after
        return seconds if poll_after is None else min(seconds, poll_after)

    def emit(self, event: Event) -> None:
        """Call the event hook, if there is one."""
        self.call(self.options.on_event, event, "on_event failed at %r", event.kind)

    def call(self, hook: Callable[[Any], object] | None, news: object, *failed: Any) -> None:
        """Call a hook of the caller's, if there is one; see `notify`."""
        if hook is None:
            return
        result = notify(hook, (news,), lambda error: log.error(*failed, exc_info=error))
        if result is not None and self.pending is not None:
            self.pending.append(result)

    def until(self, seconds: float) -> float:
        """Return the monotonic time *seconds* from now."""
        return self.monotonic() + seconds


class Operation(NamedTuple, Generic[T]):
    """One call of the user's: the flow that makes it, and what a trace may say of it.

    Attributes:
        name: The method's name.
        start: Returns the flow.
        endpoint: The endpoint, such as `text2video`; "" when there is none.
        about: Facts known before the call starts, such as the model; nothing private.
    """

    name: str
    start: Callable[[Context], Flow[T]]
    endpoint: str = ""
    about: Mapping[str, str | int] = _NONE
