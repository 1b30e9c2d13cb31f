"""Calls over a sync client of httpx or httpx2."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Final

from kling_sdk.errors import KlingError, TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.transports.address import speaks_tls
from kling_sdk.transports.httpx_shared import (
    TOO_LONG,
    Body,
    Calls,
    Trace,
    fetching,
    has_length,
    is_end_said,
)
from kling_sdk.wire import Reply


class CallAttempt:
    """One attempt of a call.

    Attributes:
        until: When it must have ended, by `time.monotonic`; infinite outside of a call.
        sent: Whether a byte of its request was given to a socket of our own.
    """

    __slots__ = ("sent", "until")

    def __init__(self, until: float = float("inf")) -> None:
        self.until = until
        self.sent = False


attempt: Final[ContextVar[CallAttempt]] = ContextVar("kling_sdk_attempt", default=CallAttempt())  # noqa: B039 - never used again by a call, which sets its own


def left_of(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the seconds that a step with this *timeout* may take; None sets no limit.

    Raises:
        Exception: *error*, when the call's deadline has passed.
    """
    left = attempt.get().until - time.monotonic()
    if left <= 0:
        raise error("the call's deadline has passed")
    if timeout is not None:
        return min(timeout, left)
    return None if left == float("inf") else left


class HttpxTransport(Calls):
    """Calls over a sync client of httpx or httpx2.

    A default client's sockets enforce the limit of an attempt's whole time. A client of the
    caller's has its library's limits, one for each step; the whole time is checked here before the
    request is sent, and whenever a piece of the body has come.
    """

    def timeouts(self, seconds: float) -> dict[str, float | None]:
        """Return the limits of the steps; a library gives each address its time to connect."""
        limits = super().timeouts(seconds)
        return limits if self.is_direct else {**limits, "connect": seconds / 2}

    def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        was_fetching = fetching.set(isinstance(effect, Fetch))
        was_attempt = attempt.set(CallAttempt(time.monotonic() + effect.timeout))
        request, trace = None, Trace(attempt.get().until)
        try:
            request = self.request(effect, trace.note)
            if isinstance(effect, Fetch):
                return self._fetch(effect, request)
            return self._send(effect, request, trace)
        except KlingError:
            raise
        except Exception as error:  # noqa: BLE001 - raised again, or as one of ours
            failure = self.failed(error, effect, request, trace)
            if self.is_doubtful(failure, effect):
                answer = speaks_tls(self.address.host, self.address.port)
                failure = self.address.wants_tls(answer=answer) or failure
            raise failure from failure.__cause__
        finally:
            attempt.reset(was_attempt)
            fetching.reset(was_fetching)

    def _open(self, request: Any, **options: Any) -> Any:
        try:
            response = self.client.send(request, stream=True, follow_redirects=False, **options)
        except self.library.status_error as error:  # of a response hook's `raise_for_status`
            response = error.response
        return self.readable(response)

    def _send(self, effect: Send, request: Any, trace: Trace) -> Any:
        while True:
            response = self._open(request)
            try:
                body = Body()
                for chunk in response.stream:
                    body.add(chunk)
                    _check_deadline()
                chunk = b""  # an error would show it
                self.address.has_answered = True
                fresh = effect.fresh and (self.is_direct or trace.is_fresh(response))
                if fresh == effect.fresh or effect.call.method != "GET":
                    return effect.read(body.reply(response, fresh=fresh))
            except TransportError:
                _disconnect(response)
                raise
            finally:
                response.close()
            # A client of the caller's has chosen a used connection. That one is closed now,
            # so this ends at the latest when it has none left.
            _disconnect(response)

    def _fetch(self, effect: Fetch, request: Any) -> Reply:
        until = time.monotonic() + effect.whole
        response = self._open(request, auth=None)
        try:
            effect.sink.start(response.status_code, dict(response.headers))
            # In the pieces that come: a chunker would hold some back, and lose them on a cut.
            for chunk in response.stream:
                effect.sink.write(chunk)
                effect.sink.progressed()
                attempt.get().until = min(time.monotonic() + effect.timeout, until)
                _check_deadline()
            if not has_length(response):
                if is_end_said(response):
                    effect.sink.end_is_certain()
                _disconnect(response)
            return Reply(response.status_code, response.headers, b"")
        finally:
            response.close()

    def close(self) -> None:
        """Close the client if it is ours."""
        if self.owned:
            self.client.close()


def _check_deadline() -> None:
    if time.monotonic() > attempt.get().until:
        raise TransportError(TOO_LONG)


def _disconnect(response: Any) -> None:
    """Close the connection of a reply; its pool drops it before the next use."""
    stream = response.extensions.get("network_stream")
    if stream is not None:
        stream.close()
