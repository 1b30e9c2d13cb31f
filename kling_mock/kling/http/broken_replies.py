"""What faults do to a connection: the one place that misuses it."""

from __future__ import annotations

import asyncio
import struct
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import web

from kling_mock.kling.faults.matching import Fault
from kling_mock.web.replies import Silence, head

__all__ = ["lose", "spoil"]

_NO_LINGER = struct.pack("ii", 1, 0)


def lose(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection: the client learns that there is no answer, and nothing else."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            # Closed like this, a connection is reset and not ended in good order.
            connection.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
        transport.abort()
    return Silence()


async def spoil(
    request: web.BaseRequest, fault: Fault, status: int, body: bytes, now: float
) -> web.StreamResponse:
    """Send a JSON answer as *fault* of the stage `after` wants it, and close the connection.

    Args:
        request: What is answered.
        fault: What goes wrong.
        status: The HTTP status.
        body: JSON.
        now: Unix seconds, for the `Date` header.
    """
    transport = request.transport
    if transport is None or fault.kind.name == "response-lost":
        return lose(request)
    pieces, pause = [body], 0.0
    length = len(body)
    match fault.kind.name:
        case "truncated-body":
            pieces = [body[: min(int(length * fault.settings["keep"]), length - 1)]]
        case "malformed-body":
            kept = body[: int(length * fault.settings["keep"])]
            pieces = [kept.ljust(length, b"\x00")[: length - 1] + b"\xff"]
        case _:
            count = fault.settings["pieces"]
            size = -(-length // count)
            pieces = [body[start : start + size] for start in range(0, length, size)]
            pause = fault.settings["seconds"] / (len(pieces) - 1)
    transport.write(head(status, length, now, "Connection: close\r\n"))
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(pause)
        transport.write(piece)
    transport.close()
    return Silence()
