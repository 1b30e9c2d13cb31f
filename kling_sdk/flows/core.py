"""The one exchange that all flows are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, cast

from kling_sdk.auth import BEARER, CallKeys
from kling_sdk.errors import (
    KlingAPIError,
    KlingError,
    MismatchedReplyError,
    NotFoundError,
    TaskFailedError,
    TransportError,
    UnnamedReplyError,
)
from kling_sdk.flows.context import Context, Event, log
from kling_sdk.flows.effects import LONGEST, Flow, Send, Sleep, T
from kling_sdk.flows.privacy import discreet
from kling_sdk.flows.wrong_clock import TOKEN_REFUSED, name_both_times
from kling_sdk.text.hidden import private_texts
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import poll_after

_KEY_REFUSED = frozenset({1000, 1001, 1002})
#: The meaning of the same page for three attempts.
WRONG_ADDRESS: Final = (
    "each attempt got the same page, which is not the API's: base_url is probably wrong, "
    "or a proxy or firewall responds in its place"
)


def exchange(
    ctx: Context,
    call: HttpCall,
    read: Callable[[Reply], T],
    until: float,
    attempt: int = 1,
    *,
    fresh: bool = False,
) -> Flow[T]:
    """Send *call* once and read the reply; *fresh* opens a connection for it.

    A token that expired on the way, or is not valid yet by the server's clock, is minted
    again once; a key the server does not take gives way to the next one, if there is one. Both
    are refusals before anything happened, so this is still one attempt.
    """
    seen: set[int] = set()
    # The keys of a create are chosen with its call, and may be held to one key.
    keys = ctx.keys if isinstance(ctx.keys, CallKeys) else ctx.ring_for(call)
    turns = len(keys.keys) - 1
    while True:
        header = keys.header(ctx.time(), fresh=bool(seen))
        try:
            return (yield from _send(ctx, call, header, read, until, attempt, fresh))
        except KlingAPIError as error:
            secrets = (*ctx.ring.secrets(), header[len(BEARER) :])
            error.request_id = discreet(error.request_id, (), secrets)
            error.reword(discreet(error.message, private_texts(call.json), secrets))
            if error.code in TOKEN_REFUSED and error.code not in seen:
                seen.add(error.code)
            elif error.code in _KEY_REFUSED and turns and error.over_used_connection and not fresh:
                fresh = True  # it may be the reply to a request that another key has signed
            elif error.code in _KEY_REFUSED and turns > 0:
                turns -= 1
                keys.turn(header)
            else:
                name_both_times(ctx, error)
                raise


def _send(
    ctx: Context,
    call: HttpCall,
    header: str,
    read: Callable[[Reply], T],
    until: float,
    attempt: int,
    fresh: bool,  # noqa: FBT001 - private, and passed on from `exchange`
) -> Flow[T]:
    headers = {**call.headers, "authorization": header}
    if ctx.options.extra_headers:
        headers = {**ctx.options.extra_headers, **headers}
    if ctx.headers:
        headers.update(ctx.headers)
    request_id = ""
    if ctx.wire.sends_request_id:
        request_id = headers["x-request-id"] = f"{ctx.random.getrandbits(64):016x}"
        # Until the server has shown that it repeats the id, only a connection of its own
        # proves that a reply belongs to its call.
        fresh = fresh or not ctx.server.echoes
    signed = HttpCall(call.method, call.path, call.params, call.json, headers)
    timeout = max(0.001, min(ctx.options.timeout, until - ctx.monotonic(), LONGEST))
    watched = ctx.options.on_event is not None
    if watched:
        ctx.emit(Event("request", call.method, call.path, attempt))

    def received(reply: Reply) -> T:
        ctx.server.replied(reply)
        if ctx.is_real_time:  # any other clock is in step with the emulator, or knows better
            ctx.server.poll_after = poll_after(reply.headers) or ctx.server.poll_after
        log.debug("%s %s: HTTP %d, attempt %d", call.method, call.path, reply.status, attempt)
        if watched:
            ctx.emit(Event("response", call.method, call.path, attempt, status=reply.status))
        matched = (bool(request_id) and _is_echo(ctx, request_id, reply)) or reply.matched
        try:
            return read(
                Reply(
                    reply.status,
                    reply.headers,
                    reply.body,
                    call.path,
                    reply.fresh,
                    matched,
                    ctx.time() if reply.status >= 400 else None,  # no pause after a success
                )
            )
        except KlingAPIError as error:
            error.over_used_connection = not (matched or reply.fresh)
            raise

    try:
        return cast("T", (yield Send(signed, timeout, received, fresh)))
    except TransportError as error:
        ctx.server.failed(error)
        raise


def _is_echo(ctx: Context, sent: str, reply: Reply) -> bool:
    """Return whether the reply repeats the id that was sent.

    Raises:
        MismatchedReplyError: it has another id.
    """
    got = reply.headers.get("x-request-id")
    if got is None:
        return False
    if got != sent:
        raise MismatchedReplyError(
            "the response has a different x-request-id than the request: it belongs to another "
            "request, or a proxy in front of the relay replaces the header, which it must pass on "
            "unchanged"
        )
    ctx.server.echoes = True
    return True


def ask(
    ctx: Context,
    call: HttpCall,
    read: Callable[[Reply], T],
    until: float,
    attempt: int = 1,
    *,
    fresh: bool = False,
) -> Flow[T]:
    """Send a call that changes nothing, and read a reply that is about what was requested.

    If a reply does not say what it is about, or says that there is no such task, and came over a
    used connection, the call is sent again over a new one: a caller who believes that a task does
    not exist may buy it again.
    """
    try:
        return (yield from exchange(ctx, call, read, until, attempt, fresh=fresh))
    except UnnamedReplyError:
        pass
    except NotFoundError as error:
        if not error.over_used_connection:
            raise
    return (yield from exchange(ctx, call, read, until, attempt, fresh=True))


def repeat(
    ctx: Context,
    call: HttpCall,
    read: Callable[[Reply], T],
    *,
    fresh: bool = False,
    until: float | None = None,
) -> Flow[T]:
    """Send a call that changes nothing on the server, and repeat it while that can help.

    *fresh* opens a connection for each attempt. *until* is the monotonic time at which it has to
    end; None takes `options.deadline` from now.

    Raises:
        KlingAPIError: the server refused and a repeat would not help, or did not.
        TransportError: no readable answer came before the deadline.
    """
    until = ctx.until(ctx.options.deadline) if until is None else until
    pages = RepeatedPages()
    attempt = 1
    while True:
        try:
            return (yield from ask(ctx, call, read, until, attempt, fresh=fresh))
        except (KlingAPIError, TransportError) as error:
            pages.note(error)
            pause = ctx.policy.pause(error, attempt, until - ctx.monotonic())
            if pause is None or pages.are_all_the_same:
                raise
            note_retry(ctx, call, attempt, pause, error)
            yield Sleep(pause)
            if ctx.cancelled():
                raise
        attempt += 1


class RepeatedPages:
    """The pages that came instead of replies, counted from a call's first attempt.

    The same page for each of the first attempts means that the address is another server's.
    """

    _ENOUGH: ClassVar[int] = 3

    def __init__(self) -> None:
        self.first: str | None = None
        self.count = 0

    def note(self, error: KlingError) -> None:
        """Count the result of an attempt."""
        page = error.page if isinstance(error, TransportError) else None
        if self.count == 0:
            self.first = page
        elif page != self.first:
            self.first = None
        self.count += 1
        if self.are_all_the_same:
            error.add_note(WRONG_ADDRESS)

    @property
    def are_all_the_same(self) -> bool:
        """Whether the first three attempts got the same page."""
        return self.first is not None and self.count == self._ENOUGH


def once(ctx: Context, call: HttpCall, read: Callable[[Reply], T]) -> Flow[T]:
    """Send a call that may change something on the server: exactly once."""
    return exchange(ctx, call, read, ctx.until(ctx.options.deadline))


def note_retry(ctx: Context, call: HttpCall, attempt: int, pause: float, error: KlingError) -> None:
    """Log a repeat and call the event hook."""
    log.info(
        "%s %s attempt %d failed (%s); next attempt in %.1f s",
        call.method,
        call.path,
        attempt,
        reason(error),
        pause,
    )
    ctx.emit(Event("retry", call.method, call.path, attempt, pause=pause, error=error))


def reason(error: KlingError) -> str:
    """Describe an error in our own words: the server's may quote the prompt."""
    if isinstance(error, TaskFailedError):
        return f"task {error.task_id} failed"
    if isinstance(error, KlingAPIError):
        return f"HTTP {error.http_status}, code {error.code}, request_id {error.request_id or '-'}"
    return str(error)
