"""The operator's API: JSON over HTTP under `/__kling/relay/`, with the admin token as Bearer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import read_object
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.operator.operations import CALLS, relay_errors
from kling_mock.relay.operator.service import OperatorService
from kling_mock.web.access import AccessPolicy
from kling_mock.web.errors import ApiError
from kling_mock.web.operations import JsonObject

_KINDS: Final = {
    "not_local": errors.NOT_LOCAL,
    "wrong_host": errors.WRONG_HOST,
    "no_token": errors.BAD_TOKEN,
    "wrong_token": errors.BAD_TOKEN,
    "too_many_wrong_tokens": errors.DAMPED,
}


class OperatorApi:
    """The operator's API.

    Args:
        service: Runs the calls.
        access: The callers allowed.
        metrics: Counts the calls that are refused after too many wrong tokens.
    """

    def __init__(self, service: OperatorService, access: AccessPolicy, metrics: Metrics) -> None:
        self._metrics = metrics
        self._service = service
        self._access = access

    @property
    def is_on(self) -> bool:
        """Whether the operator API is served at all."""
        return self._access.is_on

    async def __call__(
        self,
        peer: str | None,
        headers: Mapping[str, str],
        method: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[], Awaitable[bytes]],
    ) -> tuple[int, JsonObject]:
        """Return HTTP status and body of the reply.

        Args:
            peer: The address that the call came from.
            headers: Its headers.
            method: The HTTP method.
            path: The path after `/__kling/relay`, percent-encoded.
            read: Returns the body; an empty one is an empty object. It is called only for the
                operator.

        Raises:
            RelayError: The caller is not the operator, or the call was refused.
        """
        with self._access_errors():
            self._access.check(peer, headers)
        raw = await read()
        with relay_errors():
            call, parameters = CALLS.route(method, path)
            body = read_object(raw) if raw and call.body is not None else None
            return call.status, await call.run(self._service, parameters, query.items(), body)

    def check_origin(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check everything about a call except its token; see `AccessPolicy.check_origin`.

        Raises:
            RelayError: 403.
        """
        with self._access_errors():
            self._access.check_origin(peer, headers)

    def check_reader(self, peer: str | None, headers: Mapping[str, str]) -> None:
        """Check that a caller may read the metrics; see `AccessPolicy.check_reader`.

        Raises:
            RelayError: 401, 429.
        """
        with self._access_errors():
            self._access.check_reader(peer, headers)

    @contextmanager
    def _access_errors(self) -> Generator[None]:
        try:
            yield
        except ApiError as error:
            kind = _KINDS[error.code]
            wait = int(error.headers["Retry-After"]) if kind is errors.DAMPED else None
            if kind is errors.DAMPED:
                self._metrics.limit("wrong_admin_tokens")
            raise RelayError(kind, error.message, retry_after=wait) from None
