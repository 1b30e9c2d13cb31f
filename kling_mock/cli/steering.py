"""`kling-mock tail`, `tasks`, `advance`, `complete`, `fail`, `trigger`, `replay-callback`, `fault`.

They steer a server that is running, by its admin API.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from kling_mock.cli.lines import delivery_line, request_line, task_line
from kling_mock.cli.output import print_error, print_json

if TYPE_CHECKING:
    from kling_mock.cli.admin_client import AdminClient

__all__ = ["add_steering_commands", "seconds_of"]

_STATUS = "exit status: 0 done; 1 refused, not found, or no server answers; 2 a wrong argument"
_TAIL_PAUSE = 0.3  # seconds between two looks
_TAIL_PAGE = 200  # rows of a look
_BROKEN_PIPE = 141  # as a shell says of a command whose reader has gone
_UNITS: Final[Mapping[str, int]] = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_MODEL = "kling-v2-6"  # of the task that `trigger` creates: one that is not retired
_TASK_ID = re.compile(r"\d{18}")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)([dhms]))+")


def seconds_of(text: str) -> float:
    """Return the seconds of `90`, `90s`, `5m`, `1h30m` or `1d`.

    Raises:
        argparse.ArgumentTypeError: It is none of these.
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


def add_steering_commands(commands: Any, first: str) -> None:
    """Add the commands that steer a running server.

    Args:
        commands: Where to.
        first: The first word of the command line: only that command gets its options, as to make
            those of all takes longer than to parse them.
    """
    for name, (text, add) in _COMMANDS.items():
        about = f"{text[0].upper()}{text[1:]}. {_MORE.get(name, '')}".strip()
        parser = commands.add_parser(name, help=text, description=about, epilog=_STATUS)
        if name == first:
            add(parser)


def _steers(parser: argparse.ArgumentParser, run: Callable[..., int]) -> Callable[..., Any]:
    """Let *run* be what a command does; return what adds an option to it."""
    parser.set_defaults(run=_run, steer=run)
    option: Callable[..., Any] = parser.add_argument
    option(
        "--server",
        metavar="WHERE",
        default=os.environ.get("KLING_MOCK_SERVER") or None,
        help="URL of the emulated Kling (the admin token in KLING_MOCK_ADMIN_TOKEN), or a file "
        "with the ready line of 'serve'; without it the one that was started on a terminal",
    )
    option("--json", action="store_true", help="print each row as a line of JSON")
    return option


def _add_tail(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _tail)
    option("--match", help="only requests like this: a method, a path or both; * is anything")
    option("--account", help="only requests and callbacks of this account")
    option("--lines", type=int, default=10, metavar="N", help="older ones to show (default 10)")
    option("--no-follow", action="store_true", help="end after the older ones")


def _add_tasks(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _tasks)
    option("--status", help="submitted, processing, succeed or failed")
    option("--limit", type=int, default=20, metavar="N", help="how many, 1 to 200 (default 20)")


def _add_advance(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _advance)
    option("time", type=seconds_of, help="seconds, or a time such as 5m, 1h30m or 1d")


def _add_complete(parser: argparse.ArgumentParser) -> None:
    _add_wanted(_steers(parser, _complete))


def _add_fail(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _fail)
    _add_wanted(option)
    option("--code", type=int, help="a service code of Kling (default 1301)")
    option("--message", help="the reason that queries show (default: that of the code)")


def _add_wanted(option: Callable[..., Any]) -> None:
    option("tasks", nargs="*", metavar="TASK", help="task ids or external ids")
    option("--latest", action="store_true", help="the newest open task")
    option("--all", action="store_true", help="all open tasks")


def _add_trigger(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _trigger)
    option("event", choices=("succeed", "failed"), help="how the task ends")
    option("--to", required=True, metavar="URL", help="the application's callback URL")
    option("--external-id", metavar="ID", help="external_task_id of the task")


def _add_replay(parser: argparse.ArgumentParser) -> None:
    option = _steers(parser, _replay)
    option("what", metavar="DELIVERY|TASK", help="a delivery's id, or a task's: all of them")
    option("--resign", action="store_true", help="with a new timestamp and signature")
    option("--to", metavar="URL", help="a delivery only: to another address")
    option("--body", metavar="TEXT", help="a delivery only: with another body")


