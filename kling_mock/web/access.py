"""Access to the APIs that control a server: one policy for all of its ports.

An address that keeps sending wrong tokens gets growing pauses, in which each further wrong token
is refused with the time to wait. Other addresses, and callers with the right token, are not
affected.
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

from kling_mock.web.addresses import ANY_HOST, comes_from_here, is_address
from kling_mock.web.errors import ApiError

#: Wrong tokens that an address may send without a pause: a user may have pasted the wrong one.
FREE: Final = 5
#: The longest pause, in seconds.
MAX_PAUSE: Final = 60.0
_FIRST_PAUSE: Final = 1.0
_FORGIVEN: Final = 600.0  # seconds after the last wrong token until the address is forgiven
_REMEMBERED: Final = 10_000  # addresses


class _Wrong(NamedTuple):
    times: int
    last: float
    until: float


class Damper:
    """A counter of the wrong tokens of each address. An IPv6 /64 network counts as one address.

    Args:
        timer: Returns seconds of real time, counted from any instant.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._wrong: dict[str, _Wrong] = {}

    def wait(self, peer: str | None) -> float:
        """Return the seconds for which wrong tokens of *peer* have to wait; 0 if they need not."""
        if not self._wrong:
            return 0.0
        attempts = self._wrong.get(_network(peer))
        return 0.0 if attempts is None else max(0.0, attempts.until - self._timer())

    def wrong(self, peer: str | None) -> None:
        """Count a wrong token."""
        now = self._timer()
        network = _network(peer)
        before = self._wrong.pop(network, None)
        times = 1 if before is None or now - before.last > _FORGIVEN else before.times + 1
        beyond = times - FREE
        pause = min(_FIRST_PAUSE * 2.0 ** min(beyond - 1, 30), MAX_PAUSE) if beyond > 0 else 0.0
        if len(self._wrong) >= _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]  # the one whose last wrong token is oldest
        self._wrong[network] = _Wrong(times, now, now + pause)


def _network(peer: str | None) -> str:
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return peer or ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)


Callers = Literal["off", "local", "remote"]
CALLERS: Final[tuple[Callers, ...]] = get_args(Callers)

_NOT_LOCAL: Final = (
    "This API accepts calls from this computer only, and not through a proxy. To allow more: "
    "KlingMock(admin='remote') or kling-mock serve --admin remote."
)
_WRONG_HOST: Final = (
    "The Host header has the name {!r}; it must be an address, `localhost`, or a name of this "
    "server, since any page in a browser can make a name of its own lead to this address. To add a "
    "name: admin_hosts=[...] of KlingMock or RelaySettings, or --admin-host NAME of kling-mock."
)
_UNKNOWN: Final = (
    "The request must have the header `Authorization: Bearer <admin_token>`; `mock.admin_token` "
    "and the line that `kling-mock serve` or `kling-mock relay` prints have the token."
)
_OTHER: Final = (
    "The token in `Authorization: Bearer <admin_token>` is not that of this server, which makes "
    "another one at each start without a seed; `mock.admin_token` and the line that `kling-mock "
    "serve` or `kling-mock relay` prints have it."
)
_DAMPED: Final = (
    "This address has sent too many wrong tokens, so each further one is refused for a while."
)

_WRONG_ORIGIN: Final = (
    "Pages of this origin may not call this API from a browser. To allow it: admin_origins=[...] "
    "of KlingMock, or kling-mock serve --admin-origin ORIGIN."
)
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
    "Access-Control-Allow-Private-Network": "true",  # of a page of the internet
    "Access-Control-Max-Age": "600",
}


