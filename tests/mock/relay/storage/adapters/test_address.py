"""URLs of databases of several servers."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from kling_mock.relay.storage.adapters.address import (
    Host,
    hosts_of,
    mysql_address,
    postgres_address,
    split_url,
    url_of_host,
)
from kling_mock.relay.storage.connect import engine_of


@pytest.mark.parametrize(
    ("netloc", "hosts"),
    [
        ("db", [("db", 3306)]),
        ("", [("127.0.0.1", 3306)]),
        ("user:p%2Cw@", [("127.0.0.1", 3306)]),
        ("db:3307", [("db", 3307)]),
        ("user:p%40w@db1,db2:3307", [("db1", 3306), ("db2", 3307)]),
        ("10.0.0.1:1,10.0.0.2:65535", [("10.0.0.1", 1), ("10.0.0.2", 65535)]),
        ("[::1],[fe80::2]:3307", [("::1", 3306), ("fe80::2", 3307)]),
    ],
)
def test_hosts_are_separated_by_commas(netloc: str, hosts: list[tuple[str, int]]) -> None:
    """Each has its port, or the usual one."""
    parts = split_url(f"mysql://{netloc}/relay")
    assert hosts_of(parts, 3306) == tuple(Host(*host) for host in hosts)
    assert mysql_address(parts).hosts == hosts_of(parts, 3306)


@pytest.mark.parametrize(
    ("netloc", "message"),
    [
        ("db1,,db2", "a host in a database URL is empty"),
        ("db1,", "a host in a database URL is empty"),
        (":3306", "a host in a database URL is empty"),
        ("db:0", "1 to 65535"),
        ("db:65536", "1 to 65535"),
        ("db:", "1 to 65535"),
        ("db:3306x", "1 to 65535"),
        ("db:-1", "1 to 65535"),
        ("db:\u0663", "1 to 65535"),
    ],
)
@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_what_is_no_host_is_told_without_the_password(
    scheme: str, netloc: str, message: str
) -> None:
    """The text says what it must be."""
    with pytest.raises(ValueError, match=message) as caught:
        engine_of(f"{scheme}://user:hunter2@{netloc}/relay")
    assert "hunter2" not in str(caught.value)


def test_a_socket_is_of_one_host() -> None:
    """It is on this computer."""
    with pytest.raises(ValueError, match="with one host"):
        engine_of("mysql://db1,db2/relay?unix_socket=/run/mysqld.sock")


def test_an_address_shows_no_password() -> None:
    """The repr does not show it either."""
    assert "hunter2" not in repr(mysql_address(split_url("mysql://u:hunter2@db/relay")))


@pytest.mark.parametrize(
    ("netloc", "host", "narrowed"),
    [
        ("user:p%40w@db1,db2:3307", Host("db2", 3307), "user:p%40w@db2:3307"),
        ("db1,db2", Host("db1", 3306), "db1:3306"),
        ("u@[::1],[fe80::2]:3307", Host("fe80::2", 3307), "u@[fe80::2]:3307"),
    ],
)
def test_a_url_can_be_narrowed_to_one_server(netloc: str, host: Host, narrowed: str) -> None:
    """Login, database and parameters stay as they are."""
    parts = split_url(f"mysql://{netloc}/relay?ssl=true")
    assert url_of_host(parts, host) == f"mysql://{narrowed}/relay?ssl=true"


def test_asyncpg_is_given_one_server_in_its_url() -> None:
    """It reads the URL itself, and would refuse a list with IPv6 addresses."""
    address = postgres_address(split_url("postgresql://u@[::1],[fe80::2]:5433/relay?ssl=require"))
    assert address.hosts == (Host("::1", 5432), Host("fe80::2", 5433))
    assert address.arguments == {"dsn": "postgresql://u@[::1]:5432/relay?ssl=require"}


@pytest.mark.parametrize("url", ["relay.db", "sqlite:///a/b.db", "mysql:///relay?ssl=true"])
def test_a_url_with_one_host_or_none_is_split_as_ever(url: str) -> None:
    """Only lists of hosts need more."""
    assert split_url(url) == urlsplit(url)
