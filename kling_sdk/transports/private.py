"""The private attributes of HTTP libraries that are needed, each with its reason.

Nothing else in this package reads one. `tests/sdk/transports/test_private.py` fails when one of
them disappears or means something else.
"""

from __future__ import annotations

from typing import Any


def use_pool(transport: Any, pool: Any) -> None:
    """Let a transport of httpx send its requests to *pool* instead of httpcore's own.

    httpx takes no pool. A transport that is not of its class would have to map all of httpcore's
    errors, and `respx` and `pytest-httpx`, which patch that class, would not see its requests.
    """
    transport._pool = pool  # noqa: SLF001 - as above


def has_unread_bytes(connection: Any) -> bool:
    """Return whether bytes arrived after the last reply of an idle connection.

    They do not belong to any request. httpcore looks at the socket before it uses a connection
    again, but not at what it has read from it already, and would take that for the next reply.
    """
    inner = connection._connection  # noqa: SLF001 - httpcore shows neither this nor the next
    if inner is None or not inner.is_idle():
        return False
    return bool(inner._h11_state.trailing_data[0])  # noqa: SLF001 - as above


def proxy_of(session: Any) -> dict[str, Any]:
    """Return the proxy that a session of aiohttp was made with, as arguments of another one.

    A file is fetched by a session without the credentials of the caller's, and has to take the same
    route.
    """
    return {"proxy": session._default_proxy, "proxy_auth": session._default_proxy_auth}  # noqa: SLF001 - as above


def disconnect(response: Any) -> None:
    """Close the connection of a reply of aiohttp that was read whole.

    It is in the session's pool again by then, and no public attribute leads to it.
    """
    protocol = response._protocol  # noqa: SLF001 - as above
    if protocol is not None:
        protocol.close()
