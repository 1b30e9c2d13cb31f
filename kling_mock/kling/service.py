"""The calls of an endpoint, without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from kling_mock.kling.endpoints.field_checks import FieldReader, check_fields
from kling_mock.kling.endpoints.library_parts import delete_fields
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import CallContext, DirectCall, EmulatedEndpoint
from kling_mock.kling.endpoints.registry import RoutedCall
from kling_mock.kling.endpoints.validation import make_plan, prompt_of, read_object
from kling_mock.kling.journal.entries import BODY_KEPT
from kling_mock.kling.journal.matching import Subject
from kling_mock.kling.journal.notes import Note
from kling_mock.kling.media.urls import RETENTION_SECONDS, OutputType
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import Purchase
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.model.progress import TYPICAL
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.service_codes import Refusal
from kling_mock.kling.wire.v1 import listed_presets, page_of
from kling_mock.kling.world import World
from kling_mock.web.values import stands_for_no_value


def create(
    world: World,
    account: Account,
    call: RoutedCall,
    body: bytes,
    origin: Callable[[], str],
    noticed: Noticed,
) -> str:
    """Make a task of a valid request; return the reply's `data` as JSON.

    Args:
        world: Where the tasks are.
        call: The endpoint, and the parameter of its path.
        body: The request's body.
        origin: Returns scheme, host and port that result URLs begin with.
        noticed: Collects the notes.

    Raises:
        Refusal: It is refused; nothing has changed.
    """
    record = call.record
    context = _context(world, account, record, call.name, noticed)
    try:
        fields = read_object(body)
        plan = make_plan(record, fields, context)
    except Refusal:
        noticed.is_refused = True
        raise
    task = world.submit(account, plan, origin() if plan.callback_url else "")
    if len(body) > BODY_KEPT:  # a smaller body cannot contain an image worth viewing
        world.inputs.keep(task.task_id, fields)
    data = record.interface.created(task)
    if task.progress is not TYPICAL and task.progress.kind == "instant":
        world.end(task)
    return data


def _context(
    world: World, account: Account, record: EmulatedEndpoint, name: str, noticed: Noticed
) -> CallContext:
    """Return the context that a request is judged by, in addition to its body."""
    known = world.endpoints.names[record.interface.name]
    return CallContext(
        FieldReader(noticed, known.fields),
        name,
        known.models,
        world.retired,
        account.characters,
        partial(_plan_of, world, account, "video"),
        partial(_plan_of, world, account, "audio"),
        lambda kind, session_id: world.sessions.find(account, kind, session_id, world.clock.now()),
        world.library.item,
        partial(world.library.may_use, account),
    )


def _plan_of(world: World, account: Account, type_: OutputType, result_id: str) -> Plan | None:
    """Return the plan of a task whose results of a type have this id, while they are retained."""
    oldest = world.clock.now() - RETENTION_SECONDS
    return world.tasks.plan_of(account, type_, result_id, oldest)


def get(world: World, account: Account, call: RoutedCall, origin: str, noticed: Noticed) -> str:
    """Return the task with the task id or external id of the path, as JSON.

    Raises:
        Refusal: The account does not have such a task on this endpoint.
    """
    try:
        task = world.tasks.find(account, call.record.name, call.name)
    except Refusal:
        note_strange_id(call.name, noticed)
        _note_other_endpoint(world, account, call, noticed)
        raise
    return _show(world, call.record, origin, task)


def note_strange_id(name: str, noticed: Noticed) -> None:
    """Note that a query uses a word for a missing value, such as other languages write."""
    if stands_for_no_value(name):
        noticed.misdirected("task_id", "it stands for a missing value, and is not an id")


def _note_other_endpoint(
    world: World, account: Account, call: RoutedCall, noticed: Noticed
) -> None:
    """Note that a query has the id of a task of another endpoint; external ids are not noted."""
    task = world.tasks.by_id(account, call.name)
    if task is None:
        return
    own = world.endpoints[task.plan.endpoint]
    if own.interface is call.record.interface:
        text = f"the task belongs to {own.name}, and {call.record.name} does not show it"
        noticed.misdirected("task_id", text)
    else:
        _note_other_interface(world, task, f"{call.record.path}/{task.task_id}", noticed)


def _note_other_interface(world: World, task: EmulatedTask, query: str, noticed: Noticed) -> None:
    """Note that a query has the id of a task that another path shows.

    It is unexpected unless the task is found later: the SDK looks in several places for an id
    without an endpoint.

    Args:
        query: The path, or the path and query, that does not show the task.
    """
    own = world.endpoints[task.plan.endpoint]
    right = f"{own.path}/{task.task_id}"
    if not any(route.operation == "get" for route in own.routes):
        path = next(route.path for route in own.routes if route.operation == "list")
        right = f"{path}?task_ids={task.task_id}"
    text = f"the task was made by POST {task.plan.path}; ask GET {right}"
    noticed.add(Note("refused", "task_id", text))
    world.findings.note_misdirected(task.task_id, f"GET {query}: {text}")


def _show(world: World, record: EmulatedEndpoint, origin: str, task: EmulatedTask) -> str:
    """Return a task as a query of the endpoint shows it; one that waits for queries moves on."""
    world.findings.note_found(task.task_id)
    if world.counts_queries:
        world.count_query(task)
    if world.busy_polling is not None:
        world.note_query(world.busy_polling, task)
    return record.interface.queried(task, origin)


def list_tasks(
    world: World,
    account: Account,
    record: EmulatedEndpoint,
    query: str,
    origin: str,
    noticed: Noticed,
) -> str:
    """Return the tasks that a list shows, as JSON.

    Args:
        world: Where the tasks are.
        account: The owner of the tasks.
        query: The query string.
        origin: Scheme, host and port that result URLs begin with.
        noticed: Collects the notes.

    Raises:
        Refusal: 400/1201, the query is wrong.
    """
    select, max_page_size = record.interface.select, record.max_page_size
    tasks = select(world.tasks, account, record.name, query, max_page_size)
    for task in tasks:
        world.findings.note_found(task.task_id)
    for name in record.interface.named(query):
        other = world.tasks.by_id(account, name)
        if other is not None and other not in tasks:
            path = next(route.path for route in record.routes if route.operation == "list")
            _note_other_interface(world, other, f"{path}?task_ids={name}", noticed)
    if world.counts_queries:
        for task in tasks:
            world.count_query(task)
    if world.busy_polling is not None:
        for task in tasks:
            world.note_query(world.busy_polling, task)
    return record.interface.listed(tasks, origin)


def list_presets(world: World, record: EmulatedEndpoint, query: str, origin: str) -> str:
    """Return one page of the library items that every account has, as JSON.

    Args:
        record: The endpoint that makes more such items.
        query: The query string.
        origin: Scheme, host and port that URLs begin with.

    Raises:
        Refusal: 400/1201, the query is wrong.
    """
    number, size = page_of(query, record.max_page_size)
    return listed_presets(world.library.page(record.name, number, size), origin)


def delete_item(
    world: World, account: Account, record: EmulatedEndpoint, body: bytes, noticed: Noticed
) -> str:
    """Delete an item of the account's library; return the reply's `data` as JSON.

    Raises:
        Refusal: It is refused; nothing has changed.
    """
    library = record.library
    if library is None:
        raise Refusal(1202)
    reader = FieldReader(noticed, world.endpoints.names[record.interface.name].fields)
    fields = check_fields(delete_fields(library), read_object(body), reader)
    task = world.library.delete(account, library.kind, fields[library.id_field])
    return f'{{"task_id":"{task.task_id}","task_status":"{task.status}"}}'


def reply(
    world: World,
    account: Account,
    record: EmulatedEndpoint,
    body: bytes,
    query: str,
    origin: Callable[[], str],
    noticed: Noticed,
) -> str:
    """Return the `data` of a call that does not make a task, as JSON.

    Args:
        body: The request's body.
        query: The query string.
        origin: Returns scheme, host and port that result URLs begin with.
        noticed: Collects the notes.

    Raises:
        Refusal: It is refused; nothing has changed.
    """
    if record.reply is None:
        raise Refusal(1202)
    fields: dict[str, Any] = {}
    context = _context(world, account, record, "", noticed)
    if record.method != "GET":
        try:
            fields = check_fields(record.fields, read_object(body), context.reader)
        except Refusal:
            noticed.is_refused = True
            raise
    purchase = Purchase(record.name, "", record.units_per_call, record.pack)
    subject = Subject(record.method, record.path, account.name, prompt_of(record.fields, fields))
    return record.reply(
        DirectCall(
            account=account,
            fields=fields,
            query=query,
            now=world.clock.now(),
            tasks=world.tasks,
            show=partial(_show, world, record, origin()),
            context=context,
            origin=origin,
            sessions=world.sessions,
            library=world.library,
            charge=partial(world.charge, account, purchase, subject),
        )
    )
