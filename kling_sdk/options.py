"""The options of a client: how long calls may take, how often they repeat, who is notified."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import attrs

from kling_sdk.hooks import check_hook
from kling_sdk.text.hidden import hide
from kling_sdk.text.spelling import nearest

if TYPE_CHECKING:
    from kling_sdk.flows.context import Event
    from kling_sdk.prices import Estimate
    from kling_sdk.results.task import Task

#: The options that `create`, `run` and `call` take beside a request's parameters, with the types.
CALL_OPTIONS: Final = {"timeout": "float | None", "extra_headers": "Mapping[str, str] | None"}

_NUMBERS: Final = frozenset({"timeout", "deadline", "create_deadline"})
_NUMBERS_OR_NONE: Final = frozenset(
    {"first_look", "wait_timeout", "download_timeout", "max_download"}
)

#: The type of a ceiling of units, and its name: a float is not exact.
UNITS: Final = (int | Decimal, "a whole number, a Decimal, or None")
#: Options that take some kinds of numbers, or None.
_KINDS: Final = {"retries": (int, "a whole number, or None"), "max_units": UNITS}
_FLAGS: Final = frozenset(
    {"wait_for_server", "reuse_connections", "look_up", "check", "trace", "traceparent"}
)

# RFC 9110: a name is a token; a value is visible, with spaces and tabs inside.
# The patterns are texts, so that `re` compiles them only if there are headers.
_HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_VALUE: Final = r"(?:[!-~](?:[\t -~]*[!-~])?)?"
#: Headers that the client or its HTTP library sets: for the key, the request's id, the body.
_OWN_HEADERS: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "x-request-id",
    }
)
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def _header_names(headers: Mapping[str, str]) -> str:
    return f"<{', '.join(headers)}>"  # a value may be a secret


def _to_headers(value: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return headers with their names in lower case.

    Raises:
        TypeError: it is not a mapping of texts.
        ValueError: a name or value cannot be sent, or the header is the client's own.
    """
    if value is None:
        return _NO_HEADERS
    argument: object = value  # a caller may not run a type checker
    if not isinstance(argument, Mapping):
        raise TypeError(f"extra_headers is a {type(value).__name__}; it must be a mapping")
    headers: dict[str, str] = {}
    for name, text in argument.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError("extra_headers must have names and values that are text")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(
                f"extra_headers has {name}, which the client sets itself; leave it out"
            )
        if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(_HEADER_VALUE, text):
            raise ValueError(
                f"extra_headers cannot send {name!r:.60}; "
                "name and value must be printable ASCII without line breaks"
            )
        headers[name.lower()] = hide(text)
    return headers


