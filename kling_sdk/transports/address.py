"""Why no connection can be made to an address, and what to change."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from kling_sdk.errors import UnreachableError

__all__ = ["Address", "speaks_tls"]

_TLS_PROBE: Final = 1.0  # s to find out whether a port speaks TLS
_SILENCES: Final = 3  # connections that ended without an answer, before that is tried


class Address:
    """The address of one transport, and whether anybody there has ever answered.

    Args:
        base_url: Scheme, host and maybe a port and a path.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or ""
        self.port = parts.port or {"https": 443}.get(parts.scheme, 80)
        self._scheme = parts.scheme
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.name = f"{parts.scheme}://{shown}:{self.port}"
        self._silences = 0
        self._answered = False
        self._is_tls = False

    def answered(self) -> None:
        """Take note that a reply came from there."""
        self._answered = True

    def not_connected(self, error: BaseException) -> UnreachableError | None:
        """Return what *error* says of the address, if it says something.

        Args:
            error: Why no connection was made; nothing was sent.
        """
        found = next(filter(None, map(self._explained, _causes(error))), None)
        if found is None:
            return None
        if getproxies().keys() - {"no"}:
            found += "; the environment names a proxy, which may be what fails"
        return UnreachableError(f"cannot connect to {self.name}: {found}", maybe_sent=False)

    def is_doubtful(self) -> bool:
        """Return whether to try if the port speaks TLS, after a request without a reply.

        Servers that do end a connection on which they are sent plain HTTP, mostly in silence.
        """
        if self._answered or self._is_tls or self._scheme != "http":
            return self._is_tls
        self._silences += 1
        return self._silences == _SILENCES

    def wants_tls(self, *, answer: bool) -> UnreachableError | None:
        """Take the answer to `is_doubtful`; return what it says of the address.

        The request was sent, so it is no proof that nothing came of it.
        """
        self._is_tls = self._is_tls or answer
        if not self._is_tls:
            return None
        return UnreachableError(
            f"no answer from {self.name}: that port speaks TLS; use https:// in base_url",
            maybe_sent=True,
        )

    def _explained(self, error: BaseException) -> str:
        if isinstance(error, ssl.SSLError) and not hasattr(error, "reason"):
            return ""  # aiohttp's own, made without what it came of
        match error:
            case ssl.SSLCertVerificationError():
                reason = error.verify_message or "it cannot be verified"
                return (
                    f"its certificate is not accepted ({reason}); use the name that it is for, or "
                    "set SSL_CERT_FILE to the certificate of its authority"
                )
            case ssl.SSLError():
                reason = (error.reason or "no TLS").replace("_", " ").lower()
                return f"it does not speak TLS ({reason}); if it serves plain HTTP, use http://"
            case socket.gaierror():
                return "the host is not known; check its name in base_url, and the name server"
            case ConnectionRefusedError():
                return "the connection is refused; check the port in base_url, or start the server"
            case _:
                return ""


def speaks_tls(host: str, port: int) -> bool:
    """Return whether a server there answers the beginning of a TLS connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over it
    try:
        with (
            socket.create_connection((host, port), _TLS_PROBE) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.version() is not None
    except (OSError, ValueError):
        return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and all that it came of, the nearest first."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        one = left.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
        left += [getattr(one, name, None) for name in ("certificate_error", "os_error")]
        left += [one.__cause__, one.__context__]
