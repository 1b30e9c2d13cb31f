"""Sending the relay's webhooks to its users: POST, to public addresses only."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from kling_mock.relay.domain.user_webhooks import is_public
from kling_mock.web.addresses import ANY_HOST

_TIMEOUT: Final = 15.0  # seconds of real time for everything (Standard Webhooks asks for 15 to 30)
_BLOCKED: Final = "the address is not public"


class WebhookReply(NamedTuple):
    """The result of one attempt.

    Attributes:
        status: The HTTP status; 0 without a reply.
        error: Why there is no reply; "" if there is one. It does not contain the URL.
        retry_after: The `Retry-After` header; "" if there is none.
    """

    status: int
    error: str = ""
    retry_after: str = ""


class _PrivateAddressError(OSError):
    """The address of the connection would not be public."""


def _public_socket(info: Any) -> socket.socket:
    # aiohttp calls this just before it connects, with the address that it connects to: also for a
    # literal address, and after the last DNS lookup.
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise _PrivateAddressError(_BLOCKED)
    return socket.socket(family, kind, protocol)


class WebhookSender:
    """Posts to the users' URLs, on a new connection each.

    It follows no redirects, keeps no cookies and reads no proxy from the environment.

    Args:
        free_hosts: Hosts that may be called whatever their address is; "*" is any.
    """

    def __init__(self, free_hosts: Collection[str] = ()) -> None:
        self._free_hosts = frozenset(free_hosts)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_sessions": {}}  # connections are not state

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookReply:
        """POST *body* to *url*; every failure is in the result."""
        try:
            target = URL(url)
            free = ANY_HOST in self._free_hosts or target.host in self._free_hosts
            async with self._session(free=free).post(
                target, data=body, headers=headers, allow_redirects=False
            ) as reply:
                return WebhookReply(reply.status, retry_after=reply.headers.get("Retry-After", ""))
        except TimeoutError:
            return WebhookReply(0, f"no response within {_TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = getattr(error, "os_error", error)
            if isinstance(cause, _PrivateAddressError):
                return WebhookReply(0, _BLOCKED)
            return WebhookReply(0, type(error).__name__)

    async def close(self) -> None:
        """Close the sessions."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, *, free: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(free)
        if session is None:
            session = self._sessions[free] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    force_close=True,
                    use_dns_cache=False,
                    socket_factory=None if free else _public_socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
                headers={"User-Agent": "kling-relay"},
            )
        return session
