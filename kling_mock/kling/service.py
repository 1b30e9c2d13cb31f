"""The three calls of each endpoint, without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from kling_mock.kling.endpoints.field_checks import refuse
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.progress_rules import TYPICAL
from kling_mock.kling.wire.v1 import created, listed, queried
from kling_mock.kling.world import World
from kling_mock.web.facts import documented

__all__ = ["PAGES", "PAGING", "create", "get", "list_tasks"]

# name -> lowest, highest, default. That a value outside is refused is assumed.
PAGING = {"pageNum": (1, 1000, 1), "pageSize": (1, 500, 30)}
PAGES = documented("pages-2026-04", "pages-2026-09", as_of="2026-09-20")


def create(
    world: World, account: Account, endpoint: str, body: bytes, origin: Callable[[], str]
) -> str:
    """Take a request as a new task; return the answer's `data` as JSON.

    Args:
        world: Where the tasks are.
        account: Who asks.
        endpoint: On which endpoint.
        body: The request's body.
        origin: Returns scheme, host and port that result URLs begin with.

    Raises:
        Refusal: It is not accepted; nothing has changed.
    """
    # Loaded by the first create: much of a server's start would be spent on rules that one
    # that is only started and asked for its health has no use for.
    from kling_mock.kling.endpoints.validation import plan, read_object

    said = read_object(body)
    wanted = plan(endpoint, said, discontinued=world.discontinued, characters=account.characters)
    task = world.submit(account, wanted, origin() if wanted.callback_url else "")
    data = created(task)
    if task.pace is not TYPICAL and task.pace.kind == "instant":
        world.end(task)
    return data


def get(world: World, account: Account, endpoint: str, name: str, origin: str) -> str:
    """Return the task with the task id or external id *name*, as JSON.

    Raises:
        Refusal: The account has no such task on this endpoint.
    """
    task = world.tasks.find(account, endpoint, name)
    if world.looks_count:
        world.look(task)
    return queried(task, origin)


def list_tasks(world: World, account: Account, endpoint: str, query: str, origin: str) -> str:
    """Return one page of tasks, newest first, as JSON.

    Args:
        world: Where the tasks are.
        account: Whose tasks.
        endpoint: On which endpoint.
        query: The query string; other names than pageNum and pageSize are ignored.
        origin: Scheme, host and port that result URLs begin with.

    Raises:
        Refusal: 400/1201, a number out of range.
    """
    given = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    number, size = (_page_number(name, given.get(name)) for name in PAGING)
    tasks = world.tasks.page(account, endpoint, number, size)
    if world.looks_count:
        for task in tasks:
            world.look(task)
    return listed(tasks, origin)


def _page_number(name: str, given: str | None) -> int:
    low, high, default = PAGING[name]
    if given is None:
        return default
    readable = given.isascii() and given.isdigit() and len(given) <= len(str(high))
    if not (readable and low <= int(given) <= high):
        raise refuse(name, f"must be a whole number from {low} to {high}", given)
    return int(given)
