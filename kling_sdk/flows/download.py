"""Fetching a file whole: when to resume, when to start over, when to give up.

The bytes go to a sink; here are only decisions. A signed URL is never shown, and no key
is sent along: the file's host is not the API's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from kling_sdk.errors import DownloadError, TransportError
from kling_sdk.flows.context import Context, Event, log
from kling_sdk.flows.effects import Fetch, Flow, Sink, Sleep, Work
from kling_sdk.results import redact_url
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import retry_after

__all__ = ["Target", "download"]

_IDLE_ATTEMPTS: Final = 5  # attempts without a single new byte before giving up
_REDIRECTS: Final = 5
_REDIRECT: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({401, 403, 404, 410})


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Target(Sink, Protocol[T_co]):
    """A file in the making, of which a result is made."""

    received: int
    total: int | None
    validator: str | None

    def verify(self) -> None:
        """Raise `TransportError` if the bytes, which are all there, are no file."""
        ...

    def finish(self) -> T_co:
        """Return the result; a file on disk is moved to its place."""
        ...

    def discard(self) -> None:
        """Remove what was received, if nothing was made of it."""
        ...


def download(ctx: Context, url: str, begin: Callable[[], Target[T]]) -> Flow[T]:
    """Fetch *url* into what *begin* opens, which happens here so that it is closed here.

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
                target.verify()
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
                # There is nothing behind what was received, though more was announced.
                target.validator = None  # so the next attempt begins again
            if reply.status >= 300:
                trouble = TransportError(f"HTTP {reply.status}")
        # Further than ever: a host that always begins again would else never come to an end.
        idle = 0 if target.received > furthest else idle + 1
        furthest = max(furthest, target.received)
        left = until - ctx.monotonic()
        pause = _pause(ctx, reply, idle, left)
        if pause is None:
            why = trouble if left > 0 else f"it took longer than download_timeout, {limit:g} s"
            raise _failed(f"{why}, after {target.received} bytes", url, reply)
        shown = redact_url(url)
        log.info("download of %s: %s, after byte %d", shown, trouble, target.received)
        ctx.emit(Event("retry", "GET", shown, attempt, pause=pause, error=trouble))
        yield Sleep(pause)
        if ctx.cancelled():
            raise _failed("cancelled", url, reply)
        url, redirects = source, 0  # where it led to may have expired meanwhile
        attempt += 1


def _fetch(
    ctx: Context, call: HttpCall, target: Target[object], attempt: int, until: float
) -> Flow[Reply]:
    shown = redact_url(call.path)
    ctx.emit(Event("request", "GET", shown, attempt))
    left = max(0.001, until - ctx.monotonic())
    reply: Reply = yield Fetch(call, target, min(ctx.options.timeout, left), left)
    log.debug("download of %s: HTTP %d, attempt %d", shown, reply.status, attempt)
    ctx.emit(Event("response", "GET", shown, attempt, status=reply.status))
    return reply


def _pause(ctx: Context, reply: Reply | None, idle: int, left: float) -> float | None:
    """Return the seconds until the next attempt, or None to give up; *left* are until the end."""
    retries = ctx.options.retries
    most = _IDLE_ATTEMPTS if retries is None else retries + 1
    if idle >= most or retries == 0 or ctx.cancelled():
        return None
    pause = ctx.policy.pause(TransportError("cut short"), max(1, idle), float("inf")) or 0.0
    wanted = (retry_after(reply) if reply is not None else None) or 0.0
    pause = max(pause, wanted)
    return pause if wanted <= ctx.options.deadline and pause < left else None


def _moved(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # no URL, which `_call` refuses


def _call(url: str, target: Target[object]) -> HttpCall:
    try:
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
            f"HTTP {reply.status}: the URL has expired or is not ours; "
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
