"""A client's settings, and the small flows that need no room of their own.

Pure: the environment and the clock are arguments.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import urlsplit

import attrs

from kling_sdk.auth import AccessKey, Keyring, parse_keys
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context, Event, Flow, Operation, Options, Randomness, once, repeat
from kling_sdk.flows.identity import Server
from kling_sdk.results import Download, ResourcePack, Task, Video
from kling_sdk.transports import Clock, SystemClock
from kling_sdk.wire import Call, Dialect, KlingDialect, RelayDialect, Reply
from kling_sdk.wire.v1 import packs_from

if TYPE_CHECKING:
    from kling_sdk.endpoints import VideoRequest

__all__ = ["Changes", "Settings", "settings_from"]


class Changes(TypedDict, total=False):
    """What `with_options` and the constructors take; see `Options` for each."""

    timeout: float
    deadline: float
    create_deadline: float
    retries: int | None
    wait_timeout: float
    first_look: float | None
    poll_interval: tuple[float, float]
    on_update: Callable[[Task], object] | None
    if_exists: Literal["return", "error"]
    reuse_connections: bool
    look_up: bool
    check: bool
    max_download: int
    on_event: Callable[[Event], object] | None
    trace: bool
    tracer_provider: Any
    traceparent: bool
    cancel: threading.Event | None


def _context_of(settings: Settings) -> Context:
    return Context(
        settings.dialect,
        settings.keys,
        settings.options,
        settings.clock.time,
        settings.clock.monotonic,
        settings.random,
        settings.cancel.is_set if settings.cancel is not None else bool,
        settings.server,
    )


@attrs.frozen(eq=False)
class Settings:
    """Everything a client is made of, but for its connections."""

    dialect: Dialect
    keys: Keyring
    base_url: str
    clock: Clock
    options: Options
    random: Randomness
    cancel: threading.Event | None = None
    server: Server = attrs.field(factory=Server)
    _context: Context = attrs.field(
        init=False, repr=False, default=attrs.Factory(_context_of, takes_self=True)
    )

    def context(self, changes: Mapping[str, Any]) -> Context:
        """Return what flows need, with some options changed."""
        if not changes:
            return self._context
        return attrs.evolve(self._context, options=_options(self.options, changes))

    def changed(self, changes: Changes) -> Settings:
        """Return these settings with some changed."""
        wanted = dict(changes)
        cancel: Any = wanted.pop("cancel", self.cancel)
        return attrs.evolve(self, options=_options(self.options, wanted), cancel=cancel)


def _options(before: Options, changes: Mapping[str, Any]) -> Options:
    known = attrs.fields_dict(Options)
    for name, value in changes.items():
        if name not in known:
            raise TypeError(f"unknown option {name!r}; accepted: {', '.join(known)}, cancel")
        _check_option(name, value)
    return attrs.evolve(before, **changes)


_NUMBERS = frozenset({"timeout", "deadline", "create_deadline", "wait_timeout", "max_download"})
_NUMBERS_OR_NONE = frozenset({"retries", "first_look"})


def _check_option(name: str, value: object) -> None:
    if name == "poll_interval":
        pair = value if isinstance(value, tuple | list) and len(value) == 2 else ()
        if not (pair and all(map(_is_number, pair)) and 0 <= pair[0] <= pair[1]):
            raise ValueError(f"poll_interval is {value!r:.40}; accepted: (shortest, longest) in s")
    elif name == "if_exists":
        if value not in {"return", "error"}:
            raise ValueError(f'if_exists is {value!r:.40}; it must be "return" or "error"')
    elif name in _NUMBERS or (name in _NUMBERS_OR_NONE and value is not None):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} is a {type(value).__name__}; accepted: a number")
        if not value >= 0:
            raise ValueError(f"{name} is {value}; accepted: 0 or more")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def settings_from(
    environment: Mapping[str, str],
    key: str | None,
    access_key: str | None,
    secret_key: str | None,
    api_key: str | None,
    base_url: str | None,
    clock: Clock | None,
    changes: Changes,
    *,
    relay: bool = False,
) -> Settings:
    """Return the settings of a new client.

    Raises:
        ValueError: there is no key, or the URL is none.
    """
    import random  # not needed to import the package

    dialect: Dialect = RelayDialect() if relay else KlingDialect()
    settings = Settings(
        dialect=dialect,
        keys=_keyring(environment, key, access_key, secret_key, api_key),
        base_url=_base_url(base_url or environment.get("KLING_BASE_URL"), dialect),
        clock=clock or SystemClock(),
        options=Options(),
        # Ids must differ also between processes forked from one.
        random=random.SystemRandom(),
    )
    return settings.changed(changes)


def _keyring(
    environment: Mapping[str, str],
    key: str | None,
    access_key: str | None,
    secret_key: str | None,
    api_key: str | None,
) -> Keyring:
    if not (key or access_key or secret_key or api_key):
        access_key = environment.get("KLING_ACCESS_KEY")
        secret_key = environment.get("KLING_SECRET_KEY")
        if not (access_key and secret_key):
            api_key = environment.get("KLING_API_KEY")
    elif bool(key) + bool(api_key) + bool(access_key or secret_key) > 1:
        raise ValueError(
            "several keys given; accepted: one of key, access_key with secret_key, api_key"
        )
    if access_key and secret_key:
        return Keyring((AccessKey(access_key.strip(), secret_key.strip()),))
    if key or api_key:
        return Keyring(parse_keys(key or api_key or ""))
    raise ValueError(
        "no key; accepted: Kling('AK|SK'), access_key= and secret_key=, api_key=, or the "
        "environment's KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"
    )


def _base_url(url: str | None, dialect: Dialect) -> str:
    url = (url or dialect.default_base_url).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("base_url is not an http(s) URL of a host, such as https://example.com")
    if parts.username or parts.password:
        raise ValueError("base_url holds a password; accepted: a URL without user info")
    return url


def wait_changes(
    timeout: float | None, on_update: Callable[[Task], object] | None = None
) -> dict[str, Any]:
    """Return the options that the parameters of a wait stand for."""
    given = {"wait_timeout": timeout, "on_update": on_update}
    return {name: value for name, value in given.items() if value is not None}


def request_operation(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Any]:
    """Return the operation of `client.request`."""

    def start(ctx: Context) -> Flow[Any]:
        send = repeat if method.upper() in {"GET", "HEAD"} else once
        return send(ctx, _call(method, path, json, params), ctx.dialect.data)

    return Operation("request", start)


def raw_operation(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Reply]:
    """Return the operation of `client.request_raw`."""
    return Operation(
        "request_raw",
        lambda ctx: once(ctx, _call(method, path, json, params), lambda reply: reply),
    )


def _call(method: str, path: str, json: Any, params: Mapping[str, str | int] | None) -> Call:
    # The key goes along, so it must not be possible to name another host.
    if not path.startswith("/") or path.startswith("//"):
        raise RequestValidationError("path", "is not a path", "a path such as /v1/videos/lip-sync")
    return Call(method.upper(), path, params=params, json=json)


def costs_operation(
    start: datetime | int, end: datetime | int, pack_name: str | None
) -> Operation[tuple[ResourcePack, ...]]:
    """Return the operation of `client.account_costs`."""

    def flow(ctx: Context) -> Flow[tuple[ResourcePack, ...]]:
        call = ctx.dialect.account_costs(_milliseconds(start), _milliseconds(end), pack_name)
        return repeat(ctx, call, lambda reply: packs_from(ctx.dialect.data(reply)))

    return Operation("account_costs", flow)


def _milliseconds(when: datetime | int) -> int:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise RequestValidationError("start", "is a datetime without zone", "an aware datetime")
        return round(when.timestamp() * 1000)
    return when


def many_operation(
    name: str, work: Iterable[VideoRequest | Task], max_concurrent: int | None = None
) -> Operation[None]:
    """Return the operation of `client.wait_all`, `as_completed` or `run_many`."""
    from kling_sdk.flows.many import many  # loads what most programs never use

    if max_concurrent is not None and max_concurrent < 1:
        raise ValueError(f"max_concurrent is {max_concurrent}; accepted: 1 or more, or None")
    items = list(work)
    from kling_sdk.endpoints import VideoRequest

    wanted = VideoRequest if name == "run_many" else Task
    for item in items:
        if not isinstance(item, wanted):
            raise TypeError(f"{name} takes {wanted.__name__} objects, not a {type(item).__name__}")
    about = {"tasks": len(items)}
    return Operation(name, lambda ctx: many(ctx, items, max_concurrent), about=about)


def download_operation(video: Video | str, path: str | os.PathLike[str]) -> Operation[Download]:
    """Return the operation of `client.download`, which opens the file when it starts."""
    from kling_sdk.files.target import FileTarget, place_for  # as above
    from kling_sdk.flows.download import download

    given: object = video  # a caller may not run a type checker
    if not isinstance(given, Video | str):
        raise TypeError(
            "download takes a Video, such as task.videos[0], or a URL, "
            f"not a {type(given).__name__}"
        )
    url, place = (video if isinstance(video, str) else video.url), place_for(video, path)

    def start(ctx: Context) -> Flow[Download]:
        return download(ctx, url, partial(FileTarget, place, ctx.options.max_download))

    return Operation("download", start)
