"""Sends reports: the only place from which this server calls anybody.

Only targets on this computer are called unless a test allows more. The URL comes from whoever
can create a task, so what counts is the address that is connected to, not how it is written.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kling_mock.web.addresses import ANY_HOST, host_of
from kling_mock.web.listening import is_loopback

if TYPE_CHECKING:
    from kling_mock.kling.callbacks.apps import InProcessApp  # which most servers have none of

__all__ = ["EXCERPT", "USER_AGENT", "CallbackSender", "HttpCallbackSender", "Receipt"]

EXCERPT = 1024  # bytes of a reply's body that are kept
USER_AGENT = "kling-mock"
_HELP = (
    "only this computer is called; to allow more: KlingMock(callback_hosts=[...]) or "
    "kling-mock serve --callback-host HOST"
)


class Receipt(NamedTuple):
    """What came of one attempt.

    Attributes:
        status: The HTTP status; 0 if no reply came.
        error: Why none came; "" otherwise.
        body: The first bytes of the reply's body.
        blocked: Whether the target is not allowed, and was not called.
    """

    status: int
    error: str = ""
    body: bytes = b""
    blocked: bool = False


class CallbackSender(Protocol):
    """Sends one report."""

    @property
    def apps(self) -> dict[str, InProcessApp]:
        """The apps in this process that are called instead of an address, by host."""
        ...

    async def send(
        self,
        url: str,
        headers: Collection[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - part of what is sent, not of the waiting here
        allowed: Collection[str],
    ) -> Receipt:
        """POST *body* to *url*; whatever happens is in the receipt."""
        ...

    def time(self) -> float:
        """Return real time, Unix seconds."""
        ...


class _OutsideError(OSError):
    """A name that leads away from this computer."""


class _Loopback(AbstractResolver):
    """Resolves names that lead to this computer, and no others."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for row in found:
            if not ipaddress.ip_address(row["host"].partition("%")[0]).is_loopback:
                raise _OutsideError(f"{host} is not on this computer")
        return found

    async def close(self) -> None:
        await self._inner.close()


class HttpCallbackSender:
    """Sends reports over HTTP, on a new connection each, or gives them to an app in this process.

    Follows no redirects and keeps no cookies. Its sessions are opened when they are needed.
    """

    def __init__(self) -> None:
        self.apps: dict[str, InProcessApp] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def time(self) -> float:
        """Return real time, Unix seconds."""
        return time.time()

    async def send(
        self,
        url: str,
        headers: Collection[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - part of what is sent, not of the waiting here
        allowed: Collection[str],
    ) -> Receipt:
        """POST *body* to *url*; whatever happens is in the receipt.

        Args:
            url: Where to.
            headers: What to send besides the usual.
            body: The bytes.
            timeout: Seconds of real time for everything.
            allowed: Hosts that may be called besides this computer; `*` is any.
        """
        try:
            if self.apps and (app := self.apps.get(host_of(url))) is not None:
                return await app.post(url, headers, body, timeout)
            target = URL(url)
            free = _is_free(target.host or "", allowed)
            if not free and _is_elsewhere(target.host):
                return Receipt(0, _HELP, blocked=True)
            options: dict[str, Any] = {} if free else {"ssl": False}  # certificates of one's own
            async with self._session(free).post(
                target,
                data=body,
                headers=list(headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
                **options,
            ) as reply:
                return Receipt(reply.status, body=await reply.content.read(EXCERPT))
        except TimeoutError:
            return Receipt(0, f"no reply within {timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(getattr(error, "os_error", None), _OutsideError):
                return Receipt(0, _HELP, blocked=True)
            return Receipt(0, type(error).__name__)

    def forget_apps(self) -> None:
        """Give no more reports to apps in this process."""
        apps, self.apps = self.apps, {}
        for app in apps.values():
            app.stop()

    async def close(self) -> None:
        """Close the sessions, and end what runs the apps; all are there again when needed."""
        for app in self.apps.values():
            app.stop()
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, free: bool) -> aiohttp.ClientSession:  # noqa: FBT001 - a key
        session = self._sessions.get(free)
        if session is None:
            resolver = None if free else _Loopback()
            session = self._sessions[free] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver, force_close=True, use_dns_cache=False, limit=0
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )
        return session


def _is_free(host: str, allowed: Collection[str]) -> bool:
    """Return whether *host* is allowed by its name, and judged by nothing else.

    This computer is allowed in any case, and so its certificates stay one's own.
    """
    return not is_loopback(host) and (ANY_HOST in allowed or host in allowed)


def _is_elsewhere(host: str | None) -> bool:
    """Return whether *host* is an address, and not one of this computer."""
    try:
        return not ipaddress.ip_address((host or "").partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name: the resolver judges what it leads to
