"""A client of the admin API, as another language would write it."""

from __future__ import annotations

from typing import Any, Self

import httpx

from kling_mock import KlingMock
from tests.plain_http import NO_TLS


class Admin:
    """Calls of the admin API of one server."""

    def __init__(self, mock: KlingMock, token: str | None = None) -> None:
        bearer = mock.admin_token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self.http = httpx.Client(
            base_url=mock.kling_url, headers=headers, trust_env=False, verify=NO_TLS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, f"/__kling{path}", **options)

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Return the body of an answer, which has to have this status."""
        options = {} if body is None else {"json": body}
        reply = self.send(method, path, **options)
        assert reply.status_code == status, reply.text
        return reply.json()

    def refused(self, method: str, path: str, body: Any = None, *, status: int) -> str:
        """Return the `code` of a refusal, which has to have this status and the one shape."""
        error = self.ask(method, path, body, status=status)
        assert set(error) == {"error"}
        assert set(error["error"]) == {"message", "type", "code"}
        return str(error["error"]["code"])
