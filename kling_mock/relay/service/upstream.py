"""Calling Kling through the SDK: each method is one attempt, without retries.

Retrying is the relay's own decision, since a retry may go to another channel.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import aiohttp

from kling_mock.clock import MockClock
from kling_mock.relay.domain.channels import is_refused_key
from kling_mock.relay.domain.credentials import ChannelKey
from kling_mock.relay.metrics.counters import CallOutcome, Metrics, upstream_outcome
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.storage.text import ID_RULE, is_external_id
from kling_mock.relay.storage.values import Channel
from kling_mock.web.tls import ServerCertificate
from kling_sdk import (
    ENDPOINTS,
    AsyncKling,
    AsyncTaskResource,
    KlingError,
    OutcomeUnknownError,
    RequestValidationError,
    Task,
    TransportError,
)

_log: Final = logging.getLogger("kling_mock.relay")

#: The call outcomes that show that a channel answers, even if only with a refusal.
_REPLIES: Final = frozenset({"ok", "refused", "not_found"})


class Upstream:
    """The SDK's clients of all channels, over one pool of connections for each kind of trust.

    Args:
        clock: The time for signing tokens.
        timeout: Seconds of real time that one attempt may take.
        metrics: Counts the calls.
        breakers: The channels' breakers, which learn from each call.
        certificates: By base URL, the certificates of servers that no authority has issued.

    Attributes:
        answered: Whether Kling replied to the last call; `None` before the first.
        refused_keys: Channel and fingerprint of each key that was refused by the last reply to it.
    """

    def __init__(
        self,
        clock: MockClock,
        timeout: float,
        metrics: Metrics,
        breakers: Breakers,
        certificates: Mapping[str, ServerCertificate] | None = None,
    ) -> None:
        self._certificates = certificates or {}
        self._metrics = metrics
        self._breakers = breakers
        self._clock = clock
        self._timeout = timeout
        self._clients: dict[tuple[str, str], AsyncKling] = {}
        self._sessions: dict[ServerCertificate | None, aiohttp.ClientSession] = {}
        self.answered: bool | None = None
        self.refused_keys: set[tuple[int, str]] = set()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_clients": {}, "_sessions": {}}  # connections are not state

    async def create(
        self, channel: Channel, key: ChannelKey, endpoint: str, body: dict[str, Any]
    ) -> Task | None:
        """Create a task; return `None`, and send nothing, if the channel's breaker refuses it.

        Raises:
            KlingError: It was refused, not sent, or the outcome is unknown; see
                `channels.failover_decision`. A reply with a task id that no database can store
                does not count as a reply.
        """
        resource = self._resource(channel.base_url, key, endpoint)
        if not self._breakers.begin((channel.id,)):
            return None
        with self._metrics.calling("create"):
            try:
                return await self._answered(channel.id, key, resource.submit(body))
            except OutcomeUnknownError as error:
                # Re-raise the reason, if there is one.
                cause = error.__cause__
                raise cause if isinstance(cause, KlingError) else error from None

    async def read(
        self, channel: Channel, key: ChannelKey, endpoint: str, name: str
    ) -> Task | None:
        """Return a task by Kling's id or by ours; `None` if the channel's breaker refuses it.

        Raises:
            KlingError: It could not be read.
        """
        resource = self._resource(channel.base_url, key, endpoint)
        if not self._breakers.begin((channel.id,)):
            return None
        with self._metrics.calling("read"):
            return await self._answered(channel.id, key, resource.get(name))

    async def close(self) -> None:
        """Close the connections."""
        sessions, self._sessions = self._sessions, {}
        self._clients.clear()
        for session in sessions.values():
            await session.close()

    async def _answered(self, channel_id: int, key: ChannelKey, call: Awaitable[Task]) -> Task:
        """Return the result of *call*, and remember whether Kling replied."""
        outcome: CallOutcome | None = None
        name = (channel_id, key.fingerprint)
        try:
            task = await call
            outcome = "ok"
        except RequestValidationError:
            raise  # it was never sent
        except KlingError as error:
            # A refusal is a reply of Kling; silence and a gateway's page are not.
            cause = error.__cause__ if isinstance(error.__cause__, KlingError) else error
            self.answered = bool(getattr(cause, "code", 0))
            outcome = upstream_outcome(cause)
            if is_refused_key(cause):
                if name not in self.refused_keys:
                    _log.error(
                        "kling relay error: Kling refuses the key of channel %d (%s, code %s). To"
                        " give it another one: kling-mock channel set id:%d --key-file FILE",
                        channel_id,
                        key.fingerprint,
                        getattr(cause, "code", ""),
                        channel_id,
                    )
                self.refused_keys.add(name)
            elif outcome in _REPLIES:
                self.refused_keys.discard(name)
            raise
        finally:
            self._learn(channel_id, outcome)
        self.answered = True
        self.refused_keys.discard(name)
        if not is_external_id(task.task_id):
            raise TransportError(f"a task id that no database can store; an id has {ID_RULE}")
        return task

    def _learn(self, channel_id: int, outcome: CallOutcome | None) -> None:
        if outcome in _REPLIES:
            self._breakers.replied((channel_id,))
        elif outcome is None:
            self._breakers.abandoned((channel_id,))
        else:
            self._breakers.failed((channel_id,))

    def _resource(self, base_url: str, key: ChannelKey, endpoint: str) -> AsyncTaskResource:
        client = self._client(base_url, key)
        resource: AsyncTaskResource = getattr(client, ENDPOINTS[endpoint].attribute)
        return resource

    def _client(self, base_url: str, key: ChannelKey) -> AsyncKling:
        client = self._clients.get((base_url, key.text))
        if client is None:
            client = self._clients[base_url, key.text] = AsyncKling(
                key.text,
                base_url=base_url,
                http_client=self._session(base_url),
                clock=self._clock,
                timeout=self._timeout,
                # These timeouts would run on the relay's clock, which may be fast.
                deadline=math.inf,
                create_deadline=math.inf,
                retries=0,
                reuse_connections=True,
                look_up=False,
                max_units=None,  # KLING_MAX_UNITS is for programs; a relay's users pay themselves
            )
        return client

    def _session(self, base_url: str) -> aiohttp.ClientSession:
        certificate = self._certificates.get(base_url.rstrip("/"))
        session = self._sessions.get(certificate)
        if session is None:
            # No limit: the channels limit how many tasks run at a time.
            trust = True if certificate is None else certificate.client_context
            session = self._sessions[certificate] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=trust),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return session
