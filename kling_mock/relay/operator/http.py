"""The operator's API: JSON over HTTP under `/__kling/relay/`, with the admin token as Bearer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import read_object
from kling_mock.relay.operator.operations import CALLS, Call, split
from kling_mock.relay.operator.service import Desk
from kling_mock.web.errors import AdminError
from kling_mock.web.json_schema import read_query

__all__ = ["RelayAdmin"]

_ROUTES: Final[Mapping[tuple[str, str], Call]] = {(call.method, call.path): call for call in CALLS}
_PATHS: Final = ", ".join(f"{call.method} {call.path}" for call in CALLS)


class RelayAdmin:
    """The operator's API.

    Args:
        desk: Does it.
        token: The admin token.
    """

    def __init__(self, desk: Desk, token: str) -> None:
        self._desk = desk
        self._token = token.encode()

    async def __call__(
        self, method: str, path: str, query: Mapping[str, str], raw: bytes, header: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Answer the operator.

        Args:
            method: The HTTP method.
            path: What follows `/__kling/relay/`, percent-encoded.
            query: The query.
            raw: The body; empty is an empty object.
            header: The `Authorization` header.

        Raises:
            RelayError: It is not the operator, or not what is accepted.
        """
        self.check(header)
        route, key = split(path)
        call = _ROUTES.get((method, route))
        if call is None:
            raise RelayError(errors.NOT_FOUND, f"there is no {method} {route[:60]}; {_PATHS}")
        try:
            asked = read_query(call.query, [*query.items()])
        except AdminError as error:
            raise RelayError(errors.INVALID, error.message) from None
        body = None
        if call.body is not None:
            body = read_object(raw) if raw else {}
        return 200, await self._desk.do(call.name, unquote(key), body, asked)

    def check(self, header: str | None) -> None:
        """Check an `Authorization` header.

        Raises:
            RelayError: 401 if it does not hold the admin token.
        """
        given = (header or "").partition(" ")[2].strip().encode()
        if not hmac.compare_digest(given, self._token):
            raise RelayError(errors.BAD_TOKEN, "the admin token is missing or wrong")
