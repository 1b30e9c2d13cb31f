"""Fetching a file whole: when to resume, when to start over, when to give up.

The bytes go to a sink; this module only makes decisions. A signed URL is never shown, and no key is
sent along: the file's host is not the API's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from kling_sdk.errors import DownloadError, TransportError
from kling_sdk.flows.context import Context, Event, log
from kling_sdk.flows.effects import LONGEST, Fetch, Flow, Sink, Sleep, Work
from kling_sdk.results.task import redact_url
from kling_sdk.text.hidden import hide
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import retry_after

_IDLE_ATTEMPTS: Final = 5  # attempts without a single new byte before giving up
_REDIRECTS: Final = 5
_REDIRECT: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({401, 403, 404, 410})


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Target(Sink, Protocol[T_co]):
    """A file in the making, which becomes a result."""

    received: int
    total: int | None
    validator: str | None

    def verify(self, *, is_tls: bool) -> None:
        """Raise `TransportError` if the bytes, which are complete, are not a file."""
        ...

    def finish(self) -> T_co:
        """Return the result; a file on disk is moved to its place."""
        ...

    def discard(self) -> None:
        """Remove the received bytes, unless they became a result."""
        ...


def download(ctx: Context, url: str, begin: Callable[[], Target[T]]) -> Flow[T]:
    """Fetch *url* into the target that *begin* opens: here, so that it is closed here.

    Raises:
        DownloadError: the file is gone, empty, a page, too large, cut short, its host does not
            answer, or `options.download_timeout` is over.
    """
    target = begin()
    try:
        yield from _attempts(ctx, url, target)
        result: T = yield Work(target.finish)
        return result
    finally:
        target.discard()


def _attempts(ctx: Context, source: str, target: Target[object]) -> Flow[None]:
    limit = ctx.options.download_timeout
    until = math.inf if limit is None else ctx.until(limit)
    url = source
    idle = redirects = furthest = 0
    attempt = 1
    while True:
        reply: Reply | None = None
        trouble = TransportError("the transfer was cut short")
        try:
            reply = yield from _fetch(ctx, _call(url, target), target, attempt, until)
            if _is_whole(reply, target):
                target.verify(is_tls=url.lower().startswith("https:"))
                return
        except TransportError as error:
            trouble = error
        if reply is not None:
            if reply.status in _REDIRECT and redirects < _REDIRECTS:
                redirects += 1
                url = _moved(url, reply.headers.get("location", ""))
                continue
            _raise_if_hopeless(reply, url)
            if reply.status == 416:
                # Nothing follows the received bytes, although more was announced.
                target.validator = None  # so the next attempt starts over
            if reply.status >= 300:
                trouble = TransportError(f"HTTP {reply.status}")
        # Only progress beyond the furthest byte counts: a host that always starts over would
        # otherwise never come to an end.
        idle = 0 if target.received > furthest else idle + 1
        furthest = max(furthest, target.received)
        left = until - ctx.monotonic()
        pause = None if trouble.is_final else _pause(ctx, reply, idle, left)
        if pause is None:
            why = trouble if left > 0 else f"it took longer than download_timeout, {limit:g} s"
            raise _failed(f"{why}, after {target.received} bytes", url, reply)
        redacted = redact_url(url)
        log.info("download of %s: %s, after byte %d", redacted, trouble, target.received)
        ctx.emit(Event("retry", "GET", redacted, attempt, pause=pause, error=trouble))
        yield Sleep(pause)
        if ctx.cancelled():
            raise _failed("cancelled", url, reply)
        url, redirects = source, 0  # the target of the redirect may have expired meanwhile
        attempt += 1


def _fetch(
    ctx: Context, call: HttpCall, target: Target[object], attempt: int, until: float
) -> Flow[Reply]:
    redacted = redact_url(call.path)
    ctx.emit(Event("request", "GET", redacted, attempt))
    left = max(0.001, until - ctx.monotonic())
    reply: Reply = yield Fetch(call, target, min(ctx.options.timeout, left, LONGEST), left)
    log.debug("download of %s: HTTP %d, attempt %d", redacted, reply.status, attempt)
    ctx.emit(Event("response", "GET", redacted, attempt, status=reply.status))
    return reply


def _pause(ctx: Context, reply: Reply | None, idle: int, left: float) -> float | None:
    """Return the seconds until the next attempt, or None to give up; *left* is the time left."""
    retries = ctx.options.retries
    max_attempts = _IDLE_ATTEMPTS if retries is None else retries + 1
    if idle >= max_attempts or retries == 0 or ctx.cancelled():
        return None
    pause = ctx.policy.pause(TransportError("cut short"), max(1, idle), float("inf")) or 0.0
    server_pause = (retry_after(reply) if reply is not None else None) or 0.0
    pause = max(pause, server_pause)
    return pause if server_pause <= ctx.options.deadline and pause < left else None


def _moved(url: str, location: str) -> str:
    try:
        return hide(urljoin(url, location))
    except ValueError:
        return hide(location)  # not a URL; `_call` refuses it


def _call(url: str, target: Target[object]) -> HttpCall:
    try:
        url.encode()  # fails for half of a surrogate pair
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in {"http", "https"}:
        raise DownloadError(f"cannot fetch {redact_url(url)!r}; expected an http(s) URL")
    headers = {"accept-encoding": "identity", "accept": "*/*"}
    # Without a strong validator the server could answer with the rest of another file.
    if target.received and target.validator:
        headers["range"] = f"bytes={target.received}-"
        headers["if-range"] = target.validator
    return HttpCall("GET", url, headers=headers)


def _is_whole(reply: Reply, target: Target[object]) -> bool:
    return reply.status in {200, 206} and target.total in {None, target.received}


def _raise_if_hopeless(reply: Reply, url: str) -> None:
    if reply.status in _GONE:
        raise _failed(
            f"HTTP {reply.status}: the URL has expired or is not valid; "
            "get the task again for a new one (files are kept 30 days)",
            url,
            reply,
        )
    transient = reply.status in {200, 206, 408, 416, 425, 429} or reply.status >= 500
    if not transient:
        raise _failed(f"HTTP {reply.status}", url, reply)


def _failed(why: str, url: str, reply: Reply | None) -> DownloadError:
    status = reply.status if reply is not None else None
    return DownloadError(f"{redact_url(url)}: {why}", http_status=status)
