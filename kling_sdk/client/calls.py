"""The endpoints of a client that answer at once and make no task, sync and async."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kling_sdk.client.operations import call_options, request_operation
from kling_sdk.client.resources import Resource, aside
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.text.hidden import hide

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request


class OnceResource(Resource):
    """One endpoint of a `Kling` client whose requests are sent once."""

    _runner: SyncRunner

    def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result.

        Args:
            timeout: Seconds it may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.

        Raises:
            KlingAPIError: the server refused.
            OutcomeUnknownError: no response came. The outcome cannot be looked up: the call makes
                no task.
        """
        from kling_sdk.flows.send_once import call_once

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return self._runner.run(request_operation("call", call_once, request), **options)


class CallResource(OnceResource):
    """One endpoint of a `Kling` client that returns its result at once."""

    if not TYPE_CHECKING:

        def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            from kling_sdk.flows.send_once import call_once

            request, options = self._prepared("call", args := args and hide(args), parameters)
            return self._runner.run(request_operation("call", call_once, request), **options)


class AsyncOnceResource(Resource):
    """One endpoint of an `AsyncKling` client whose requests are sent once."""

    _runner: AsyncRunner

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result; see `OnceResource.submit`."""
        from kling_sdk.flows.send_once import call_once

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return await self._runner.run(request_operation("call", call_once, request), **options)


class AsyncCallResource(AsyncOnceResource):
    """One endpoint of an `AsyncKling` client that returns its result at once."""

    if not TYPE_CHECKING:

        async def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            from kling_sdk.flows.send_once import call_once

            request, options = await aside(self, "call", args := args and hide(args), parameters)
            return await self._runner.run(request_operation("call", call_once, request), **options)
