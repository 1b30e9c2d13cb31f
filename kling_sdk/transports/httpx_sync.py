"""Calls over a sync client of httpx or httpx2."""

from __future__ import annotations

import time
from typing import Any

from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.transports.address import speaks_tls
from kling_sdk.transports.deadline import deadline
from kling_sdk.transports.httpx_shared import (
    TOO_LONG,
    Body,
    Calls,
    ConnectTrace,
    fetching,
)
from kling_sdk.wire import Reply

__all__ = ["HttpxTransport"]


class HttpxTransport(Calls):
    """Calls over a sync client of httpx or httpx2.

    The limit of an attempt's whole time is kept by a default client's sockets. A client of
    the caller's own keeps its library's: one for each step, looked at again here whenever a
    piece of the body has come.
    """

    def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        was_fetching = fetching.set(isinstance(effect, Fetch))
        was_until = deadline.set(time.monotonic() + effect.timeout)
        try:
            return self._send(effect) if isinstance(effect, Send) else self._fetch(effect)
        except self.library.failures as error:
            failure = self.failed(error, effect)
            if isinstance(effect, Send) and failure.maybe_sent and self.address.is_doubtful():
                answer = speaks_tls(self.address.host, self.address.port)
                failure = self.address.wants_tls(answer=answer) or failure
            raise failure from None
        finally:
            deadline.reset(was_until)
            fetching.reset(was_fetching)

    def _send(self, effect: Send) -> Any:
        while True:
            request, trace = self.request(effect), None
            if effect.fresh:
                trace = ConnectTrace()
                request.extensions["trace"] = trace.note
            response = self.client.send(request, stream=True, follow_redirects=False)
            try:
                body = Body()
                for chunk in response.stream:
                    body.add(chunk)
                    _check_deadline()
                self.address.answered()
                fresh = trace is not None and trace.is_fresh(response)
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

    def _fetch(self, effect: Fetch) -> Reply:
        until = time.monotonic() + effect.whole
        response = self.client.send(
            self.request(effect), stream=True, follow_redirects=False, auth=None
        )
        try:
            effect.sink.start(response.status_code, dict(response.headers))
            # In the pieces that come: a chunker would hold some back, and lose them on a cut.
            for chunk in response.stream:
                effect.sink.write(chunk)
                effect.sink.progressed()
                deadline.set(min(time.monotonic() + effect.timeout, until))
                _check_deadline()
            return Reply(response.status_code, response.headers, b"")
        finally:
            response.close()

    def close(self) -> None:
        """Close the client if it is ours."""
        if self.owned:
            self.client.close()


def _check_deadline() -> None:
    if time.monotonic() > deadline.get():
        raise TransportError(TOO_LONG)


def _disconnect(response: Any) -> None:
    """Close the connection of a reply; its pool drops it before the next use."""
    stream = response.extensions.get("network_stream")
    if stream is not None:
        stream.close()
