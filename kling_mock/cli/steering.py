"""`kling-mock tail`, `tasks`, `advance`, `complete`, `fail`, `trigger`, `replay-callback`, `fault`.

They steer a running server through its admin API.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kling_mock.cli.options import (
    Argument,
    add_arguments_of,
    add_command,
    flag,
    number,
    option,
    sentences,
)
from kling_mock.cli.output import (
    delivery_line,
    note,
    print_error,
    print_json,
    print_line,
    request_line,
    task_line,
)

if TYPE_CHECKING:
    from kling_mock.cli.admin_client import AdminClient

Run = Callable[["AdminClient", argparse.Namespace], int]

_STATUS = "exit status: 0 done; 1 refused, not found, or no server responds; 2 a wrong argument"
_TAIL_PAUSE = 0.3  # seconds between two polls
_TAIL_PAGE = 200  # rows of a poll
_UNITS: Final[Mapping[str, int]] = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_MODEL = "kling-v2-6"  # of the task that `trigger` creates; must not be retired
_NOT_FOUND = 404
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)([dhms]))+")


def seconds_of(text: str) -> float:
    """Return the seconds of `90`, `90s`, `5m`, `1h30m` or `1d`.

    Raises:
        argparse.ArgumentTypeError: The text does not have one of these forms.
    """
    try:
        return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else _with_units(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be seconds, or a time such as 5m, 1h30m or 1d; got {text!r}"
        ) from None


def _with_units(text: str) -> float:
    if _DURATION.fullmatch(text) is None:
        raise ValueError
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)([dhms])", text))


class _Command(NamedTuple):
    """One command.

    Attributes:
        run: Does it; `None` if the actions do.
        arguments: Its arguments, in addition to those that all have.
        about: More about it.
        actions: The commands below it: the text of each, and its row.
    """

    run: Run | None
    arguments: tuple[Argument, ...] = ()
    about: str = ""
    actions: Mapping[str, tuple[str, _Command]] = {}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Give a command its description and its arguments."""
    parser.description = sentences(parser.description or "", _COMMANDS[name].about)
    parser.epilog = _STATUS
    _add_arguments(parser, _COMMANDS[name])


def _add_arguments(parser: argparse.ArgumentParser, command: _Command) -> None:
    if command.run is None:
        actions = parser.add_subparsers(required=True, metavar="ACTION")
        for name, (text, action) in command.actions.items():
            _add_arguments(add_command(actions, name, text, action.about, _STATUS), action)
        return
    parser.set_defaults(run=partial(_run, command.run))
    server = option(
        "--server",
        "URL of the emulated Kling (the admin token in KLING_MOCK_ADMIN_TOKEN), or a file "
        "with the ready line of 'serve'; without it the one that was started on a terminal",
        "WHERE",
        default=os.environ.get("KLING_MOCK_SERVER") or None,
    )
    as_json = flag("--json", "print each row as a line of JSON")
    add_arguments_of(parser, (server, as_json, *command.arguments))


def _run(command: Run, options: argparse.Namespace) -> int:
    # Loaded late: the HTTP client takes most of a command's start-up time.
    from kling_mock.cli.admin_client import AdminError, connect

    try:
        with connect(options.server) as client:
            return command(client, options)
    except ValueError as error:
        print_error(error)
        return 2
    except AdminError as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        return 0


def _show(options: argparse.Namespace, row: Mapping[str, Any], line: str) -> None:
    """Print a row: as a line for a person, or as JSON."""
    if options.json:
        print_json(dict(row))
    else:
        print_line(line)


# ---------------------------------------------------------------- looking


def _tail(client: AdminClient, options: argparse.Namespace) -> int:
    follower = _Follower(client, options)
    older = follower.news()
    for row, line in older[max(0, len(older) - options.lines) :]:
        _show(options, row, line)
    while not options.no_follow:
        time.sleep(_TAIL_PAUSE)
        for row, line in follower.news():
            _show(options, row, line)
    return 0


class _Follower:
    """Reader of the new rows in the journal and among the callbacks, each once."""

    def __init__(self, client: AdminClient, options: argparse.Namespace) -> None:
        self._client = client
        self._filters = {"match": options.match, "account": options.account}
        self._seen = 0  # the number of the newest request that was shown
        self._attempts: dict[str, int] = {}  # delivery -> attempts that were shown

    def news(self) -> list[tuple[Mapping[str, Any], str]]:
        """Return the new rows and their lines, the oldest first."""
        events = [(row["at"], row, request_line(row)) for row in reversed(self._requests())]
        if self._filters["match"] is None:
            events += self._deliveries()
        events.sort(key=lambda event: event[0])
        return [(row, line) for _, row, line in events]

    def _requests(self) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        before: int | None = None
        while True:
            page = self._client.call(
                "list_journal", limit=_TAIL_PAGE, before=before, **self._filters
            )
            newest = page["data"][0]["number"] if page["data"] else 0
            if before is None and newest < self._seen:
                self._seen = 0  # the server was reset
            new = [row for row in page["data"] if row["number"] > self._seen]
            rows += new
            before = page["next_before"]
            if len(new) < _TAIL_PAGE or before is None or not self._seen:
                break
        self._seen = max([self._seen, *(row["number"] for row in rows)])
        return rows

    def _deliveries(self) -> list[tuple[float, Mapping[str, Any], str]]:
        events: list[tuple[float, Mapping[str, Any], str]] = []
        known, self._attempts = self._attempts, {}
        for row in reversed(self._client.call("list_deliveries", limit=_TAIL_PAGE)["data"]):
            if self._filters["account"] not in {None, row["account"]}:
                continue
            attempts = row["attempts"]
            printed = known.get(row["delivery_id"], 0)
            self._attempts[row["delivery_id"]] = len(attempts)
            events += [
                (attempt["at"], row, delivery_line(row, attempt, number))
                for number, attempt in enumerate(attempts, 1)
                if number > printed
            ]
        return events


