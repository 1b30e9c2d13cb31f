"""Database URLs and the error for a missing driver, which storage and migration share."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

import attrs


class Host(NamedTuple):
    """The host and port of one server of a database."""

    name: str
    port: int


@attrs.frozen
class ServerAddress:
    """The servers of one database, and the arguments to connect to each.

    Attributes:
        hosts: The servers, in the order in which they are tried.
        arguments: Further arguments of the driver: login, database, TLS. They may hold a password.
    """

    hosts: tuple[Host, ...]
    arguments: Mapping[str, Any] = attrs.field(repr=False)


def missing_driver(extra: str) -> ImportError:
    """Return the error for a database whose driver is not installed."""
    return ImportError(f"this database needs the extra `{extra}`: pip install 'kling-sdk[{extra}]'")


def split_url(url: str) -> SplitResult:
    """Split the URL of a database that may have several hosts.

    `urlsplit` of Python 3.12 and later refuses brackets around more than one host.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return urlsplit(url)
    end = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    return urlsplit(f"{scheme}://{rest[end:]}")._replace(netloc=rest[:end])


def hosts_of(parts: SplitResult, port: int) -> tuple[Host, ...]:
    """Return the servers of `scheme://user:password@host1:port1,host2:port2/database`.

    Args:
        parts: The URL. An IPv6 address is in brackets.
        port: The port of servers whose URL does not have one.

    Raises:
        ValueError: A host or a port is invalid. The text never repeats the URL, because there
            may be a password in it.
    """
    listed = parts.netloc.rpartition("@")[2].split(",")
    if listed == [""]:
        return (Host("127.0.0.1", port),)
    return tuple(_host(host, port) for host in listed)


def _host(text: str, port: int) -> Host:
    name, separator, number = text.rpartition(":")
    if not separator or number.endswith("]"):
        name, number = text, str(port)
    if not (number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65_536):
        raise ValueError("a port in a database URL must be a number of 1 to 65535")
    name = name.removeprefix("[").removesuffix("]")
    if not name:
        raise ValueError(
            "a host in a database URL is empty; several are separated by commas, such as"
            " db1.example.com:3306,db2.example.com:3306"
        )
    return Host(name, int(number))


def url_of_host(parts: SplitResult, host: Host) -> str:
    """Return the URL *parts* with *host* as its only server."""
    login, at, _ = parts.netloc.rpartition("@")
    name = f"[{host.name}]" if ":" in host.name else host.name
    return urlunsplit(parts._replace(netloc=f"{login}{at}{name}:{host.port}"))


def mysql_address(parts: SplitResult) -> ServerAddress:
    """Return the arguments with which asyncmy connects.

    Args:
        parts: `mysql://user:password@host:port,host2:port2/database`, with `?ssl=true` for TLS
            with a verified certificate, `?unix_socket=PATH` for a socket.

    Raises:
        ValueError: The URL does not name a database, has an invalid host or port, or has another
            parameter.
    """
    database = unquote(parts.path[1:])
    if not database:
        raise ValueError("a MySQL URL ends with the name of the database")
    hosts = hosts_of(parts, 3306)
    arguments: dict[str, Any] = {
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
        "database": database,
    }
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "unix_socket" and len(hosts) == 1:
            arguments[name] = value
        elif (name, value) == ("ssl", "true"):
            arguments[name] = ssl.create_default_context()
        else:
            raise ValueError("a MySQL URL takes ?ssl=true, and with one host ?unix_socket=PATH")
    return ServerAddress(hosts, arguments)


def postgres_address(parts: SplitResult, **arguments: Any) -> ServerAddress:
    """Return the arguments with which asyncpg connects.

    Args:
        parts: `postgresql://user:password@host:port,host2:port2/database`, with the parameters
            that libpq knows.
        arguments: Further arguments of the driver.

    Raises:
        ValueError: A host or port is invalid.
    """
    hosts = hosts_of(parts, 5432)
    # With several hosts, the one to connect to is passed apart from the URL.
    dsn = urlunsplit(parts) if len(hosts) == 1 else url_of_host(parts, hosts[0])
    return ServerAddress(hosts, {"dsn": dsn, **arguments})
