"""The bare server under test: no framework, fixed bytes, so the client is what is measured.

`python -m tests.benchmarks.server [--delay SECONDS]` prints its URL and serves until it is
terminated. `GET /file/N` answers with N bytes, every other request with one task.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

TASK_ID = "831922345719271433"
EXTERNAL_ID = "sdk-0123456789abcdef0123456789abcdef"
TASK_PATH = f"/v1/videos/text2video/{TASK_ID}"

ENVELOPE: dict[str, Any] = {
    "code": 0,
    "message": "SUCCEED",
    "request_id": "CmhJ9mgcIrYAAAAAAPN4Xg",
    "data": {
        "task_id": TASK_ID,
        "task_status": "succeed",
        "task_status_msg": "",
        "task_info": {"external_task_id": EXTERNAL_ID},
        "task_result": {
            "videos": [
                {
                    "id": "831922345719271434",
                    "url": "https://cdn.example.com/bs2/upload/831922345719271434.mp4?x-sig=1",
                    "duration": "5.1",
                }
            ]
        },
        "final_unit_deduction": "1.5",
        "created_at": 1735689600123,
        "updated_at": 1735689661456,
    },
}

_CHUNK = bytes(256 * 1024)


def _answer() -> bytes:
    body = json.dumps(ENVELOPE, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


ANSWER = _answer()


class Connection(asyncio.Protocol):
    """One connection: requests, answered in order; their bodies are read and ignored."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.transport: Any = None
        self.received = b""
        self.owed = 0  # bytes of a file still to be sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            line = head.split(b" ", 2)
            if line[1].startswith(b"/file/"):
                self._send_file(int(line[1][6:]))
            elif self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._send, ANSWER)
            else:
                self.transport.write(ANSWER)

    def _send(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _send_file(self, size: int) -> None:
        self.transport.set_write_buffer_limits(high=len(_CHUNK))
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        self.owed = size
        self.resume_writing()

    def resume_writing(self) -> None:
        # Each write may pause this connection at once; then the next call goes on from here.
        while self.owed and self.transport.get_write_buffer_size() <= len(_CHUNK):
            part = min(self.owed, len(_CHUNK))
            self.owed -= part
            self.transport.write(memoryview(_CHUNK)[:part])


async def _serve(delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(delay), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)  # noqa: T201 - what the parent waits for
    await server.serve_forever()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    asyncio.run(_serve(parser.parse_args().delay))


if __name__ == "__main__":
    main()
