"""A Kling on a real socket that answers what a test says, word for word."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, NamedTuple, Self

from tests.mock.relay.http_calls import Caller


class ReceivedRequest(NamedTuple):
    """A request of the relay's; the names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def external_task_id(self) -> str:
        """The relay's own id of the task, in a create or in a query by it."""
        return str(self.body.get("external_task_id") or self.path.rpartition("/")[2])


#: HTTP status and body.
Reply = tuple[int, bytes]


def envelope(data: object, *, code: int = 0, http: int = 200) -> Reply:
    """Return what Kling wraps its answers in; *data* as bytes is JSON already."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return http, b'{"code":%d,"message":"SUCCEED","request_id":"1","data":%s}' % (code, raw)


def refusal(code: int, http: int) -> Reply:
    """Return a refusal."""
    return envelope(None, code=code, http=http)


def task(task_id: str, status: str, **members: Any) -> dict[str, Any]:
    """Return a task in Kling's form; a success has a video."""
    clip = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": "5"}
    result = {"task_result": {"videos": [clip]}} if status == "succeed" else {}
    return {"task_id": task_id, "task_status": status, **result, **members}


def accepted(request: ReceivedRequest, task_id: str = "873") -> Reply:
    """Return the answer to a create that Kling takes: it names the relay's own id."""
    info = {"external_task_id": request.external_task_id}
    return envelope(task(task_id, "submitted", task_info=info))


class ScriptedKling:
    """The server. A test sets `answer`, which may block and may call the relay.

    Attributes:
        answer: Returns the answer to a request.
        requests: Every request, in order.
    """

    def __init__(self, answer: Callable[[ReceivedRequest], Reply]) -> None:
        self.answer = answer
        self.requests: list[ReceivedRequest] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: str = "HTTP/1.1"
            wbufsize: ClassVar[int] = -1  # head and body in one packet
            disable_nagle_algorithm: ClassVar[bool] = True

            def do_GET(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = ReceivedRequest(
                    self.command, self.path, headers, json.loads(raw or b"{}")
                )
                owner.requests.append(request)
                status, body = owner.answer(request)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("x-kling-mock-script", "true")  # `relay --speed` requires it
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST: Final = do_GET  # noqa: N815 - the name that the library looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as inherited
                """Log nothing."""

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, caller: Caller, *, webhook_secret: str = "") -> None:
        """Make it the relay's only channel."""
        channel = {
            "name": "by hand",
            "base_url": self.url,
            "key": "AK-by-hand-1|SK-by-hand-1",
            "webhook_secrets": webhook_secret,
            "priority": 10,
            "model_mapping": {"kling-v1-5-std": "kling-v1-6-std"},
        }
        caller.operate("POST", "channels", json=channel)
        for row in caller.operate("GET", "channels")["data"]:
            if row["name"] != "by hand":
                caller.operate("DELETE", f"channels/{row['id']}")
