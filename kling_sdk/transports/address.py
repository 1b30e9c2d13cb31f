"""The reasons why an address cannot be connected to, and what to change."""

from __future__ import annotations

import re
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator
from traceback import walk_tb
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from kling_sdk.errors import TransportError, UnreachableError
from kling_sdk.results.task import redact_url

#: The beginning of a note that names the addresses that were tried.
TRIED: Final = "tried "
_CALL_FAILED: Final = r"onnect call failed \('([^']+)'"
_TLS_PROBE: Final = 1.0  # s to find out whether a port speaks TLS
_SILENCES: Final = 3  # connections that ended without an answer, before that is tried


class Address:
    """The address of one transport, and whether a server there has ever answered.

    Args:
        base_url: Scheme, host and maybe a port and a path.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or ""
        self.port = parts.port or {"https": 443}.get(parts.scheme, 80)
        self._scheme = parts.scheme
        url_host = f"[{self.host}]" if ":" in self.host else self.host
        self.name = f"{parts.scheme}://{url_host}:{self.port}"
        self._silences = 0
        #: Whether a reply came from there.
        self.has_answered = False
        self._is_tls = False

    def not_connected(self, error: BaseException) -> TransportError:
        """Return the error for a connection that was not made; nothing was sent.

        Args:
            error: Why it was not.
        """
        causes = list(_causes(error))
        reason = next(filter(None, map(self._explained, causes)), "")
        text = reason or f"{type(error).__name__}, {redact_text(str(error)) or 'no details'}"
        if addresses := _addresses(causes):
            text += f"; tried {', '.join(addresses)}"
        if getproxies().keys() - {"no"}:
            text += "; the environment sets a proxy, which may be the cause"
        kind = UnreachableError if reason else TransportError
        return kind(f"cannot connect to {self.name}: {text}", maybe_sent=False)

    def is_doubtful(self) -> bool:
        """Return whether to test if the port speaks TLS, after a request without a reply.

        A server that speaks TLS ends a connection on which it is sent plain HTTP, mostly in
        silence.
        """
        if self.has_answered or self._is_tls or self._scheme != "http":
            return self._is_tls
        self._silences += 1
        return self._silences == _SILENCES

    def wants_tls(self, *, answer: bool) -> UnreachableError | None:
        """Record the answer to `is_doubtful`; return the error that it proves, if any.

        The request was sent, so this does not prove that it had no effect.
        """
        self._is_tls = self._is_tls or answer
        if not self._is_tls:
            return None
        return UnreachableError(
            f"no response from {self.name}: that port speaks TLS; use https:// in base_url",
            maybe_sent=True,
        )

    def _explained(self, error: BaseException) -> str:
        if isinstance(error, ssl.SSLWantReadError) or (
            isinstance(error, ssl.SSLError) and not hasattr(error, "reason")
        ):
            return ""  # still silent; or aiohttp's own, made without its cause
        match error:
            case ssl.SSLCertVerificationError():
                reason = error.verify_message or "it cannot be verified"
                return (
                    f"its certificate is not accepted ({reason}); use the host name that it is "
                    "for, or set SSL_CERT_FILE to the certificate of its authority"
                )
            case ssl.SSLError():
                reason = (error.reason or "no TLS").replace("_", " ").lower()
                return f"it does not speak TLS ({reason}); if it serves plain HTTP, use http://"
            # EAI_AGAIN is temporary by definition.
            case socket.gaierror() if error.errno != socket.EAI_AGAIN:
                return "the host is not known; check its name in base_url, and the DNS server"
            case ConnectionRefusedError():
                return "the connection is refused; check the port in base_url, or start the server"
            case _:
                return ""


def given_up(why: str, cause: Exception | None = None) -> UnreachableError:
    """Return the error for a call that was not sent, and could not be by trying again."""
    error = UnreachableError(f"nothing was sent: {why}", maybe_sent=False)
    error.is_final = True
    error.__cause__ = cause
    return error


def proxy_failed(name: str, error: Exception) -> UnreachableError:
    """Return the error for a proxy that did not connect; its password is not tried again.

    Args:
        name: The proxy, without user and password.
        error: The failure of the connection.
    """
    text = redact_text(str(error)) or type(error).__name__
    failure = given_up(
        f"{name or 'the proxy'} does not connect to the server ({text}); check the proxy and its "
        "password in HTTPS_PROXY or http_client, or bypass it with NO_PROXY or trust_env=False"
    )
    failure.may_pass = not text.startswith("407")
    return failure


def redact_text(text: str) -> str:
    """Return *text* with every word that is a URL shortened to host and path."""
    return " ".join(redact_url(word) if "://" in word else word for word in text.split())


def is_raised_by(error: BaseException, hooks: Iterable[Any]) -> bool:
    """Return whether *error* comes out of one of the caller's functions."""
    functions = (hook if hasattr(hook, "__code__") else type(hook).__call__ for hook in hooks)
    codes = {getattr(function, "__code__", None) for function in functions}
    return any(frame.f_code in codes for frame, _ in walk_tb(error.__traceback__))


def before_sending(error: Exception, hooks: Iterable[Any]) -> Exception:
    """Return the exception for an error from outside the libraries, before anything was sent.

    The error of a signal handler, such as a program's time limit, is returned unchanged.
    """
    name = type(error).__module__.partition(".")[0]
    if name in sys.stdlib_module_names or is_raised_by(error, hooks):
        return given_up(f"{type(error).__name__} was raised before", error)
    return error


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


def _addresses(causes: list[BaseException]) -> list[str]:
    """Return which addresses of a host were tried, as far as the causes say."""
    notes = [note for error in causes for note in getattr(error, "__notes__", ())]
    texts = [note.removeprefix(TRIED) for note in notes if note.startswith(TRIED)]
    # asyncio's own words
    texts += (address for error in causes for address in re.findall(_CALL_FAILED, str(error)))
    return list(dict.fromkeys(texts))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and its causes, the nearest first."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        cause = left.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            left += cause.exceptions
        left += [getattr(cause, name, None) for name in ("certificate_error", "os_error")]
        left += [cause.__cause__, cause.__context__]
