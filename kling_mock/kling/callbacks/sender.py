"""The sender of reports: the only part of this server that calls other servers.

Only targets on this computer are called unless a test allows more. The URL comes from any client
that can create a task, so the address that is connected to counts, not how it is written.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kling_mock.web.addresses import ANY_HOST, host_of, is_loopback

if TYPE_CHECKING:
    from kling_mock.kling.callbacks.apps import InProcessApp  # most servers have no apps

EXCERPT = 1024  # bytes of a reply's body that are kept
USER_AGENT = "kling-mock"
_NOBODYS = frozenset({"example", "invalid"})  # RFC 2606: top-level domains of placeholders
_HELP = (
    "only this computer is called; to allow more: KlingMock(callback_hosts=[...]) or "
    "kling-mock serve --callback-host HOST"
)


class Receipt(NamedTuple):
    """The outcome of one attempt.

    Attributes:
        status: The HTTP status; 0 if there was no reply.
        error: Why there was no reply; "" otherwise.
        body: The first bytes of the reply's body.
        blocked: Whether the target is not allowed, and was not called.
        unreached: Whether there was no receiver: no such host, or nothing listens there.
        is_own: Whether the receiver is an app in this process.
        timed_out: Whether it did not answer in time.
    """

    status: int
    error: str = ""
    body: bytes = b""
    blocked: bool = False
    unreached: bool = False
    is_own: bool = False
    timed_out: bool = False


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
        """POST *body* to *url*; the receipt says what happened."""
        ...

    def time(self) -> float:
        """Return real time, Unix seconds."""
        ...


class _OutsideError(OSError):
    """A name that leads away from this computer."""


class _Loopback(AbstractResolver):
    """A resolver that accepts only names that lead to this computer.

    Args:
        unresolved: The names whose addresses are not known yet.
    """

    def __init__(self, unresolved: set[str | None]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._unresolved = unresolved

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host.rpartition(".")[2].lower() in _NOBODYS:
            raise OSError(
                f"{host} cannot exist: its top-level domain is reserved"
            )  # a query may take seconds
        self._unresolved.add(host)
        addresses = await self._inner.resolve(host, port, family)
        for row in addresses:
            if not ipaddress.ip_address(row["host"].partition("%")[0]).is_loopback:
                raise _OutsideError(f"{host} is not on this computer")
        self._unresolved.discard(host)
        return addresses

    async def close(self) -> None:
        await self._inner.close()


class HttpCallbackSender:
    """Sends reports over HTTP, each on a new connection, or to an app in this process.

    It does not follow redirects or keep cookies. Its sessions are opened when they are needed.
    """

    def __init__(self) -> None:
        self.apps: dict[str, InProcessApp] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._unresolved: set[str | None] = set()

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
        """POST *body* to *url*; the receipt says what happened.

        Args:
            url: The target.
            headers: Headers in addition to the usual ones.
            body: The bytes.
            timeout: Seconds of real time for everything.
            allowed: Hosts that may be called in addition to this computer; `*` is any.
        """
        target = URL()
        try:
            if self.apps and (app := self.apps.get(host_of(url))) is not None:
                return (await app.post(url, headers, body, timeout))._replace(is_own=True)
            target = URL(url)
            free = _is_free(target.host or "", allowed)
            if not free and _is_elsewhere(target.host):
                return Receipt(0, _HELP, blocked=True)
            options: dict[str, Any] = {} if free else {"ssl": False}  # accept private certificates
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
            unreached = target.raw_host in self._unresolved
            text = f"no response within {timeout:g} s"
            return Receipt(0, text, unreached=unreached, timed_out=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(getattr(error, "os_error", None), _OutsideError):
                return Receipt(0, _HELP, blocked=True)
            return Receipt(0, type(error).__name__, unreached=_is_unreached(error))

    def replace_apps(self, apps: Mapping[str, InProcessApp]) -> None:
        """Deliver reports to *apps*, and not to other apps in this process."""
        before, self.apps = self.apps, dict(apps)
        for app in before.values():
            if app not in self.apps.values():
                app.stop()

    async def close(self) -> None:
        """Close the sessions, and end what runs the apps; all of it restarts when needed."""
        for app in self.apps.values():
            app.stop()
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, free: bool) -> aiohttp.ClientSession:  # noqa: FBT001 - a key
        session = self._sessions.get(free)
        if session is None:
            resolver = None if free else _Loopback(self._unresolved)
            session = self._sessions[free] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver, force_close=True, use_dns_cache=False, limit=0
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )
        return session


def _is_unreached(error: Exception) -> bool:
    """Return whether no server accepted a connection; one that fails at TLS did accept it."""
    if isinstance(error, aiohttp.ClientSSLError):
        return False
    is_answer = isinstance(error, aiohttp.ServerConnectionError | aiohttp.ClientResponseError)
    return not is_answer and isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.InvalidURL | ValueError
    )


def _is_free(host: str, allowed: Collection[str]) -> bool:
    """Return whether *host* is allowed by its name, without any other check.

    This computer is allowed in any case, so its private certificates are accepted.
    """
    return not is_loopback(host) and (ANY_HOST in allowed or host in allowed)


def _is_elsewhere(host: str | None) -> bool:
    """Return whether *host* is an address of another computer."""
    try:
        return not ipaddress.ip_address((host or "").partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name: the resolver judges what it leads to
