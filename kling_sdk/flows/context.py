"""What flows are given, and what they report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, Protocol

import attrs

from kling_sdk.auth import ApiKey, CallKeys, Keyring
from kling_sdk.errors import KlingError, RequestValidationError
from kling_sdk.flows.board import Board
from kling_sdk.flows.effects import Flow, T
from kling_sdk.flows.identity import Server
from kling_sdk.flows.retry import Policy
from kling_sdk.options import Options
from kling_sdk.results import Task
from kling_sdk.wire import WIRES, HttpCall, Wire

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord

__all__ = ["Context", "Event", "Operation", "Randomness", "log"]

log: Final = logging.getLogger("kling_sdk")

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Randomness(Protocol):
    """The part of `random.Random` that flows use."""

    def random(self) -> float:
        """Return a number from 0 up to 1."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """Return *k* random bits."""
        ...


@attrs.frozen
class Event:
    """Something a client did, for metrics and traces. Holds no secret, prompt or signature.

    Attributes:
        kind: `request` (about to be sent), `response` (came), `retry` (will be repeated),
            `poll` (a wait looked), `task` (a task's status changed).
        method: HTTP method.
        path: Path without query; of a download, the URL without query.
        attempt: Counted from 1.
        status: HTTP status of a response.
        pause: Seconds until the repeat.
        error: What made it repeat.
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
    """What flows are given: who and where to call, the time, randomness, the settings."""

    wire: Wire
    keys: Keyring | CallKeys
    options: Options
    time: Callable[[], float]
    monotonic: Callable[[], float]
    random: Randomness
    cancelled: Callable[[], bool] = bool
    server: Server = attrs.field(factory=Server)
    board: Board = attrs.field(factory=Board)
    headers: Mapping[str, str] = _NONE
    #: The API keys among *keys*, which the interface with the model in the path takes; None when
    #: there is none.
    api_keys: Keyring | None = None
    #: Whether the server is one that has that interface.
    has_model_path: bool = True
    #: Whether time is the computer's, and not that of a clock which the program was given.
    is_real_time: bool = False
    #: Models and endpoints that may have gone, of which the client has warned.
    warned: set[str] = attrs.field(factory=set)

    @property
    def policy(self) -> Policy:
        """When to repeat a failed call."""
        return Policy(
            self.options.retries,
            self.random.random,
            self.server.answered,
            self.server.reached,
            self.options.wait_for_server,
        )

    @property
    def is_relay(self) -> bool:
        """Whether a relay is called: it serves the endpoints of every interface."""
        return self.wire.name == "relay"

    def wire_for(self, record: EndpointRecord) -> Wire:
        """Return how tasks of an endpoint are asked for."""
        return self.wire if self.is_relay else WIRES[record.interface]

    def wire_of(self, request: Request | RawRequest) -> Wire:
        """Return how a request is sent.

        Raises:
            RequestValidationError: its interface has no such product, or is not to be reached
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

    def ring_for(self, call: HttpCall) -> Keyring:
        """Return the keys that may sign a call.

        Raises:
            RequestValidationError: there is none, or the server is known not to take the call.
        """
        if not call.needs_api_key:
            return self.keys.ring if isinstance(self.keys, CallKeys) else self.keys
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
        """Refuse what would be sent to the vendor's newer interface in vain.

        Args:
            model: The model that is to make a video; "" for a call without one.
            path: What is called.

        Raises:
            RequestValidationError: there is no API key, or the server is known not to have it.
        """
        if self.api_keys is not None and self.has_model_path:
            return
        from kling_sdk.endpoints.interfaces import v1_name_of  # as above

        what = f"model {model}" if model else path
        field = "model_name" if model else "api_key"
        if self.has_model_path:
            limit, expected = f"{what} takes an API key, and no key pair", "an API key"
        else:
            limit = f"{what} is not served by api.klingai.com, which has /v1 only"
            expected = "region='global' or 'cn'"
        if (other := v1_name_of(model)) is not None:
            expected = f"{expected}, or model_name={other!r}, the same model on /v1"
        raise RequestValidationError(field, limit, expected, f"{limit}; expected {expected}")

    def wait_seconds(self, record: EndpointRecord | None) -> float:
        """Return how long a wait for a task may take; None is an endpoint that is not known."""
        given = self.options.wait_timeout
        if given is not None:
            return given
        if record is not None:
            return record.wait_timeout
        from kling_sdk.endpoints.record import WAIT_TIMEOUT

        return WAIT_TIMEOUT

    def hastened(self, seconds: float) -> float:
        """Return a pause of a wait, shortened to what an emulator asks for; see `Server`."""
        asked = self.server.poll_after
        return seconds if asked is None else min(seconds, asked)

    def emit(self, event: Event) -> None:
        """Call the event hook, if there is one."""
        if self.options.on_event is None:
            return
        try:
            self.options.on_event(event)
        except Exception:
            # Who watches must not cost a task that was paid for.
            log.exception("on_event failed at %r", event.kind)

    def until(self, seconds: float) -> float:
        """Return the monotonic time *seconds* from now."""
        return self.monotonic() + seconds


class Operation(NamedTuple, Generic[T]):
    """One call of the user's: the flow that makes it, and what a trace may say of it.

    Attributes:
        name: The method's name.
        start: Returns the flow.
        endpoint: The endpoint, such as `text2video`; "" when there is none.
        about: What is known before it starts, such as the model; nothing private.
    """

    name: str
    start: Callable[[Context], Flow[T]]
    endpoint: str = ""
    about: Mapping[str, str | int] = _NONE