class AccessPolicy:
    """The policy that admits or refuses calls of the admin API and the relay's operator API.

    Args:
        callers: The computers that may call: `"remote"` is any computer, `"local"` this one and
            not through a proxy, `"off"` none.
        token: The token that `Authorization: Bearer` must carry.
        names: Names of the server in addition to its addresses and `localhost`, in lower case;
            "*" is any.
        origins: Origins of pages that may call from a browser: scheme, host and port.
        damper: Slows down an address that sends wrong tokens, where any computer may call;
            `None` makes one.

    Attributes:
        callers: As given.

    Raises:
        ValueError: The token is empty, so that no caller would need one.
    """

    def __init__(
        self,
        callers: Callers,
        token: str,
        names: Iterable[str] = (),
        origins: Iterable[str] = (),
        damper: Damper | None = None,
    ) -> None:
        if not token:
            raise ValueError("admin_token: must not be empty")
        self.callers: Final = callers
        self._token = token.encode()
        # A caller that may call from another computer may also guess tokens from there.
        self._damper = (damper or Damper()) if callers == "remote" else None
        self._names = frozenset(names)
        self._origins = frozenset(origins)

    @property
    def is_on(self) -> bool:
        """Whether the APIs are served at all."""
        return self.callers != "off"

    def link(self, url: str) -> str:
        """Return *url* with the token in its fragment, which is not sent to any server."""
        return f"{url}#token={quote(self._token.decode(), safe='')}"

    def check(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check the origin of a call, the name it uses for this server, and its token.

        Args:
            peer: The address that it came from.
            headers: Its headers, whose names are compared without case.

        Raises:
            ApiError: 403, 401 or 429.
        """
        self.check_origin(peer, headers)
        self.check_token(peer, headers)

    def check_origin(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check everything about a call except its token.

        Raises:
            ApiError: 403 `not_local` or `wrong_host`.
        """
        if self.callers != "remote" and not comes_from_here(peer, headers):
            raise ApiError(403, "not_local", _NOT_LOCAL)
        if not self._knows(headers):
            host = host_of(headers.get("Host", ""))[:100]
            raise ApiError(403, "wrong_host", _WRONG_HOST.format(host))

    def cors(self, method: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that let a page of a listed origin read the reply.

        Args:
            method: The method of the request; OPTIONS is a browser's preflight.
            headers: The headers of the request.

        Raises:
            ApiError: 403 for the preflight of a page whose origin is not listed.
        """
        origin = headers.get("Origin", "")
        if origin not in self._origins:
            if origin and method == "OPTIONS":
                raise ApiError(403, "wrong_origin", _WRONG_ORIGIN)
            return {}
        allowed = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if method == "OPTIONS":
            allowed |= _PREFLIGHT
        return allowed

    def check_token(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check the token of a call.

        Raises:
            ApiError: 401 `no_token` or `wrong_token`; 429 `too_many_wrong_tokens` with
                `Retry-After`, also only for a wrong token.
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        token_bytes = token.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token_bytes, self._token):
            # Only wrong tokens have to wait: behind a proxy all callers have its address, and one
            # that guesses there must not lock out the operator and the alerts. Tokens are too
            # long for guessing to succeed.
            if self._damper is not None and (wait := self._damper.wait(peer)):
                after = {"Retry-After": str(math.ceil(wait))}
                raise ApiError(429, "too_many_wrong_tokens", _DAMPED, after)
            code = "wrong_token" if scheme else "no_token"
            message = _OTHER if scheme else _UNKNOWN
            if scheme and self._damper is not None:
                self._damper.wrong(peer)
            raise ApiError(401, code, message, {"WWW-Authenticate": "Bearer"})

    def check_reader(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check a reader: this computer needs no token, unless other computers may call too.

        Behind a proxy every caller seems to be at this computer, and not every proxy adds a
        header that says so.

        Raises:
            ApiError: 401 or 429 for a call without the token: on a server that other computers
                may call, any such call; on any other server, one that comes from another
                computer, through a proxy, or by a foreign name.
        """
        is_ours = comes_from_here(peer, headers) and self._knows(headers)
        if self.callers == "remote" or not is_ours:
            self.check_token(peer, headers)

    def _knows(self, headers: Mapping[str, str]) -> bool:
        name = host_of(headers.get("Host", ""))
        # For an attack, a web page needs a name whose address it can change (DNS rebinding). An
        # address is not such a name, and a client that does not send Host is not a browser.
        known = name in {"", "localhost"} or name in self._names or ANY_HOST in self._names
        return known or is_address(name)


def host_of(header: str) -> str:
    """Return the name or address in a `Host` header, in lower case, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def names_of(*addresses: str | None) -> set[str]:
    """Return the hosts of addresses to listen on and of base URLs, as a `Host` header has them."""
    return {_host(address).rstrip(".") for address in addresses if address}


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "") if "//" in address else address.lower()
