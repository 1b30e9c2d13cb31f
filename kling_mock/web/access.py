"""Who may call the APIs that steer a server: one policy for all of its ports."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args
from urllib.parse import quote, urlsplit

from kling_mock.web.addresses import ANY_HOST, is_address
from kling_mock.web.damping import Damper
from kling_mock.web.errors import ApiError
from kling_mock.web.listening import comes_from_here

__all__ = ["CALLERS", "AccessPolicy", "Callers", "names_of"]

Callers = Literal["off", "local", "remote"]
CALLERS: Final[tuple[Callers, ...]] = get_args(Callers)

_NOT_LOCAL: Final = (
    "This API takes calls from this computer only, and none through a proxy. To allow more: "
    "KlingMock(admin='remote') or kling-mock serve --admin remote."
)
_WRONG_HOST: Final = (
    "The Host header has the name {!r}; it must be an address, `localhost`, or a name of this "
    "server, since any page in a browser can give a name of its own this address. To add a name: "
    "admin_hosts=[...] of KlingMock or RelaySettings, or --admin-host NAME of kling-mock."
)
_UNKNOWN: Final = (
    "The request must have the header `Authorization: Bearer <admin_token>`; `mock.admin_token` "
    "and the line that `kling-mock serve` or `kling-mock relay` prints have the token."
)
_DAMPED: Final = (
    "This address has sent too many wrong tokens, so for a while none of its tokens is looked at."
)


class AccessPolicy:
    """Decides about calls of the admin API and of the relay's operator API.

    Args:
        callers: Who may call: `"remote"` is any computer, `"local"` this one and not through a
            proxy, `"off"` nobody.
        token: What `Authorization: Bearer` has to bring.
        names: Names by which the server is called besides its addresses and `localhost`, in
            lower case; "*" is any.
        damper: Slows down an address that sends wrong tokens, where any computer may call;
            `None` makes one.

    Attributes:
        callers: As given.

    Raises:
        ValueError: The token is empty, so that nobody would need one.
    """

    def __init__(
        self,
        callers: Callers,
        token: str,
        names: Iterable[str] = (),
        damper: Damper | None = None,
    ) -> None:
        if not token:
            raise ValueError("admin_token: must not be empty")
        self.callers: Final = callers
        self._token = token.encode()
        # Whoever may call from elsewhere may also guess from there.
        self._damper = (damper or Damper()) if callers == "remote" else None
        self._names = frozenset(names)

    @property
    def is_on(self) -> bool:
        """Whether the APIs are served at all."""
        return self.callers != "off"

    def link(self, url: str) -> str:
        """Return *url* with the token in its fragment, which is sent to no server."""
        return f"{url}#token={quote(self._token.decode(), safe='')}"

    def check(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check where a call comes from, what it calls this server, and its token.

        Args:
            peer: The address that it came from.
            headers: Its headers, whose names are compared without case.

        Raises:
            ApiError: 403, 401 or 429.
        """
        self.check_origin(peer, headers)
        self.check_token(peer, headers)

    def check_origin(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check all of a call but its token.

        Raises:
            ApiError: 403 `not_local` or `wrong_host`.
        """
        if self.callers != "remote" and not comes_from_here(peer, headers):
            raise ApiError(403, "not_local", _NOT_LOCAL)
        if not self._knows(headers):
            shown = host_of(headers.get("Host", ""))[:100]
            raise ApiError(403, "wrong_host", _WRONG_HOST.format(shown))

    def check_token(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check the token of a call.

        Raises:
            ApiError: 401 `no_token` or `wrong_token`; 429 `too_many_wrong_tokens` with
                `Retry-After`, in which case its token was not looked at.
        """
        if self._damper is not None and (wait := self._damper.wait(peer)):
            after = {"Retry-After": str(math.ceil(wait))}
            raise ApiError(429, "too_many_wrong_tokens", _DAMPED, after)
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            code = "wrong_token" if scheme else "no_token"
            if scheme and self._damper is not None:
                self._damper.wrong(peer)
            raise ApiError(401, code, _UNKNOWN, {"WWW-Authenticate": "Bearer"})
        if self._damper is not None:
            self._damper.right(peer)

    def check_reader(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check who reads what this computer may read without the token, unless others call too.

        Behind a proxy every caller is at this computer, and not every proxy says so.

        Raises:
            ApiError: 401 or 429 without the token: of a server that others may call; of any other
                one from elsewhere, through a proxy, or by a foreign name.
        """
        is_ours = comes_from_here(peer, headers) and self._knows(headers)
        if self.callers == "remote" or not is_ours:
            self.check_token(peer, headers)

    def _knows(self, headers: Mapping[str, str]) -> bool:
        name = host_of(headers.get("Host", ""))
        # A page that is to read replies needs a name whose address it can change. An address
        # has none, and a client that sends no Host is no browser.
        known = name in {"", "localhost"} or name in self._names or ANY_HOST in self._names
        return known or is_address(name)


def host_of(header: str) -> str:
    """Return the name or address in a `Host` header, in lower case, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def names_of(*addresses: str | None) -> set[str]:
    """Return the hosts of addresses to listen on and of base URLs, as a `Host` header has them."""
    return {_host(one).rstrip(".") for one in addresses if one}


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "") if "//" in address else address.lower()