@attrs.frozen
class Options:
    """Settings of calls. Clients take them by name; `client.with_options(...)` changes some.

    Attributes:
        timeout: Seconds one attempt may take, from connecting to the last byte; of a
            download, the longest silence.
        deadline: Seconds a get or list may take with all its repeats.
        create_deadline: Seconds a create may take with all its repeats.
        retries: Maximum number of repeats of a call; None leaves it to the deadline,
            0 never repeats.
        wait_for_server: True for a server that may still be starting: an address where nothing
            listens, or whose host is not known yet, is tried until the deadline instead of three
            times.
        wait_timeout: Seconds a wait may take; None takes what is known of the endpoint, which is
            7200 for videos: some were seen to take an hour.
        first_look: Seconds after its creation at which a waited-for task is first polled; None
            takes half of the typical time. Not used for many tasks together.
        poll_interval: Shortest and longest pause between two polls, in seconds. The pause of a
            single wait grows from the shortest to the longest. Many tasks are polled
            together: after the shortest pause while one request shows them all, twice that for
            two requests, 10 s for more, and after a tenth of the time in which nothing has
            changed if that is longer; never sooner than the shortest, nor later than the
            longest or 10 s. An emulator may ask for shorter pauses, of 10 ms or more; the real
            service does not.
        on_update: Called with the task whenever its status has changed. What it raises is
            logged, and ends nothing.
        if_exists: For a create whose `external_task_id` an earlier create has used:
            "return" the earlier task, marked as `reused`, or "error" for `AlreadyExistsError`.
        reuse_connections: True to send creates over connections that were used before. That
            saves a handshake; a refusal is then confirmed by a look-up.
        look_up: False for an `OutcomeUnknownError` as soon as the outcome of a create is
            uncertain, for callers that find out by themselves.
        check: False to send requests unchecked; see `Request.check`.
        extra_headers: Further headers of each call, except those that the client sets itself
            (`authorization`, `content-type`, `x-request-id`, ...). They never go to the host of
            a file.
        download_timeout: Seconds a download may take with all its repeats; None sets no limit
            but that of `timeout` on each silence.
        max_download: Maximum size of a download in bytes; None for 4 GiB to a file or a stream,
            and 256 MiB to memory.
        max_units: Maximum units that creates and calls may cost together, by their estimates; one
            that does not fit, or whose price is not known, is not sent (`SpendingError`). What a
            client has spent counts for its threads, tasks and the clients of its `with_options`,
            in this process; a refused create costs nothing, nor does a task that an earlier one
            made or that has failed; `spent` has the sum. None sets no limit; the environment's
            `KLING_MAX_UNITS` is the default.
        confirm: Called with the `Estimate` of a request before it is sent: anything but a true
            value ends it as `SpendingError`. It may be asynchronous for an `AsyncKling`;
            `run_many` of a sync client calls it from several threads.
        on_event: Called with each `Event`; by a sync client's `run_many`, `wait_all` and
            `as_completed` from several threads.
        trace: False to make no OpenTelemetry spans. True makes one per call once the
            program has loaded OpenTelemetry's API.
        tracer_provider: The destination of spans; None takes OpenTelemetry's global provider.
        traceparent: True to send the span's `traceparent` to the server, which a relay of
            your own may continue. It never goes to the host of a file.
        cancel: An event that ends waits and pauses between attempts when it is set.

    Raises:
        TypeError: a value has another type, or a hook cannot be called.
        ValueError: a number is negative, or a value is not one of those above.
    """

    timeout: float = 30.0
    deadline: float = 60.0
    create_deadline: float = 120.0
    retries: int | None = None
    wait_for_server: bool = False
    wait_timeout: float | None = None
    first_look: float | None = None
    poll_interval: tuple[float, float] = (3.0, 15.0)
    on_update: Callable[[Task], object] | None = None
    if_exists: Literal["return", "error"] = "return"
    reuse_connections: bool = False
    look_up: bool = True
    check: bool = True
    extra_headers: Mapping[str, str] = attrs.field(
        default=_NO_HEADERS, converter=_to_headers, repr=_header_names
    )
    download_timeout: float | None = None
    max_download: int | None = None
    max_units: Decimal | int | None = None
    confirm: Callable[[Estimate], object] | None = None
    on_event: Callable[[Event], object] | None = None
    trace: bool = True
    tracer_provider: Any = None
    traceparent: bool = False
    cancel: threading.Event | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in attrs.fields_dict(type(self)):
            _check(name, getattr(self, name))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return these options with some changed."""
        for name in changes:
            if name not in attrs.fields_dict(type(self)):
                names = attrs.fields_dict(type(self))
                suggestion = nearest(name, names)
                hint = (
                    f"did you mean {suggestion!r}?"
                    if suggestion
                    else f"expected {', '.join(names)}"
                )
                raise TypeError(f"unknown option {name!r}; {hint}")
        return attrs.evolve(self, **changes)


def _check(name: str, value: object) -> None:
    if name == "poll_interval":
        pair = value if isinstance(value, tuple | list) and len(value) == 2 else ()
        if not (pair and all(map(_is_number, pair)) and 0 <= pair[0] <= pair[1]):
            raise ValueError(
                f"poll_interval is {value!r:.40}; it must be (shortest, longest) in seconds"
            )
    elif name == "if_exists":
        if value not in {"return", "error"}:
            raise ValueError(f'if_exists is {value!r:.40}; it must be "return" or "error"')
    elif name in _KINDS and value is not None:
        check_number(name, value, *_KINDS[name])
    elif name in _NUMBERS or (name in _NUMBERS_OR_NONE and value is not None):
        check_number(name, value, int | float, "a number")
    elif name in _FLAGS:
        check_flag(name, value)
    elif name in {"on_update", "on_event", "confirm"}:
        check_hook(name, value, is_async=True)  # the client decides whether it may be
    elif name == "cancel" and value is not None and not hasattr(value, "is_set"):
        raise TypeError(f"cancel is a {type(value).__name__}; it must be a threading.Event")


def check_flag(name: str, value: object) -> None:
    """Raise a `TypeError` unless *value* is a bool: a word such as "no" would count as True."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}; it must be True or False")


def check_number(name: str, value: Any, kind: Any, expected: str, least: int = 0) -> None:
    """Raise a `TypeError` or `ValueError` unless *value* is of *kind*, and *least* or more."""
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__}; it must be {expected}")
    if (isinstance(value, Decimal) and value.is_nan()) or not value >= least:
        raise ValueError(f"{name} is {value}; it must be {least} or more")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
