"""The requests of a batch: read one by one, with or without names, each id for one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs

from kling_sdk.endpoints.base import Request
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows.effects import NO_ITEM
from kling_sdk.flows.external_ids import check_name, digest_of, external_id_for
from kling_sdk.flows.spending import Reservation

#: Requests, pairs of a name and a request, or a mapping of these.
Requests = Iterable[Request] | Iterable[tuple[str, Request]] | Mapping[str, Request]


@attrs.define(order=False, eq=False)
class BatchJob:
    """A request on its way to a task.

    Attributes:
        index: Its position in the input.
        request: The request.
        name: Its name; None without one.
        external_id: The id that it keeps over all its attempts; "" before the first one, unless
            it has a name.
        problem: Why it is not sent, or None.
        reservation: The units that are reserved for it below the batch's own ceiling.
        started: When its create started, in monotonic time.
        is_try: Whether the create only tests if a slot is free.
        is_confirmed: Whether the caller has confirmed it.
    """

    index: int
    request: Request
    name: str | None = None
    external_id: str = attrs.field(default="", init=False)
    problem: RequestValidationError | None = attrs.field(default=None, init=False)
    reservation: Reservation = attrs.field(factory=Reservation, init=False)
    started: float = attrs.field(default=0.0, init=False)
    is_try: bool = attrs.field(default=False, init=False)
    is_confirmed: bool = attrs.field(default=False, init=False)

    def __lt__(self, other: BatchJob) -> bool:
        return self.index < other.index

    @property
    def own_id(self) -> str | None:
        """The id that the caller has chosen, which an earlier create may have used; or None."""
        return self.request.external_task_id or (self.external_id if self.name else None)


@attrs.define(eq=False)
class BatchInput:
    """The requests that have not been taken yet.

    Attributes:
        entries: The remaining entries.
        is_sized: Whether all of them are at hand. Requests of an iterator are not taken just to be
            refused.
        is_over: Whether all of them have been taken.
    """

    entries: Iterator[Any] | AsyncIterator[Any]
    is_sized: bool
    is_over: bool = attrs.field(default=False, init=False)
    _count: int = attrs.field(default=0, init=False)
    _users: dict[str, tuple[int, str]] = attrs.field(factory=dict, init=False)

    @classmethod
    def of(cls, requests: Requests | AsyncIterable[Any]) -> BatchInput:
        """Return the input that reads *requests*."""
        if isinstance(requests, AsyncIterable):
            return cls(aiter(requests), is_sized=False)
        return cls(iter(_entries(requests)), isinstance(requests, Collection))

    def take(self) -> BatchJob | None:
        """Return the next request, or None when there are no more."""
        assert isinstance(self.entries, Iterator)  # noqa: S101 - others are read by a child
        return self.job_of(next(self.entries, NO_ITEM))

    def job_of(self, entry: object) -> BatchJob | None:
        """Return an entry as a job, or None at the end.

        Raises:
            TypeError: it is not a request, with or without a name.
        """
        if entry is NO_ITEM:
            self.is_over = True
            return None
        job = BatchJob(self._count, *_request_and_name(entry))
        self._count += 1
        try:
            if not self.is_sized:  # else all were checked before the first one was sent
                _check(job, self._users)
            if job.name is not None:
                job.external_id = external_id_for(job.request, job.name)
        except RequestValidationError as error:
            job.problem = error
        return job


def check_all(requests: Requests) -> None:
    """Refuse a whole collection if one part cannot be sent, so that nothing is bought.

    Raises:
        TypeError: one of them is not a request, with or without a name.
        RequestValidationError: a name cannot be part of an id, or two different requests share an
            id.
    """
    jobs = [BatchJob(at, *_request_and_name(entry)) for at, entry in enumerate(_entries(requests))]
    uses = Counter(job.request.external_task_id for job in jobs)
    users: dict[str, tuple[int, str]] = {}
    for job in jobs:
        if job.name is not None or uses[job.request.external_task_id] > 1:
            _check(job, users)


def _entries(requests: Requests) -> Iterable[object]:
    return requests.items() if isinstance(requests, Mapping) else requests


def _request_and_name(entry: object) -> tuple[Request, str | None]:
    match entry:
        case Request():
            return entry, None
        case str() as name, Request() as request:
            return request, name
        case _:
            raise TypeError(
                "run_many takes Request objects, or pairs of a name and a Request, "
                f"not a {type(entry).__name__}"
            )


def _check(job: BatchJob, users: dict[str, tuple[int, str]]) -> None:
    """Raise `RequestValidationError` if another request has the id of *job*, or its name is bad."""
    if job.name is not None:
        check_name(job.name)
    own_id = job.request.external_task_id
    if own_id is None:
        return
    content = f"{job.request.endpoint} {digest_of(job.request)}"
    first, first_content = users.setdefault(own_id, (job.index, content))
    if first_content != content:
        raise RequestValidationError(
            "external_task_id",
            f"of request {job.index} is also that of request {first}, which is a different one",
            "an id of its own, such as external_id_for returns",
        )
