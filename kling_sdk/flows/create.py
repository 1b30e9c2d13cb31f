"""Creating a task once, over a network that loses answers.

Every create carries an `external_task_id`, which the account accepts once. So a create
may be sent again after any failure: it is accepted, or it is answered "already exists"
and looked up. What cannot be found out before the deadline is an error that says how to
find out later; it is never reported as a plain failure, which would invite a second buy.
"""

from __future__ import annotations

import attrs

from kling_sdk.capabilities import require
from kling_sdk.dialects import Call
from kling_sdk.errors import (
    AlreadyExistsError,
    ConflictError,
    KlingAPIError,
    KlingError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    TransportError,
)
from kling_sdk.flows.core import Context, Flow, Sleep, exchange, log, note_retry, repeat
from kling_sdk.flows.retry import is_transient
from kling_sdk.requests import VideoRequest
from kling_sdk.results import Task

__all__ = ["create", "new_external_id"]

_LOOKUP_RESERVE = 10.0  # s to ask what became of it, also when the create's deadline is over


def new_external_id(ctx: Context) -> str:
    """Return an id no other client will make: 128 random bits."""
    return f"sdk-{ctx.random.getrandbits(128):032x}"


def create(ctx: Context, request: VideoRequest, *, wait_for_slot: bool = True) -> Flow[Task]:
    """Create one task.

    Args:
        ctx: Where, who, when.
        request: What to create. Its own `external_task_id` is used if it has one.
        wait_for_slot: False to raise 1303 at once instead of waiting for a free slot.

    Raises:
        RequestValidationError: the model is known not to do this; nothing was sent.
        KlingAPIError: the server refused, and no earlier attempt can have been accepted.
        TransportError: no attempt reached the server.
        OutcomeUnknownError: an attempt may have been accepted, and asking did not tell.
    """
    if ctx.options.check:
        require(request.endpoint, request.given())
    external_id = request.external_task_id or new_external_id(ctx)
    call = ctx.dialect.create(request, external_id)
    attempts = _Attempts(ctx, call, request.endpoint, external_id, wait_for_slot=wait_for_slot)
    try:
        return (yield from attempts.run())
    except GeneratorExit:
        # The caller is cancelled and gets no error of ours, so the log keeps the id.
        log.warning("create called off; it may have been accepted as %s", external_id)
        raise
    except KlingError:
        raise
    except Exception as error:
        # Not a failure we know: it says nothing about what the server did.
        raise attempts.unknown(f"failed with {type(error).__name__}") from error


@attrs.define(eq=False, repr=False)
class _Attempts:
    """The attempts of one create, and what they leave uncertain."""

    ctx: Context
    call: Call
    endpoint: str
    external_id: str
    wait_for_slot: bool = attrs.field(kw_only=True)
    uncertain: KlingError | None = attrs.field(default=None, init=False)
    until: float = attrs.field(default=0.0, init=False)

    def run(self) -> Flow[Task]:
        ctx, call, endpoint = self.ctx, self.call, self.endpoint
        until = self.until = ctx.until(ctx.options.create_deadline)
        attempt = 1
        while True:
            try:
                task = yield from exchange(
                    ctx, call, lambda reply: ctx.dialect.task(reply, endpoint), until, attempt
                )
            except AlreadyExistsError as error:
                return (yield from self._existing(error, attempt))
            except (KlingAPIError, TransportError) as error:
                error.about(external_task_id=self.external_id)
                self._note(error)
                pause = ctx.policy.pause(error, attempt, until - ctx.monotonic())
                if pause is None or (error_is_busy(error) and not self.wait_for_slot):
                    return (yield from self._give_up(error))
                note_retry(ctx, call, attempt, pause, error)
                yield Sleep(pause)
                if ctx.cancelled():
                    return (yield from self._give_up(error))
            else:
                return self._named(task)
            attempt += 1

    def _note(self, error: KlingError) -> None:
        """Remember the first failure after which the server may have accepted the task."""
        maybe_sent = isinstance(error, ServerError) or (
            isinstance(error, TransportError) and error.maybe_sent
        )
        if maybe_sent and self.uncertain is None:
            self.uncertain = error

    def _existing(self, error: KlingAPIError, attempt: int) -> Flow[Task]:
        """Return the task that a create with this id made: ours, or an earlier process's."""
        try:
            task = yield from self._look_up()
        except KlingError as failure:
            raise self.unknown("its id is taken, but the task cannot be read") from failure
        if task is None:
            # The server knows the id and does not show the task: ask again later.
            raise self.unknown("its id is taken, but no task is shown") from error
        if attempt == 1 and self.uncertain is None:
            log.info("external_task_id %s had a task already: %s", self.external_id, task.task_id)
        return task

    def _give_up(self, error: KlingError) -> Flow[Task]:
        """Raise what is known: a refusal if every attempt was refused, else ask once more."""
        # A conflict proves that the id belongs to another request, so ours was not accepted.
        if self.uncertain is None or isinstance(error, ConflictError):
            raise error
        try:
            task = yield from self._look_up()
        except KlingError as failure:
            raise self.unknown(f"asking failed with {type(failure).__name__}") from error
        if task is None:
            # Not found is no proof: a server may accept late.
            raise self.unknown("no task is shown yet") from error
        return task

    def _look_up(self) -> Flow[Task | None]:
        left = max(_LOOKUP_RESERVE, self.until - self.ctx.monotonic())
        options = attrs.evolve(self.ctx.options, deadline=left)
        ctx = attrs.evolve(self.ctx, options=options)
        endpoint = self.endpoint
        try:
            task = yield from repeat(
                ctx,
                ctx.dialect.get(endpoint, self.external_id),
                lambda reply: ctx.dialect.task(reply, endpoint),
            )
        except NotFoundError:
            return None
        return self._named(task)

    def _named(self, task: Task) -> Task:
        """Return *task* with its external id, which some replies leave out."""
        if task.external_task_id:
            return task
        return attrs.evolve(task, external_task_id=self.external_id)

    def unknown(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the create may have been accepted ({why}); do not send it under another id. "
            f"Ask with get({self.external_id!r}), or repeat it with "
            f"external_task_id={self.external_id!r}",
            external_task_id=self.external_id,
        )


def error_is_busy(error: KlingError) -> bool:
    """Return True for 1303: all slots are taken."""
    return is_transient(error) and getattr(error, "code", 0) == 1303