def _add_fault_actions(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: Callable[..., int], text: str) -> Callable[..., Any]:
        about = f"{text[0].upper()}{text[1:]}."
        return _steers(actions.add_parser(name, help=text, description=about, epilog=_STATUS), run)

    option = action("add", _add_fault, "let something go wrong from now on")
    option("kind", help="such as status, response-lost, latency, callback-duplicate")
    option("settings", nargs="*", metavar="NAME=VALUE", help="settings of the kind: http=503")
    option("--match", default="*", help="only requests like this: 'POST /v1/videos/*'")
    option("--times", type=int, metavar="N", help="how often, at most")
    option("--after", type=int, metavar="N", help="matching requests to leave alone first")
    option("--probability", type=float, metavar="P", help="0 to 1")
    option("--account", help="only requests of this account")
    option("--external-id", metavar="ID", help="only this external id; * is anything")
    option("--prompt", help="only prompts that contain this")
    action("list", _list_faults, "list the faults")
    option = action("remove", _remove_fault, "end a fault")
    option("fault_id", metavar="ID", help="its id, as in the list")
    action("clear", _clear_faults, "end all faults")


_COMMANDS: Final[Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "tail": ("show requests and callbacks as they come", _add_tail),
    "tasks": ("list the newest tasks of all accounts", _add_tasks),
    "advance": ("move the clock of 'serve --clock manual' forward", _add_advance),
    "complete": ("let tasks succeed now, and deliver their callbacks", _add_complete),
    "fail": ("let tasks fail now, and deliver their callbacks", _add_fail),
    "trigger": ("send the callbacks of a new task to an application", _add_trigger),
    "replay-callback": ("send callbacks once more", _add_replay),
    "fault": ("let something go wrong: add, list, remove, clear", _add_fault_actions),
}
_MORE: Final[Mapping[str, str]] = {
    "trigger": "Creates a text2video task with a callback_url, ends it, and prints what the "
    "application answered to each callback. The exit status is 0 if it took all of them.",
    "replay-callback": "Prints what the application answered. The exit status is 0 if it took all "
    "of them.",
    "fault": "The kinds and their settings are in docs/emulator.md; a wrong one is answered with "
    "a list.",
}


def _run(options: argparse.Namespace) -> int:
    # Loaded late: the HTTP client is most of a command's start-up time.
    from kling_mock.cli.admin_client import AdminError, connect

    try:
        with connect(options.server) as client:
            status: int = options.steer(client, options)
            sys.stdout.flush()
    except ValueError as error:
        print_error(error)
        return 2
    except AdminError as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Nothing may be written any more, also not by the interpreter when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return status


def _show(options: argparse.Namespace, row: Mapping[str, Any], line: str) -> None:
    """Print a row: as a line for a person, or as JSON."""
    if options.json:
        print_json(dict(row))
    else:
        print(line, flush=True)  # noqa: T201 - the output of a command


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
    """Reads what is new in the journal and among the callbacks, each row once."""

    def __init__(self, client: AdminClient, options: argparse.Namespace) -> None:
        self._client = client
        self._filters = {"match": options.match, "account": options.account}
        self._seen = 0  # the number of the newest request that was shown
        self._attempts: dict[str, int] = {}  # delivery -> attempts that were shown

    def news(self) -> list[tuple[Mapping[str, Any], str]]:
        """Return rows and their lines, the oldest first."""
        found = [(row["at"], row, request_line(row)) for row in reversed(self._requests())]
        if self._filters["match"] is None:
            found += self._deliveries()
        found.sort(key=lambda one: one[0])
        return [(row, line) for _, row, line in found]

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
        found: list[tuple[float, Mapping[str, Any], str]] = []
        known, self._attempts = self._attempts, {}
        for row in reversed(self._client.call("list_deliveries", limit=_TAIL_PAGE)["data"]):
            if self._filters["account"] not in {None, row["account"]}:
                continue
            attempts = row["attempts"]
            shown = known.get(row["delivery_id"], 0)
            self._attempts[row["delivery_id"]] = len(attempts)
            found += [
                (attempt["at"], row, delivery_line(row, attempt, number))
                for number, attempt in enumerate(attempts, 1)
                if number > shown
            ]
        return found


def _tasks(client: AdminClient, options: argparse.Namespace) -> int:
    for row in client.call("list_tasks", status=options.status, limit=options.limit)["data"]:
        _show(options, row, task_line(row))
    return 0


# ---------------------------------------------------------------- moving on


def _advance(client: AdminClient, options: argparse.Namespace) -> int:
    clock = client.call("advance_clock", {"seconds": options.time})
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clock["now"]))
    _show(options, clock, f"it is {shown} on the server's clock")
    return 0


