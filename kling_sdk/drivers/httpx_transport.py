"""Calls over a sync client of httpx or httpx2."""

from __future__ import annotations

import time

from kling_sdk.dialects import Reply
from kling_sdk.drivers.deadline import deadline
from kling_sdk.drivers.httpx_shared import TOO_LONG, Body, Calls, fetching
from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send

__all__ = ["HttpxTransport"]


class HttpxTransport(Calls):
    """Calls over a sync client of httpx or httpx2.

    The limit of an attempt's whole time is kept by a default client's sockets. A client of
    the caller's own keeps its library's: one for each step, looked at again here whenever a
    piece of the body has come.
    """

    def perform(self, effect: Send | Fetch) -> Reply:
        """Make the call."""
        was_fetching = fetching.set(isinstance(effect, Fetch))
        was_until = deadline.set(time.monotonic() + effect.timeout)
        try:
            return self._perform(effect)
        except self.library.failures as error:
            raise self.library.failed(error) from None
        finally:
            deadline.reset(was_until)
            fetching.reset(was_fetching)

    def _perform(self, effect: Send | Fetch) -> Reply:
        response = self.client.send(self.request(effect), stream=True, follow_redirects=False)
        try:
            if isinstance(effect, Send):
                body = Body()
                for chunk in response.stream:
                    body.add(chunk)
                    if time.monotonic() > deadline.get():
                        raise TransportError(TOO_LONG)
                return body.reply(response)
            effect.sink.start(response.status_code, dict(response.headers))
            # In the pieces that come: a chunker would hold some back, and lose them on a cut.
            for chunk in response.stream:
                effect.sink.write(chunk)
                deadline.set(time.monotonic() + effect.timeout)
            return Reply(response.status_code, response.headers, b"")
        finally:
            response.close()

    def close(self) -> None:
        """Close the client if it is ours."""
        if self.owned:
            self.client.close()