def _tasks(client: AdminClient, options: argparse.Namespace) -> int:
    rows = client.call("list_tasks", status=options.status, limit=options.limit)["data"]
    for row in rows:
        _show(options, row, task_line(row))
    if not (rows or options.json):
        note("no such task" if options.status else "no task")
    return 0


# ---------------------------------------------------------------- moving on


def _advance(client: AdminClient, options: argparse.Namespace) -> int:
    clock = client.call("advance_clock", seconds=options.time)
    local_time = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clock["now"]))
    _show(options, clock, f"it is {local_time} on the server's clock")
    return 0


def _complete(client: AdminClient, options: argparse.Namespace) -> int:
    return _end(client, options, "complete_task")


def _fail(client: AdminClient, options: argparse.Namespace) -> int:
    return _end(client, options, "fail_task", code=options.code, message=options.message)


def _end(client: AdminClient, options: argparse.Namespace, call: str, **settings: Any) -> int:
    for task_id in _task_ids(client, options):
        row = client.call(call, task_id=task_id, **settings)
        _show(options, row, task_line(row))
    return 0


def _task_ids(client: AdminClient, options: argparse.Namespace) -> Sequence[str]:
    """Return the ids of the tasks that a command names.

    Raises:
        ValueError: The command does not name tasks in exactly one way.
        AdminError: There is no such task.
    """
    from kling_mock.cli.admin_client import AdminError

    if bool(options.tasks) + bool(options.latest) + bool(options.all) != 1:
        raise ValueError("no task given; give ids, --latest or --all")
    if options.tasks:
        return list(options.tasks)
    ids = _open_tasks(client)
    if not ids:
        raise AdminError("no task is open")
    return ids[:1] if options.latest else ids[::-1]


def _open_tasks(client: AdminClient) -> list[str]:
    """Return the ids of the open tasks, the newest first."""
    ids: list[str] = []
    for status in ("submitted", "processing"):
        before: str | None = None
        while True:
            page = client.call("list_tasks", status=status, limit=200, before=before)
            ids += [row["task_id"] for row in page["data"]]
            before = page["next_before"]
            if before is None:
                break
    return sorted(ids, reverse=True)


# ---------------------------------------------------------------- callbacks


def _trigger(client: AdminClient, options: argparse.Namespace) -> int:
    key = client.server.api_key or client.call("add_api_key", account="default")["api_key"]
    body = {
        "model_name": _MODEL,
        "prompt": "sent by kling-mock trigger",
        "callback_url": options.to,
    }
    if options.external_id:
        body["external_task_id"] = options.external_id
    task_id = client.create("/v1/videos/text2video", key, body)["task_id"]
    client.call("complete_task" if options.event == "succeed" else "fail_task", task_id=task_id)
    return _show_deliveries(client, options, task_id)


def _replay(client: AdminClient, options: argparse.Namespace) -> int:
    from kling_mock.cli.admin_client import AdminError

    changes = {"url": options.to, "body": options.body}
    body = {
        "resign": bool(options.resign),
        **{key: change for key, change in changes.items() if change},
    }
    try:
        sent = client.call("replay_delivery", body, delivery_id=options.what)
    except AdminError as error:
        if error.status != _NOT_FOUND:
            raise
    else:
        return _show_deliveries(client, options, delivery_id=sent["delivery_id"])
    if any(changes.values()):
        raise ValueError("--to and --body: change one delivery; give its id, not a task's")
    client.call("replay_task", body, task_id=options.what)
    return _show_deliveries(client, options, options.what)


def _show_deliveries(
    client: AdminClient,
    options: argparse.Namespace,
    task_id: str | None = None,
    delivery_id: str | None = None,
) -> int:
    """Print the responses to callbacks; return 0 if every last attempt was accepted."""
    rows: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        page = client.call("list_deliveries", limit=_TAIL_PAGE, task_id=task_id, before=before)
        rows += page["data"]
        if (before := page["next_before"]) is None:
            break
    accepted = True
    for row in reversed(rows):
        if delivery_id not in {None, row["delivery_id"]}:
            continue
        attempts = row["attempts"]
        if attempts:
            _show(options, row, delivery_line(row, attempts[-1], len(attempts)))
        else:
            # Dropped by a fault: all others were tried before the call was answered.
            _show(options, row, f"{row['task_status']} of {row['task_id']}: {row['state']}")
        accepted = accepted and bool(attempts) and attempts[-1]["status"] // 100 == 2
    return 0 if accepted else 1


