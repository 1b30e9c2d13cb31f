"""What a relay does for its users: create, query, list.

It knows the storage protocol, never SQL, and no HTTP: handlers parse, call, and answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kling_mock.clock import Clock
from kling_mock.relay.domain import errors, wire
from kling_mock.relay.domain.channels import target
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.pricing import Asked
from kling_mock.relay.domain.tokens import token_hash
from kling_mock.relay.domain.wire import CreateAsk, ListAsk
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.options import RelayOptions
from kling_mock.relay.service.channel_registry import Directory, Way
from kling_mock.relay.service.dispatch import Sender
from kling_mock.relay.service.reconciler import Reports
from kling_mock.storage.errors import (
    DisabledError,
    ExternalIdConflictError,
    InsufficientQuotaError,
)
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import (
    ENABLED,
    Attempt,
    Caller,
    NewTask,
    VideoRow,
)

__all__ = ["RelayService"]

_BAD_TOKEN: Final = "the token is missing, unknown, disabled or expired; accepted is sk-..."  # noqa: S105 - a text
_NO_TASK: Final = "you have no such task; accepted are your own task_id and external_task_id"


class RelayService:
    """One relay.

    Args:
        storage: Where everything is kept.
        directory: The ways to Kling.
        reports: Reads tasks from Kling.
        sender: Sends tasks to Kling.
        clock: The time.
        options: What the operator has set.
        new_id: Returns a new `kling_<32 hex>`.
        tally: Counts the creates that are not sent.
    """

    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        reports: Reports,
        sender: Sender,
        clock: Clock,
        options: RelayOptions,
        new_id: Callable[[], str],
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._storage = storage
        self._directory = directory
        self._reports = reports
        self._sender = sender
        self._clock = clock
        self._options = options
        self._prices = options.price_list()
        self._new_id = new_id

    async def authenticate(self, header: str | None) -> Caller:
        """Return whose `Authorization` header this is.

        Raises:
            RelayError: 401 for the token, 403 for a disabled user.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RelayError(errors.BAD_TOKEN, _BAD_TOKEN)
        caller = await self._storage.authenticate(token_hash(token.strip()))
        now = int(self._clock.now())
        if caller is None or caller.token.status != ENABLED or caller.token.is_expired(now):
            raise RelayError(errors.BAD_TOKEN, _BAD_TOKEN)
        if caller.user.status != ENABLED:
            raise RelayError(errors.DISABLED_USER, "this user is disabled; ask the operator")
        return caller

    async def create(self, caller: Caller, endpoint: str, raw: bytes) -> dict[str, str]:
        """Hold the price, write the row, and only then ask Kling; return the reply.

        Args:
            caller: Who pays.
            endpoint: One of `wire.ENDPOINTS`.
            raw: The request's body.

        Raises:
            RelayError: It was refused; nothing is held. A create whose outcome is not known
                is no error: it is answered, and found out later.
        """
        ask = wire.read_create(endpoint, raw)
        ways = await self._directory.ways(ask.model)
        if not ways:
            raise RelayError(errors.NO_CHANNEL, f"no enabled channel takes {ask.model}")
        task = self._new_task(caller, ask, ways[0])
        row = await self._insert(task)
        # Not `is_new`: a row that this very call has made, and whose COMMIT was not answered, is
        # found by the second run, and nobody else will send it.
        if row.task_id != task.task_id:
            self._tally.create("repeated")
            return wire.created(row)
        return await self._sender.send(row, ask, ways)

    async def query(self, caller: Caller, name: str) -> dict[str, str]:
        """Return one of the caller's own tasks, read anew if it is open.

        Args:
            caller: Who asks.
            name: The relay's id of it, or the user's own.

        Raises:
            RelayError: 404; also for somebody else's task.
        """
        row = await self._storage.get_task(caller.user.id, name)
        if row is None:
            raise RelayError(errors.NOT_FOUND, _NO_TASK)
        if row.is_open and not row.legacy and await self._reports.refresh(row, "query"):
            row = await self._storage.find_task(row.task_id) or row
        return wire.shown(row)

    async def list(self, caller: Caller, ask: ListAsk) -> dict[str, Any]:
        """Return one page of the caller's own tasks, newest first."""
        rows = await self._storage.list_tasks(
            caller.user.id, before=ask.before, limit=ask.limit, status=ask.status
        )
        following = rows[-1].id if len(rows) == ask.limit else None
        return wire.listed(rows, following)

    def _new_task(self, caller: Caller, ask: CreateAsk, way: Way) -> NewTask:
        lease = int(self._clock.now()) + self._options.create_lease
        wanted = target(ask.model, ask.mode, way.mapping)
        asked = Asked(
            ask.endpoint,
            ask.model,
            wanted.model,
            wanted.mode,
            ask.seconds,
            ask.use,
            ask.aspect_ratio,
        )
        return NewTask(
            task_id=self._new_id(),
            user_id=caller.user.id,
            request_hash=ask.request_hash,
            price=self._prices.quota(asked),
            type=ask.endpoint,
            model=ask.model,
            token_id=caller.token.id,
            username=caller.user.username,
            external_task_id=ask.external_task_id,
            prompt=ask.prompt,
            mode=wanted.mode,
            duration=f"{ask.seconds:f}",
            callback_url=ask.callback_url,
            attempt=Attempt(way.channel.id, way.key.fingerprint, lease),
            overdraft=self._options.plain_check,
        )

    async def _insert(self, task: NewTask) -> VideoRow:
        now = int(self._clock.now())
        look = self._sender.watch(now + self._options.create_lease)
        try:
            return (await self._storage.create_task(task, now=now, next_poll_at=look)).row
        except ExternalIdConflictError:
            raise RelayError(
                errors.CONFLICT, "external_task_id: it was used before, for another request"
            ) from None
        except InsufficientQuotaError as error:
            self._tally.create("insufficient_quota")
            raise RelayError(errors.NO_QUOTA, f"{error}; top up and repeat") from None
        except DisabledError as error:
            kind = errors.DISABLED_USER if error.of == "user" else errors.BAD_TOKEN
            raise RelayError(kind, str(error)) from None
