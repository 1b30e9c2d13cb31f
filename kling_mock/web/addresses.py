"""Addresses: URLs and hosts that a user gives, URLs to be shown, and where a server listens."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Container, Iterable
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qsl, urlsplit

ANY_HOST = "*"
HIDDEN = "?<hidden>"
_HOST_AND_PORT = re.compile(r"([^:\[\]]*|\[[^\[\]]*\])(:[0-9]*)?")
_PORTS = {"http": 80, "https": 443}  # which a browser leaves out
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def is_http_url(url: str) -> bool:
    """Return whether *url* is http or https, and has a host and a port that can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises above 65535
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def host_of(url: str) -> str:
    """Return the host of *url* in lower case, without a dot at the end; "" if it has none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return ""
    return (host or "").rstrip(".")


def read_base_url(name: str, url: object) -> str:
    """Return a base URL without a slash at the end.

    Args:
        name: The name in an error.
        url: Scheme and host, with a port or path if it has them.

    Raises:
        ValueError: *url* is not such a URL.
    """
    if isinstance(url, str) and is_http_url(url) and not set("?#@ ").intersection(url):
        return url.rstrip("/")
    raise ValueError(
        f"{name}: must be http or https, host and port, such as 'https://kling.test:8443'; got "
        f"{url!r}"
    )


def read_hosts(name: str, names: object) -> frozenset[str]:
    """Return hosts in lower case; "*" is any.

    Args:
        name: The name in an error.
        names: Names or addresses without a port; a string is one of them.

    Raises:
        ValueError: An entry is not a host.
    """
    hosts = [names] if isinstance(names, str) else names
    if not isinstance(hosts, Iterable) or isinstance(hosts, bytes | dict):
        raise ValueError(f"{name}: must be a list of names or addresses, got {names!r}")  # noqa: TRY004 - one kind for all
    return frozenset(_host(name, host) for host in hosts)


def read_origins(name: str, urls: object) -> frozenset[str]:
    """Return origins of pages as a browser sends them in `Origin`.

    Args:
        name: The name in an error.
        urls: Schemes and hosts, with a port if it is not the scheme's own; a string is one.

    Raises:
        ValueError: An entry is not an origin.
    """
    origins = [urls] if isinstance(urls, str) else urls
    if not isinstance(origins, Iterable) or isinstance(origins, bytes | dict):
        raise ValueError(f"{name}: must be a list of origins, got {urls!r}")  # noqa: TRY004 - one kind for all
    return frozenset(_origin(name, origin) for origin in origins)


def _origin(name: str, url: object) -> str:
    if isinstance(url, str) and is_http_url(url) and not set("?#@ ").intersection(url):
        parts = urlsplit(url)
        if parts.path in {"", "/"}:
            port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
            host = parts.netloc.lower().removesuffix(f":{parts.port}")
            return f"{parts.scheme}://{host}{port}"
    raise ValueError(
        f"{name}: must be scheme, host and port of a page, such as 'http://localhost:5173'; got "
        f"{url!r}"
    )


def read_listening_host(name: str, host: object) -> str:
    """Return the address to listen on; "" for any of this computer.

    Args:
        name: The name in an error.
        host: A name or address without a port.

    Raises:
        ValueError: *host* is not an address to listen on.
    """
    if isinstance(host, str) and (not host or _NAME.fullmatch(host) or is_address(host)):
        return host
    raise ValueError(
        f"{name}: must be an address or a name to listen on, without scheme and port, such as "
        f"'127.0.0.1' or '::1'; got {host!r}"
    )


def _host(name: str, address: object) -> str:
    if not isinstance(address, str):
        raise ValueError(f"{name}: must be names or addresses, got {address!r}")  # noqa: TRY004 - one kind for all
    if address == ANY_HOST or _NAME.fullmatch(address) or is_address(address):
        return address.lower()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        host = None
    fitting = host and (_NAME.fullmatch(host) or is_address(host))
    if fitting:
        advice = f"a host alone, without scheme, port, path and brackets: {host!r}"
    else:
        advice = "a host such as 'receiver.internal' or '10.0.0.5'; '*' alone is any host"
    raise ValueError(f"{name}: must be {advice}; got {address!r}")


def is_address(text: str) -> bool:
    """Return whether *text* is an IPv4 or IPv6 address, without port and brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def shown_url(url: str) -> str:
    """Return *url* without user info, query and fragment: these hold passwords and tokens.

    `?<hidden>` stands for what was left out.
    """
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, slashes, rest = head.rpartition("://")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if slashes and not _HOST_AND_PORT.fullmatch(host):
        return f"{scheme}{slashes}{HIDDEN}"  # it may be a password with a "/" in it
    safe_url = f"{scheme}{slashes}{host}{slash}{path}"
    return safe_url if safe_url == url else f"{safe_url}{HIDDEN}"


def shown_reply(body: bytes, url: str) -> str:
    """Return a server's reply as text, without the secrets of *url*, which many servers quote."""
    text = body.decode("utf-8", "replace")
    parts = urlsplit(url)
    values = [value for _, value in parse_qsl(parts.query) if len(value) > 3]  # a page number stays
    for secret in (parts.query, parts.fragment, parts.password or "", *values):
        text = text.replace(secret, HIDDEN[1:]) if secret else text
    return text


# ---------------------------------------------------------------- listening


BACKLOG = 512

_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # headers that proxies add


def bind(host: str, port: int, last: int = 0) -> socket.socket:
    """Return a socket that listens on *host* and *port*, or on any free port for 0.

    Args:
        host: The address.
        last: The port of an earlier start, which is reused for *port* 0 if it is still free.

    Raises:
        OSError: The address cannot be bound, for example because the port is taken.
    """
    if last and not port:
        with contextlib.suppress(OSError):  # another server has it now
            return bind(host, last)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = None
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
        # This makes the port of a server that has just ended available at once, but not a port
        # that another server listens on. On Windows SO_REUSEADDR would take that one, too.
        alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        bound.setsockopt(socket.SOL_SOCKET, alone, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        return bound  # noqa: TRY300 - an interrupt at this line closes it, too
    except BaseException as error:  # also Ctrl-C
        if bound is not None:
            bound.close()
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {reason}") from error


def url_of(host: str, port: int, *, tls: bool) -> str:
    """Return the base URL of a server on this computer, without a slash at the end."""
    name = "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104 - compared
    name = f"[{name}]" if ":" in name else name
    return f"{'https' if tls else 'http'}://{name}:{port}"


def leads_to(url: str, server: str) -> bool:
    """Return whether two URLs lead to one server: the same port of the same host or computer."""
    (host, port), (other, other_port) = map(_host_and_port, (url, server))
    return port == other_port and (host == other or (is_loopback(host) and is_loopback(other)))


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on *host* is reachable from this computer only."""
    return host == "localhost" or is_local(host)


def is_local(address: str | None) -> bool:
    """Return whether the peer with this address is on this computer."""
    try:
        peer = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback


def comes_from_here(peer: str | None, headers: Container[str]) -> bool:
    """Return whether a request comes from this computer and not through a proxy.

    Args:
        peer: The address that it came from.
        headers: Its headers, whose names are compared without case.
    """
    return is_local(peer) and not any(name in headers for name in _PROXIED)