# ---------------------------------------------------------------- faults


def _add_fault(client: AdminClient, options: argparse.Namespace) -> int:
    names = ("kind", "match", "times", "after", "probability", "account", "external_id", "prompt")
    settings = dict(map(_setting, options.settings))
    parameters = {name: getattr(options, name) for name in names}
    _show_fault(options, client.call("add_fault", settings, **parameters))
    return 0


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"a setting must be NAME=VALUE, such as http=503; got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _list_faults(client: AdminClient, options: argparse.Namespace) -> int:
    rows = client.call("list_faults")["data"]
    for row in rows:
        _show_fault(options, row)
    if not (rows or options.json):
        note("no fault is set; 'kling-mock fault add' sets one")
    return 0


def _remove_fault(client: AdminClient, options: argparse.Namespace) -> int:
    client.call("remove_fault", fault_id=options.fault_id)
    _show(options, {"removed": 1}, f"{options.fault_id} has ended")
    return 0


def _clear_faults(client: AdminClient, options: argparse.Namespace) -> int:
    reply = client.call("clear_faults")
    _show(options, reply, f"faults that have ended: {reply['removed']}")
    return 0


def _show_fault(options: argparse.Namespace, row: Mapping[str, Any]) -> None:
    parts = [row["fault_id"], row["kind"], row["match"].strip()]
    settings = {name: value for name, value in row["settings"].items() if value is not None}
    parts += [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    limit = "" if row["times"] is None else f" of {row['times']}"
    parts.append(f"has happened {row['acted']}{limit} times")
    _show(options, row, "  ".join(parts))


# ---------------------------------------------------------------- the table

_TASKS: Final = (
    option("tasks", "task ids or external ids", "TASK", nargs="*"),
    flag("--latest", "the newest open task"),
    flag("--all", "all open tasks"),
)
_FAULT_ACTIONS: Final = {
    "add": (
        "add a fault, from now on",
        _Command(
            _add_fault,
            (
                option("kind", "such as status, response-lost, latency, callback-duplicate"),
                option("settings", "settings of the kind: http=503", "NAME=VALUE", nargs="*"),
                option("--match", "only requests like this: 'POST /v1/videos/*'", default="*"),
                number("--times", "how often, at most", "N"),
                number("--after", "matching requests that pass unaffected first", "N"),
                option("--probability", "0 to 1", "P", type=float),
                option("--account", "only requests of this account"),
                option("--external-id", "only this external id; * matches anything", "ID"),
                option("--prompt", "only prompts that contain this"),
            ),
        ),
    ),
    "list": ("list the faults", _Command(_list_faults)),
    "remove": (
        "end a fault",
        _Command(_remove_fault, (option("fault_id", "its id, as in the list", "ID"),)),
    ),
    "clear": ("end all faults", _Command(_clear_faults)),
}
_COMMANDS: Final[Mapping[str, _Command]] = {
    "tail": _Command(
        _tail,
        (
            option(
                "--match",
                "only requests like this: a method, a path or both; * matches anything",
            ),
            option("--account", "only requests and callbacks of this account"),
            number("--lines", "number of older ones to show (default 10)", "N", default=10),
            flag("--no-follow", "show the older ones, and end"),
        ),
    ),
    "tasks": _Command(
        _tasks,
        (
            option("--status", "submitted, processing, succeed or failed"),
            number("--limit", "how many, 1 to 200 (default 20)", "N", default=20),
        ),
    ),
    "advance": _Command(
        _advance,
        (option("time", "seconds, or a time such as 5m, 1h30m or 1d", type=seconds_of),),
    ),
    "complete": _Command(_complete, _TASKS),
    "fail": _Command(
        _fail,
        (
            *_TASKS,
            number("--code", "a service code of Kling (default 1301)"),
            option("--message", "the reason that queries show (default: that of the code)"),
        ),
    ),
    "trigger": _Command(
        _trigger,
        (
            option("event", "how the task ends", choices=("succeed", "failed")),
            option("--to", "the application's callback URL", "URL", required=True),
            option("--external-id", "external_task_id of the task", "ID"),
        ),
        "Creates a text2video task with a callback_url, ends it, and prints the application's "
        "response to each callback. The exit status is 0 if it accepted all of them.",
    ),
    "replay-callback": _Command(
        _replay,
        (
            option(
                "what", "a delivery's id; or a task's, for all of its deliveries", "DELIVERY|TASK"
            ),
            flag("--resign", "with a new timestamp and signature"),
            option("--to", "a delivery only: to another address", "URL"),
            option("--body", "a delivery only: with another body", "TEXT"),
        ),
        "Prints the application's responses. The exit status is 0 if it accepted all callbacks.",
    ),
    "fault": _Command(
        None,
        about="The kinds and their settings are in docs/emulator.md; the error for an unknown one "
        "lists the known ones.",
        actions=_FAULT_ACTIONS,
    ),
}
