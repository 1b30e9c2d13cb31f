"""Calls of a running server's admin API, for the commands that steer it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from kling_mock.cli.servers import RunningServer, find_servers

__all__ = ["CALLS", "AdminClient", "AdminError", "connect"]

#: Name -> method and path, as in `kling_mock.admin.calls`. That table is most of the server: it
#: takes longer to load than a command takes to run.
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
    """One server's admin API. A context manager.

    Args:
        server: Where it is.
    """

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        # A call is answered when the callbacks that it causes are delivered, however long that
        # takes. A proxy of the environment is never asked: the server is one of the user's own.
        self._http = httpx.Client(
            base_url=server.url,
            timeout=httpx.Timeout(None, connect=_CONNECT),
            trust_env=False,
            verify=ssl.create_default_context() if server.url.startswith("https:") else True,
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
        """Make one of `CALLS`.

        Args:
            name: Its name.
            body: The members of its body.
            parameters: Those of its path, and of its query; `None` stands for one not given.

        Raises:
            AdminError: It was refused, or there was no reply.
        """
        method, path = CALLS[name]
        query = {key: value for key, value in parameters.items() if value is not None}
        for key in tuple(query):
            if f"{{{key}}}" in path:
                path = path.replace(f"{{{key}}}", quote(str(query.pop(key)), safe=""))
        return self._send(method, f"/__kling{path}", self.server.token, body, query)

    def create(self, path: str, key: str, body: Mapping[str, Any]) -> Any:
        """Create a task at the emulated API, as an application does.

        Raises:
            AdminError: It was refused, or there was no reply.
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
            shown = reply.json()
        except (httpx.HTTPError, ssl.SSLError) as error:
            why = f"{type(error).__name__}: {error}"
            raise AdminError(f"{self.server.url} does not answer ({why})") from None
        except ValueError:
            raise AdminError(
                f"{self.server.url} is no emulated Kling: no JSON in a reply"
            ) from None
        if reply.is_success:
            return shown
        raise AdminError(_reason(shown, self.server.url), reply.status_code)


def _reason(shown: Any, url: str) -> str:
    """Return why a call was refused: of the admin API, or of the emulated one."""
    found = shown if isinstance(shown, dict) else {}
    error = found.get("error")
    text = error.get("message") if isinstance(error, dict) else found.get("message")
    return str(text or f"{url} refused the call without a reason")


def connect(where: str | None) -> AdminClient:
    """Return a client of the server that is meant.

    Args:
        where: The option `--server`.

    Raises:
        AdminError: There is none, or more than one.
        ValueError: The option does not say where one is.
    """
    candidates = find_servers(where, os.environ)
    if where is not None:
        return AdminClient(candidates[0])
    running = [one for one in candidates if _is_running(one)]
    if not running:
        raise AdminError(_NONE)
    if len(running) > 1:
        urls = ", ".join(one.url for one in running)
        raise AdminError(f"several servers are running ({urls}); choose one with --server")
    return AdminClient(running[0])


def _is_running(server: RunningServer) -> bool:
    with AdminClient(server) as client:
        try:
            client.call("read_clock")
        except AdminError:
            return False
    return True
