"""Creating a task once, over a network that loses answers.

Every create carries an `external_task_id`, which the account accepts once. So a create
may be sent again after any failure: it is accepted, or it is answered "already exists"
and looked up. A relay that is still sending an earlier attempt says so, and the create is then
repeated as if no reply had come. An outcome that cannot be found out before the deadline is an
error that says how to find out later; it is never reported as a plain failure, which would invite a
second purchase.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import attrs

from kling_sdk.auth import CallKeys
from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.capabilities import require
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    AlreadyExistsError,
    ConcurrencyLimitError,
    ConflictError,
    InvalidRequestError,
    KlingAPIError,
    KlingError,
    MismatchedReplyError,
    NotFoundError,
    OutcomeUnknownError,
    SpendingError,
    TransportError,
    UnreachableError,
)
from kling_sdk.facts.models import EXTERNAL_IDS
from kling_sdk.flows.asking import SHARED, SOLUTIONS, TASKS, place_for, read_task, repeat_until
from kling_sdk.flows.context import Context, log
from kling_sdk.flows.core import WRONG_ADDRESS, RepeatedPages, exchange, note_retry
from kling_sdk.flows.effects import Flow, Sleep
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.interrupted import interrupted, unanswered
from kling_sdk.flows.retry import is_unexplained_conflict, maybe_done
from kling_sdk.flows.send_once import makes_no_task, send_once
from kling_sdk.flows.spending import Reservation, reserve
from kling_sdk.flows.wrong_clock import server_time
from kling_sdk.flows.wrong_model import name_known_model
from kling_sdk.results.task import Task
from kling_sdk.wire import HttpCall, Reply, V1Wire

_ALWAYS_SENT: Final = (
    "each create sends an external_task_id, and it is not known whether this model takes one: if "
    "it does not, send the body once with client.request"
)
_CLOCK_ERROR: Final = 60.0  # s by which the clocks of the server's own machines may differ
_LOOKUP_RESERVE: Final = 10.0  # s to look up its outcome, even after the create's deadline


def create(
    ctx: Context,
    request: Request | RawRequest,
    *,
    external_id: str | None = None,
    may_be_used: bool = False,
    wait_for_slot: bool = True,
    is_confirmed: bool = False,
) -> Flow[Task]:
    """Create one task, if its cost is within the ceiling and the caller confirms it.

    Args:
        ctx: The context of the call.
        request: The request to create. Its own `external_task_id` is used if it has one.
        external_id: The id to use if the request has none; None makes one.
        may_be_used: Whether an earlier create may have used that id.
        wait_for_slot: False to raise 1303 at once instead of waiting for a free slot.
        is_confirmed: Whether the caller has confirmed this request before.

    Raises:
        RequestValidationError: the model is known not to support this; nothing was sent.
        SpendingError: the ceiling or the caller does not allow it; nothing was sent. A task that
            an earlier create has made under the id is returned instead: it costs nothing.
        KlingAPIError: the server refused, and no earlier attempt can have been accepted.
        TransportError: no attempt reached the server.
        ConflictError: a task of another endpoint has the id or, as a relay says, another request;
            nothing was created.
        AlreadyExistsError: an earlier create has used the id, and `options.if_exists` is
            "error".
        OutcomeUnknownError: an attempt may have been accepted, and a look-up did not settle it, or
            was not made because `options.look_up` is False.
    """
    if request.record.returns is not None:
        raise makes_no_task(request.record)
    if ctx.options.check and isinstance(request, Request) and request.check:
        require(request.record, request.parameters(), ctx.warned)
    try:
        reservation = yield from reserve(ctx, request, is_confirmed=is_confirmed)
    except SpendingError:
        known_id = request.external_task_id or (external_id if may_be_used else None)
        earlier = (yield from _earlier(ctx, request, known_id)) if known_id else None
        if earlier is None:
            raise
        return earlier
    with reservation:
        try:
            task = yield from _create(
                ctx,
                request,
                reservation,
                external_id,
                may_be_used=may_be_used,
                wait_for_slot=wait_for_slot,
            )
        except KlingAPIError as error:
            if isinstance(request, Request):  # nothing is said of a body that is the caller's own
                name_known_model(request, error)
            raise
        reservation.ids.add(task.task_id)
    return task


def _earlier(ctx: Context, request: Request | RawRequest, external_id: str) -> Flow[Task | None]:
    """Return the task that an earlier create has made under an id, or None."""
    if not (ctx.options.look_up and ctx.options.if_exists == "return"):
        return None
    if not request.record.takes_external_id:
        return None
    try:
        return (yield from find(ctx, request, external_id, ctx.until(ctx.options.deadline)))
    except KlingError:
        return None


def _create(
    ctx: Context,
    request: Request | RawRequest,
    reservation: Reservation,
    external_id: str | None,
    *,
    may_be_used: bool,
    wait_for_slot: bool,
) -> Flow[Task]:
    wire = ctx.wire_of(request)
    ids, _ = EXTERNAL_IDS.get(request.model, ("taken", None))
    # A relay takes ids, whatever the model.
    if not request.record.takes_external_id or (ids == "refused" and not ctx.is_relay):
        return (
            yield from send_once(
                ctx, request, reservation, lambda reply: wire.created(reply, request.record)
            )
        )
    external_id = request.external_task_id or external_id or new_external_id(ctx)
    reservation.ids.add(external_id)
    call = wire.create(request, external_id)
    keys = CallKeys(ctx.ring_for(call))
    ctx = attrs.evolve(ctx, keys=keys)
    attempts = _Attempts(
        ctx,
        wire,
        call,
        request.record,
        external_id,
        keys,
        reservation,
        wait_for_slot=wait_for_slot,
        sends_once=ids == "unknown" and not ctx.is_relay,
        is_new_id=request.external_task_id is None and not may_be_used,
    )
    try:
        return (yield from attempts.run())
    except KlingError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) and type(error).__module__ in sys.stdlib_module_names:
            # An unknown failure: it says nothing about what the server did.
            raise attempts.unknown(f"failed with {type(error).__name__}") from error
        # Cancellation, Ctrl-C, or the program's own, such as a signal handler's time limit.
        interrupted(error, unanswered([external_id]) if reservation.is_open else "")
        raise


def new_external_id(ctx: Context) -> str:
    """Return an id no other client will make: 128 random bits."""
    return f"sdk-{ctx.random.getrandbits(128):032x}"


def find(ctx: Context, request: Request | RawRequest, external_id: str, until: float) -> Flow[Task]:
    """Return the task that an earlier create has made under an id, by the monotonic time *until*.

    Raises:
        NotFoundError: the server does not know such a task.
        KlingAPIError: it refused to answer.
        TransportError: no answer came.
    """
    place = SHARED.get(ctx.wire_of(request).interface, request.record)
    expected = ExpectedTask(external_task_id=external_id)
    task = yield from read_task(ctx, place, expected, repeat_until(ctx, until))
    return attrs.evolve(
        task,
        external_task_id=task.external_task_id or external_id,
        endpoint=task.endpoint or request.record.name,
        reused=True,
    )


@attrs.define(eq=False, repr=False)
class _Attempts:
    """The attempts of one create, and what they leave uncertain."""

    ctx: Context
    wire: V1Wire
    call: HttpCall
    record: EndpointRecord
    external_id: str
    keys: CallKeys
    reservation: Reservation
    wait_for_slot: bool = attrs.field(kw_only=True)
    #: Whether it is not known that the model takes an id: then a repeat could buy a second task.
    sends_once: bool = attrs.field(kw_only=True)
    #: Whether nobody else can have used the id.
    is_new_id: bool = attrs.field(kw_only=True)
    #: Whether an attempt may have been accepted.
    may_be_accepted: bool = attrs.field(default=False, init=False)
    #: When the first attempt began: monotonic, and by the clock of the call.
    began: tuple[float, float] = attrs.field(init=False)
    expected: ExpectedTask = attrs.field(init=False)
    pages: RepeatedPages = attrs.field(factory=RepeatedPages, init=False)
    uncertain: KlingError | None = attrs.field(default=None, init=False)
    until: float = attrs.field(default=0.0, init=False)
    #: The deadline of all look-ups, which is set by the first.
    looks_until: float | None = attrs.field(default=None, init=False)

    @property
    def place(self) -> EndpointRecord:
        """The place at which the task is queried."""
        return SHARED.get(self.wire.interface, self.record)

    def __attrs_post_init__(self) -> None:
        self.expected = ExpectedTask(external_task_id=self.external_id)
        self.began = self.ctx.monotonic(), self.ctx.time()

    def run(self) -> Flow[Task]:
        ctx, call = self.ctx, self.call
        until = self.until = ctx.until(ctx.options.create_deadline)
        attempt = 1
        while True:
            self.reservation.note("sent")
            try:
                # A refusal does not name a task. Over a new connection it can only be this call's.
                fresh = not (ctx.options.reuse_connections or ctx.server.echoes)
                reply = yield from exchange(ctx, call, self._read, until, attempt, fresh=fresh)
            except AlreadyExistsError as error:
                return (yield from self._existing(error))
            except (KlingAPIError, TransportError) as error:
                error.about(external_task_id=self.external_id)
                self._note(error)
                if self.sends_once and self.uncertain is not None:
                    return (yield from self._give_up(error))
                if self.sends_once and isinstance(error, InvalidRequestError):
                    _explain_the_id(error)
                self.pages.note(error)
                if self.pages.are_all_the_same:
                    raise self.unknown(WRONG_ADDRESS) from error
                pause = ctx.policy.pause(error, attempt, until - ctx.monotonic())
                if pause is None or (error_is_busy(error) and not self.wait_for_slot):
                    return (yield from self._give_up(error))
                note_retry(ctx, call, attempt, pause, error)
                yield Sleep(pause)
                if ctx.cancelled():
                    return (yield from self._give_up(error))
            else:
                return (yield from self._accepted(*reply))
            attempt += 1

    @staticmethod
    def _may_be_anothers(error: KlingError) -> bool:
        """Return whether a refusal may be the reply to another request on its connection."""
        return isinstance(error, KlingAPIError) and error.is_refusal and error.over_used_connection

    def _read(self, reply: Reply) -> tuple[Task, Reply]:
        """Return the reply's task, which is ours or does not say whose it is."""
        task = self.wire.created(reply, self.record)
        named = self.expected.named_by(task)
        if named is False:
            raise MismatchedReplyError(
                "the response has a different external_task_id than the one sent: "
                "it belongs to another request"
            )
        return task, reply

    def _accepted(self, task: Task, reply: Reply) -> Flow[Task]:
        """Return the created task: a reply that does not name our id is confirmed first."""
        if task.external_task_id or reply.matched:
            return self._named(task)
        if not self.ctx.options.look_up:
            raise self._unconfirmed(task)
        try:
            existing = yield from self._look_up(fresh=True)
        except KlingError as failure:
            if not (isinstance(failure, TransportError) and failure.page):
                raise self._unconfirmed(task) from failure
            existing = None  # the server does not have this path: it cannot be queried
        if existing is not None and (
            existing.task_id == task.task_id or self.expected.named_by(existing)
        ):
            return self._named(existing)
        if existing is not None or not reply.fresh:
            raise self._unconfirmed(task)
        # It is the only reply that this connection can have had.
        log.info(
            "task %s: the server does not know external_task_id %s", task.task_id, self.external_id
        )
        return self._named(task)

    def _unconfirmed(self, task: Task) -> OutcomeUnknownError:
        error = self.unknown(
            f"the response was about task {task.task_id} without this id, "
            "and a query did not confirm it"
        )
        return error.about(task_id=task.task_id)

    def _note(self, error: KlingError) -> None:
        """Remember the first failure after which the server may have accepted the task."""
        may_be_done = maybe_done(error) or self._may_be_anothers(error)
        self.may_be_accepted |= may_be_done
        if maybe_done(error) and self.uncertain is None:
            self.uncertain = error
            self.keys.hold()
        if self.uncertain is None and not may_be_done:
            self.reservation.note("refused")

    def _existing(self, error: KlingAPIError) -> Flow[Task]:
        """Return the task that a create with this id made: ours, or an earlier process's."""
        if not self.ctx.options.look_up:
            raise self.unknown("its id is already in use") from error
        try:
            task = yield from self._look_up()
        except KlingError as failure:
            raise self.unknown("its id is already in use, but the task cannot be read") from failure
        if task is None:
            task = yield from self._find_elsewhere(error)
            if task is not None:  # so this create has not made it
                return self._reused(self._named(task), error)
            # The server knows the id and does not show the task: ask again later.
            raise self.unknown(
                "its id is already in use, but the server does not show the task"
            ) from error
        return self._ours_or_earlier(self._named(task), error)

    def _ours_or_earlier(self, task: Task, error: KlingError) -> Task:
        """Return the task that has our id, marked if an earlier create has made it."""
        if self.is_new_id or (self.may_be_accepted and not self._is_earlier(task)):
            return task
        return self._reused(task, error)

    def _is_earlier(self, task: Task) -> bool:
        """Return whether a task was made before the first attempt, by the server's clock."""
        ctx, (monotonic, began) = self.ctx, self.began
        if task.created_at is None or ctx.is_relay:  # a relay compares the requests
            return False
        if ctx.is_real_time:
            # An emulator that asks for other pauses has another time than this computer.
            now = server_time(ctx.server) if ctx.server.poll_after is None else None
            if now is None:
                return False
            began = now - (ctx.monotonic() - monotonic)
        return task.created_at.timestamp() < began - _CLOCK_ERROR

    def _reused(self, task: Task, error: KlingError) -> Task:
        self.reservation.note("refused")
        log.info("external_task_id %s had a task already: %s", self.external_id, task.task_id)
        if self.ctx.options.if_exists == "error":
            if not isinstance(error, AlreadyExistsError):
                text = f"external_task_id {self.external_id} had a task before this create"
                error = AlreadyExistsError(text, code=1201, http_status=400, is_refusal=True)
            raise error.about(task_id=task.task_id, external_task_id=self.external_id)
        return attrs.evolve(task, reused=True)

    def _find_elsewhere(self, error: KlingAPIError) -> Flow[Task | None]:
        """Return the task with our id if the other interface has it, or None.

        An account accepts an id once across all its endpoints and interfaces. `/tasks` does not say
        which product a task belongs to, so a task there counts as an earlier one of ours;
        `/solutions` has other products.

        Raises:
            ConflictError: another endpoint has it, so ours was not accepted.
        """
        if not self.wire.shares_external_ids:
            return None
        for place in self._other_places():
            if self.looks_until is not None and self.ctx.monotonic() >= self.looks_until:
                break
            task = yield from self._look_elsewhere(place)
            is_product_of_ours = self.record.solution is None and place is TASKS
            if task is not None and place is not self.record and not is_product_of_ours:
                self.reservation.note("refused")
                raise ConflictError(
                    f"external_task_id {self.external_id} belongs to a task of "
                    f"{place.name or place.path}; "
                    f"nothing was created. Use another id for this {self.record.name} request",
                    code=error.code,
                    http_status=error.http_status,
                    request_id=error.request_id,
                    is_refusal=True,
                ).about(task_id=task.task_id, external_task_id=self.external_id) from error
            if task is not None:  # of the same endpoint, at the other interface
                return task
        return None

    def _other_places(self) -> Iterator[EndpointRecord]:
        """Yield the other places at which a task may have our id."""
        for record in ENDPOINTS.values():
            place = place_for(record)
            if place is record and record is not self.place and record.takes_external_id:
                yield record
        if self.ctx.can_ask_tasks:
            yield from (place for place in (TASKS, SOLUTIONS) if place is not self.place)

    def _look_elsewhere(self, place: EndpointRecord) -> Flow[Task | None]:
        try:
            return (yield from self._look_up(place))
        except KlingError:
            return None  # it cannot be queried; the outcome stays unknown

    def _give_up(self, error: KlingError) -> Flow[Task]:
        """Raise what is known: a refusal if every attempt was refused, else ask once more."""
        # A conflict proves that the id belongs to another request, so ours was not accepted.
        is_certain = self.uncertain is None or isinstance(error, ConflictError)
        if is_certain and self._may_be_anothers(error):
            return (yield from self._confirm(error))
        if is_certain:
            self.reservation.note("refused")
            raise error
        if is_unexplained_conflict(error):
            # A task that has the id may be another request's.
            raise self.unknown("the response is a 409 without a known code") from error
        if not self.ctx.options.look_up:
            raise self.unknown(f"it failed with {type(error).__name__}") from error
        if (
            isinstance(error, UnreachableError)
            and error.maybe_sent
            and (error.is_final or not self.ctx.server.answered)
        ):
            raise self.unknown(f"the address is probably wrong: {error.args[0]}") from error
        try:
            task = yield from self._look_up()
        except KlingError as failure:
            raise self.unknown(f"a query failed with {type(failure).__name__}") from error
        if task is None:
            # "Not found" does not prove anything: a server may accept late.
            raise self.unknown("the server does not show the task yet") from error
        return self._ours_or_earlier(self._named(task), error)

    def _confirm(self, error: KlingError) -> Flow[Task]:
        """Raise a refusal that came over a used connection, unless there is a task of ours."""
        if isinstance(error, ConflictError):
            return (yield from self._confirm_conflict(error))
        try:
            task = yield from self._look_up(fresh=True)
        except KlingError as failure:
            raise self.unknown(f"a query failed with {type(failure).__name__}") from error
        if task is None:
            self.reservation.note("refused")
            raise error
        log.warning(
            "a refusal belonged to another request: %s is %s", self.external_id, task.task_id
        )
        return self._ours_or_earlier(self._named(task), error)

    def _confirm_conflict(self, error: ConflictError) -> Flow[Task]:
        """Send the create once more over a new connection, and raise the conflict if it is one.

        A look-up would find the task of the other request, which has the id.
        """
        until = self.ctx.until(max(_LOOKUP_RESERVE, self.until - self.ctx.monotonic()))
        self.reservation.note("sent")
        try:
            reply = yield from exchange(self.ctx, self.call, self._read, until, fresh=True)
        except KlingError as failure:
            if isinstance(failure, ConflictError) and not failure.over_used_connection:
                self.reservation.note("refused")
                raise failure.about(external_task_id=self.external_id) from None
            raise self.unknown(f"repeating it failed with {type(failure).__name__}") from error
        return (yield from self._accepted(*reply))

    def _look_up(
        self, record: EndpointRecord | None = None, *, fresh: bool = False
    ) -> Flow[Task | None]:
        self.keys.hold()
        if self.looks_until is None:
            self.looks_until = max(self.until, self.ctx.until(_LOOKUP_RESERVE))
        ctx, asking = self.ctx, repeat_until(self.ctx, self.looks_until)
        try:
            return (
                yield from read_task(ctx, record or self.place, self.expected, asking, fresh=fresh)
            )
        except NotFoundError:
            return None

    def _named(self, task: Task) -> Task:
        """Return *task* with its external id and endpoint, which some replies leave out."""
        if task.external_task_id and task.endpoint:
            return task
        return attrs.evolve(
            task,
            external_task_id=task.external_task_id or self.external_id,
            endpoint=task.endpoint or self.record.name,
        )

    def unknown(self, why: str) -> OutcomeUnknownError:
        repeat = f"repeat it with external_task_id={self.external_id!r}"
        if self.sends_once:
            repeat = (
                "look at the account's costs, before you repeat it: the model may not take an "
                "external_task_id, and then a repeat is paid for again"
            )
        return OutcomeUnknownError(
            f"the create may have been accepted ({why}); do not send it under another id. "
            f"Look it up with get({self.external_id!r}), or {repeat}",
            external_task_id=self.external_id,
        )


def _explain_the_id(error: InvalidRequestError) -> None:
    """Say in a refusal that names the `external_task_id` what to do about it."""
    if "external_task_id" in error.message.lower():
        error.reword(f"{error.message}; {_ALWAYS_SENT}")


def error_is_busy(error: KlingError) -> bool:
    """Return True for 1303: all slots are taken."""
    return isinstance(error, ConcurrencyLimitError)
