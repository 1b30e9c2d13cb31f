"""A client of a running server's admin API, for the commands that steer it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from kling_mock.cli.servers import RunningServer, find_servers

#: Name -> method and path, as in `kling_mock.admin.calls`. That table imports most of the server,
#: and takes longer to load than a command takes to run.
CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "read_clock": ("GET", "/clock"),
    "advance_clock": ("POST", "/clock/advance"),
    "list_tasks": ("GET", "/tasks"),
    "get_task": ("GET", "/tasks/{task_id}"),
    "complete_task": ("POST", "/tasks/{task_id}/complete"),
    "fail_task": ("POST", "/tasks/{task_id}/fail"),
    "replay_task": ("POST", "/tasks/{task_id}/replay"),
    "replay_delivery": ("POST", "/deliveries/{delivery_id}/replay"),
    "list_deliveries": ("GET", "/deliveries"),
    "list_journal": ("GET", "/journal"),
    "list_faults": ("GET", "/faults"),
    "add_fault": ("POST", "/faults"),
    "remove_fault": ("DELETE", "/faults/{fault_id}"),
    "clear_faults": ("DELETE", "/faults"),
    "add_api_key": ("POST", "/accounts/{account}/api-keys"),
}
_CONNECT = 5.0  # seconds
_NONE = (
    "no running server is known; start one with 'kling-mock serve', or give --server FILE with "
    "the line that it prints, or --server URL with KLING_MOCK_ADMIN_TOKEN"
)


class AdminError(Exception):
    """A call was refused, or the server does not answer; the text is for the reader.

    Args:
        message: What was wrong and what to do.
        status: The HTTP status; 0 without a reply.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """A client of one server's admin API. A context manager.

    Args:
        server: The server.
    """

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        # Certificates are read, which takes 10 ms, only where they count.
        is_secure = server.url.startswith("https:")
        tls = ssl.create_default_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # A call is answered when the callbacks that it causes are delivered, however long that
        # takes. Proxies of the environment are not used: the server is the user's own.
        self._http = httpx.Client(
            base_url=server.url,
            timeout=httpx.Timeout(None, connect=_CONNECT),
            trust_env=False,
            verify=tls,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(self, name: str, body: Mapping[str, Any] | None = None, **parameters: Any) -> Any:
        """Make the call *name* of `CALLS`.

        Args:
            body: Members of its body.
            parameters: The parameters of its path, and of its query or its body; those that are
                `None` are left out.

        Raises:
            AdminError: The call was refused, or there was no reply.
        """
        method, path = CALLS[name]
        members = {key: value for key, value in parameters.items() if value is not None}
        for key in tuple(members):
            if f"{{{key}}}" in path:
                path = path.replace(f"{{{key}}}", quote(str(members.pop(key)), safe=""))
        query = members if method == "GET" else {}
        sent = None if method == "GET" else {**members, **(body or {})}
        return self._send(method, f"/__kling{path}", self.server.token, sent or None, query)

    def create(self, path: str, key: str, body: Mapping[str, Any]) -> Any:
        """Create a task at the emulated API, as an application does.

        Raises:
            AdminError: The call was refused, or there was no reply.
        """
        return self._send("POST", path, key, body, {})["data"]

    def _send(
        self,
        method: str,
        path: str,
        token: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, Any],
    ) -> Any:
        try:
            reply = self._http.request(
                method,
                path,
                json=body,
                params=query,
                headers={"Authorization": f"Bearer {token}"},
            )
            document = reply.json()
        except (httpx.HTTPError, ssl.SSLError) as error:
            why = f"{type(error).__name__}: {error}"
            raise AdminError(f"{self.server.url} does not respond ({why})") from None
        except ValueError:
            raise AdminError(
                f"{self.server.url} is not an emulated Kling: its response is not JSON"
            ) from None
        if reply.is_success:
            return document
        raise AdminError(_reason(document, self.server.url), reply.status_code)


def _reason(document: Any, url: str) -> str:
    """Return why a call of the admin API or of the emulated API was refused."""
    members = document if isinstance(document, dict) else {}
    error = members.get("error")
    text = error.get("message") if isinstance(error, dict) else members.get("message")
    return str(text or f"{url} refused the call without a reason")


def connect(where: str | None) -> AdminClient:
    """Return a client of the server that the user means.

    Args:
        where: The option `--server`.

    Raises:
        AdminError: No server is running, or several are.
        ValueError: The option does not name a server.
    """
    candidates = find_servers(where, os.environ)
    if where is not None:
        return AdminClient(candidates[0])
    running = [server for server in candidates if _is_running(server)]
    if not running:
        raise AdminError(_NONE)
    if len(running) > 1:
        urls = ", ".join(server.url for server in running)
        raise AdminError(f"several servers are running ({urls}); choose one with --server")
    return AdminClient(running[0])


def _is_running(server: RunningServer) -> bool:
    with AdminClient(server) as client:
        try:
            client.call("read_clock")
        except AdminError:
            return False
    return True
