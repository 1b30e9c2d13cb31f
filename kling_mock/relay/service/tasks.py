"""The calls of the relay's users: create, query, list.

There is no SQL and no HTTP here: SQL is in the storage, and handlers parse, call and reply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from kling_mock.clock import MockClock
from kling_mock.relay.domain import errors, replies
from kling_mock.relay.domain.channels import ModelTarget
from kling_mock.relay.domain.credentials import token_hash
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.other_results import PICTURES, SOUNDS
from kling_mock.relay.domain.pricing import BillableRequest, Quote, price_list
from kling_mock.relay.domain.rates import TokenBuckets
from kling_mock.relay.domain.repeats import conflict
from kling_mock.relay.domain.replies import ListQuery, PageQuery
from kling_mock.relay.domain.wire import CreateTaskRequest
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRegistry, ChannelRoute
from kling_mock.relay.service.dispatch import Dispatcher
from kling_mock.relay.service.open_tasks import OpenTasks
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.relay.service.repeats import RepeatedCreates
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.storage.errors import (
    DisabledError,
    ExternalIdConflictError,
    InsufficientQuotaError,
)
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    ENABLED,
    Caller,
    NewTask,
    VideoRow,
)
from kling_sdk import interface_of

_BAD_TOKEN: Final = "the token is missing, unknown, disabled or expired; expected Bearer sk-..."  # noqa: S105 - a text
_NO_TASK: Final = "you have no such task; expected one of your own task_id or external_task_id"


class RelayService:
    """One relay.

    Args:
        storage: The store.
        open_tasks: Limits the open tasks of a token.
        reconciler: Reads tasks from Kling.
        dispatcher: Sends tasks to Kling.
        repeats: Replies to repeated creates.
        settings: The settings of the relay.
        new_id: Returns a new `kling_<32 hex>`.
        buckets: Limit the requests of a token; `None` means no limit.
        metrics: Counts the creates that are not sent.
    """

    def __init__(
        self,
        storage: Storage,
        channels: ChannelRegistry,
        breakers: Breakers,
        open_tasks: OpenTasks,
        reconciler: TaskReconciler,
        dispatcher: Dispatcher,
        repeats: RepeatedCreates,
        clock: MockClock,
        settings: RelaySettings,
        new_id: Callable[[], str],
        buckets: TokenBuckets | None,
        metrics: Metrics,
    ) -> None:
        self._buckets = buckets
        self._metrics = metrics
        self._storage = storage
        self._channels = channels
        self._breakers = breakers
        self._open_tasks = open_tasks
        self._reconciler = reconciler
        self._dispatcher = dispatcher
        self._repeats = repeats
        self._clock = clock
        self._settings = settings
        self._prices = price_list(settings.pricing)
        self._new_id = new_id

    async def authenticate(self, header: str | None) -> Caller:
        """Return the user and token of an `Authorization` header.

        Raises:
            RelayError: 401 for the token, 403 for a disabled user, 429 for too many requests.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RelayError(errors.BAD_TOKEN, _BAD_TOKEN)
        hashed = token_hash(token.strip())
        if self._buckets is not None and (wait := self._buckets.take(hashed)):
            self._metrics.limit("token_rate")
            text = "this token makes too many requests; make fewer per second"
            raise RelayError(errors.TOO_MANY, text, retry_after=max(1, math.ceil(wait)))
        caller = await self._storage.authenticate(hashed)
        now = int(self._clock.now())
        if caller is None or caller.token.status != ENABLED or caller.token.is_expired(now):
            raise RelayError(errors.BAD_TOKEN, _BAD_TOKEN)
        if caller.user.status != ENABLED:
            raise RelayError(errors.DISABLED_USER, "this user is disabled; ask the operator")
        return caller

    async def create(self, caller: Caller, request: CreateTaskRequest) -> dict[str, Any]:
        """Hold the price, insert the row, and only then call Kling; return the reply.

        A repeated `external_task_id` with the same request gets the first task; see
        `RepeatedCreates`.

        Args:
            caller: The user and the token that pay.
            request: The request as sent.

        Raises:
            RelayError: It was refused; nothing is held. A create whose outcome is unknown is not an
                error: it gets a reply, and the sweeper finds the outcome.
        """
        try:
            routes = await self._routes(request)
            await self._open_tasks.take(caller.token.id)
        except RelayError:
            first = await self._first_task(caller, request)
            if first is None:
                raise
            return first
        lease = self._dispatcher.lease()
        task = self._new_task(caller, request, routes, lease)
        row = await self._insert(task, request, self._dispatcher.schedule_check(lease))
        # `is_new` would not do: if the COMMIT of this call's own insert got no reply, the second
        # run finds the row, and no other caller will send it.
        if row.task_id != task.task_id:
            return await self._repeats.reply(row, caller.token.id)
        return await self._dispatcher.send(row, request, routes)

    async def _routes(self, request: CreateTaskRequest) -> list[ChannelRoute]:
        """Return the routes whose channels take the task now.

        Raises:
            RelayError: No channel takes it.
        """
        routes = await self._channels.routes(request.model, request.mode)
        if not routes:
            text = f"no enabled channel takes {request.model}"
            if interface_of(request.model) != "v1":
                text += "; the channel of such a model needs an API key, not AK|SK"
            raise RelayError(errors.NO_CHANNEL, text)
        able = [route for route in routes if self._breakers.is_admitted((route.channel.id,))]
        if not able:
            self._metrics.limit("channels_paused")
            raise errors.paused(min(self._breakers.wait((route.channel.id,)) for route in routes))
        return able

    async def _first_task(
        self, caller: Caller, request: CreateTaskRequest
    ) -> dict[str, Any] | None:
        """Return the reply to a create that would be refused, if it repeats one."""
        name = request.external_task_id
        first = await self._storage.get_task(caller.user.id, name) if name else None
        if first is None or first.external_task_id != name:
            return None
        if not await self._repeats.has_made(request, first):
            raise conflict(first, request)
        return await self._repeats.reply(first, caller.token.id)

    async def query(self, caller: Caller, name: str, endpoint: str = "") -> dict[str, Any]:
        """Return one of the caller's own tasks, read from Kling again if it is open.

        Args:
            caller: The user.
            name: The relay's id of the task, or the user's own.
            endpoint: The endpoint that must have made it; "" for any.

        Raises:
            RelayError: 404; also for a task of another user or endpoint.
        """
        user = caller.user
        row = await self._storage.get_task(user.id, name)
        if row is None or (endpoint and row.type != endpoint):
            raise RelayError(errors.NOT_FOUND, _NO_TASK)
        if row.is_open and not row.legacy and await self._reconciler.refresh(row, "query"):
            row = await self._storage.find_task(row.task_id) or row
        return replies.task_reply(row)

    async def list(self, caller: Caller, query: ListQuery) -> dict[str, Any]:
        """Return one page of the caller's own tasks, newest first."""
        rows = await self._storage.list_tasks(
            caller.user.id,
            before=query.before,
            limit=query.limit,
            status=query.status,
            reports_of=PICTURES | SOUNDS,
        )
        following = rows[-1].id if len(rows) == query.limit else None
        return replies.list_reply(rows, following)

    async def list_of_endpoint(
        self, caller: Caller, endpoint: str, page: PageQuery
    ) -> dict[str, Any]:
        """Return one page of the caller's own tasks of an endpoint, in Kling's form."""
        rows = await self._storage.list_of_type(
            caller.user.id,
            endpoint,
            offset=(page.number - 1) * page.size,
            limit=page.size,
            reports_of=PICTURES | SOUNDS,
        )
        return replies.page_reply(rows)

    def _new_task(
        self, caller: Caller, request: CreateTaskRequest, routes: Sequence[ChannelRoute], lease: int
    ) -> NewTask:
        route = routes[0]
        quote = max(
            self._quote(request, target) for target in {candidate.target for candidate in routes}
        )
        return NewTask(
            task_id=self._new_id(),
            user_id=caller.user.id,
            request_hash=request.request_hash,
            price=quote.quota,
            type=request.endpoint,
            model=request.model,
            token_id=caller.token.id,
            username=caller.user.username,
            external_task_id=request.external_task_id,
            prompt=request.prompt,
            mode=route.target.mode,
            duration=request.duration,
            n=request.results,
            callback_url=request.callback_url,
            attempt=route.attempt(lease),
            overdraft=self._settings.plain_check,
            price_reason=quote.reason,
        )

    def _quote(self, request: CreateTaskRequest, target: ModelTarget) -> Quote:
        """Return the price on a channel that sends *target* for the requested model."""
        return self._prices.quote(
            BillableRequest(
                request.endpoint,
                request.model,
                target.model,
                target.mode,
                request.seconds,
                request.use,
                request.aspect_ratio,
                request.results,
            )
        )

    async def _insert(self, task: NewTask, request: CreateTaskRequest, poll_at: int) -> VideoRow:
        now = int(self._clock.now())
        try:
            return (await self._storage.create_task(task, now=now, next_poll_at=poll_at)).row
        except ExternalIdConflictError as error:
            first = await self._storage.find_task(error.task_id)
            if first is not None and await self._repeats.has_made(request, first):
                return first  # its hash is of an older relay
            raise conflict(first, request) from None
        except InsufficientQuotaError as error:
            self._metrics.create("insufficient_quota")
            raise RelayError(errors.NO_QUOTA, f"{error}; top up and try again") from None
        except DisabledError as error:
            kind = errors.DISABLED_USER if error.of == "user" else errors.BAD_TOKEN
            raise RelayError(kind, str(error)) from None
