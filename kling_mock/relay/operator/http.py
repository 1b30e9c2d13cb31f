"""The operator's API: JSON over HTTP under `/__kling/relay/`, with the admin token as Bearer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import read_object
from kling_mock.relay.operator.operations import CALLS, relay_errors
from kling_mock.relay.operator.service import OperatorService
from kling_mock.web.operations import JsonObject

__all__ = ["OperatorApi"]


class OperatorApi:
    """The operator's API.

    Args:
        service: Runs the calls.
        token: The admin token.

    Raises:
        ValueError: The token is empty, so that nobody would need one.
    """

    def __init__(self, service: OperatorService, token: str) -> None:
        if not token:
            raise ValueError("admin_token: must not be empty")
        self._service = service
        self._token = token.encode()

    async def __call__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        raw: bytes,
        authorization: str | None,
    ) -> tuple[int, JsonObject]:
        """Return HTTP status and body of the reply.

        Args:
            method: The HTTP method.
            path: What follows `/__kling/relay`, percent-encoded.
            query: The query.
            raw: The body; empty is an empty object.
            authorization: The `Authorization` header.

        Raises:
            RelayError: The caller is not the operator, or the call was refused.
        """
        self.check_token(authorization)
        with relay_errors():
            call, parameters = CALLS.route(method, path)
            body = read_object(raw) if raw and call.body is not None else None
            return call.status, await call.run(self._service, parameters, query.items(), body)

    def check_token(self, authorization: str | None) -> None:
        """Check an `Authorization` header.

        Raises:
            RelayError: 401 if it does not hold the admin token.
        """
        given = (authorization or "").partition(" ")[2].strip().encode()
        if not hmac.compare_digest(given, self._token):
            raise RelayError(errors.BAD_TOKEN, "the admin token is missing or wrong")