def _complete(client: AdminClient, options: argparse.Namespace) -> int:
    for task_id in _wanted(client, options):
        row = client.call("complete_task", task_id=task_id)
        _show(options, row, task_line(row))
    return 0


def _fail(client: AdminClient, options: argparse.Namespace) -> int:
    given = {"code": options.code, "message": options.message}
    body = {name: value for name, value in given.items() if value is not None}
    for task_id in _wanted(client, options):
        row = client.call("fail_task", body, task_id=task_id)
        _show(options, row, task_line(row))
    return 0


def _wanted(client: AdminClient, options: argparse.Namespace) -> Sequence[str]:
    """Return the ids of the tasks that a command means.

    Raises:
        ValueError: It does not say which.
        AdminError: There is no such task.
    """
    if bool(options.tasks) + options.latest + options.all != 1:
        raise ValueError("which task? give ids, --latest or --all")
    if options.tasks:
        return [_task_id(client, name) for name in options.tasks]
    ids = _open_tasks(client)
    if not ids:
        raise _error("no task is open")
    return ids[:1] if options.latest else ids[::-1]


def _open_tasks(client: AdminClient) -> list[str]:
    """Return the ids of the open tasks, the newest first."""
    found: list[str] = []
    for status in ("submitted", "processing"):
        before: str | None = None
        while True:
            page = client.call("list_tasks", status=status, limit=200, before=before)
            found += [row["task_id"] for row in page["data"]]
            before = page["next_before"]
            if before is None:
                break
    return sorted(found, reverse=True)


def _task_id(client: AdminClient, name: str) -> str:
    if _TASK_ID.fullmatch(name):
        return name
    rows = client.call("list_tasks", external_task_id=name, limit=2)["data"]
    if len(rows) != 1:
        how = "no task has" if not rows else "tasks of several accounts have"
        raise _error(f"{how} the external id {name!r}; 'kling-mock tasks' lists the task ids")
    return str(rows[0]["task_id"])


def _error(message: str) -> Exception:
    from kling_mock.cli.admin_client import AdminError

    return AdminError(message)


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
    changes = {"url": options.to, "body": options.body}
    body = {"resign": options.resign, **{key: one for key, one in changes.items() if one}}
    if _TASK_ID.fullmatch(options.what):
        if any(changes.values()):
            raise ValueError("--to and --body: change one delivery; give its id, not a task's")
        client.call("replay_task", body, task_id=options.what)
        return _show_deliveries(client, options, options.what)
    sent = client.call("replay_delivery", body, delivery_id=options.what)
    return _show_deliveries(client, options, delivery_id=sent["delivery_id"])


def _show_deliveries(
    client: AdminClient,
    options: argparse.Namespace,
    task_id: str | None = None,
    delivery_id: str | None = None,
) -> int:
    """Print what was answered to callbacks; return 0 if the last answers took them all."""
    rows = client.call("list_deliveries", limit=_TAIL_PAGE, task_id=task_id)["data"][::-1]
    taken = True
    for row in rows:
        if delivery_id not in {None, row["delivery_id"]}:
            continue
        attempts = row["attempts"]
        if attempts:
            _show(options, row, delivery_line(row, attempts[-1], len(attempts)))
        else:
            # Of those that no fault has dropped each has been tried, as the call was answered.
            _show(options, row, f"{row['task_status']} of {row['task_id']}: {row['state']}")
        taken = taken and bool(attempts) and attempts[-1]["status"] // 100 == 2
    return 0 if taken else 1


# ---------------------------------------------------------------- faults


def _add_fault(client: AdminClient, options: argparse.Namespace) -> int:
    given = {
        "times": options.times,
        "after": options.after,
        "probability": options.probability,
        "account": options.account,
        "external_id": options.external_id,
        "prompt": options.prompt,
    }
    body = {name: value for name, value in given.items() if value is not None}
    body |= {"kind": options.kind, "match": options.match}
    body |= dict(map(_setting, options.settings))
    _show_fault(options, client.call("add_fault", body))
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
    for row in client.call("list_faults")["data"]:
        _show_fault(options, row)
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
    given = {name: value for name, value in row["settings"].items() if value is not None}
    parts += [f"{name}={json.dumps(value)}" for name, value in given.items()]
    most = "" if row["times"] is None else f" of {row['times']}"
    parts.append(f"has happened {row['acted']}{most} times")
    _show(options, row, "  ".join(parts))
