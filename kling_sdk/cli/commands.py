"""The commands: each is a call of the client, and what is printed of its result."""

from __future__ import annotations

import argparse
import contextlib
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, TextIO

import attrs

from kling_sdk.cli.exits import EXITS, INTERRUPTED, exit_status
from kling_sdk.cli.options import add_options, request_from
from kling_sdk.cli.show import Screen
from kling_sdk.client import Kling
from kling_sdk.endpoints import ENDPOINTS, request_class
from kling_sdk.endpoints.capabilities import CapabilityWarning
from kling_sdk.errors import DownloadError, KlingError, OutcomeUnknownError, WaitTimeoutError
from kling_sdk.results import Download, Task

__all__ = ["run"]

_DAY_MS = 86_400_000


def run(arguments: Sequence[str] | None, open_client: Callable[[], Any] | None) -> int:
    """Run a command; return its exit status."""
    options = _parser().parse_args(arguments)
    session = _Session(Screen(as_json=options.json), getattr(options, "endpoint", ""))
    try:
        with session.warnings_on_screen(), (open_client or Kling)() as kling:
            options.run(session, kling, options)
    except KeyboardInterrupt:
        session.say_how_to_go_on("interrupted")
        return INTERRUPTED
    except (KlingError, ValueError) as error:
        session.screen.say(f"kling: {error}")
        if isinstance(error, WaitTimeoutError | OutcomeUnknownError):
            session.say_how_to_go_on("later")
        return exit_status(error)
    return 0


@attrs.define
class _Session:
    """One run of the command: what it prints on, and what it has started."""

    screen: Screen
    endpoint: str
    task_id: str = ""
    external_task_id: str = ""

    def say_how_to_go_on(self, when: str) -> None:
        if self.task_id:
            how = f"the task goes on; resume with: kling wait {self.endpoint} {self.task_id}"
        elif self.external_task_id:
            how = (
                "the task may have been created; ask with: "
                f"kling get {self.endpoint} {self.external_task_id}"
            )
        else:
            how = "nothing was created"
        self.screen.say(f"kling: {when}: {how}")

    @contextlib.contextmanager
    def warnings_on_screen(self) -> Generator[None]:
        """Print a warning of the capability check as a line, without the place in our code."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", CapabilityWarning)
            others = warnings.showwarning

            def show(
                message: Warning | str,
                category: type[Warning],
                filename: str,
                lineno: int,
                file: TextIO | None = None,
                line: str | None = None,
            ) -> None:
                if issubclass(category, CapabilityWarning):
                    self.screen.say(f"kling: warning: {message}")
                else:
                    others(message, category, filename, lineno, file, line)

            warnings.showwarning = show
            yield

    def wait(self, kling: Any, task: Task | str, timeout: float | None) -> Task:
        known = task if isinstance(task, Task) else Task(task, "unknown", endpoint=self.endpoint)
        self.task_id = known.task_id
        with self.screen.waiting(known) as note:
            done: Task = _resource(kling, self.endpoint).wait(task, timeout=timeout, on_update=note)
        return done


def _resource(kling: Any, endpoint: str) -> Any:
    return getattr(kling, ENDPOINTS[endpoint].attribute)


def _create(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    request = request_from(request_class(options.endpoint), options)
    # Known before it is sent, so that an interrupted command can say what to ask for.
    external_task_id = request.external_task_id or f"cli-{uuid.uuid4().hex}"
    session.external_task_id = external_task_id
    task = _resource(kling, options.endpoint).submit(
        attrs.evolve(request, external_task_id=external_task_id)
    )
    session.task_id = task.task_id
    session.screen.say(f"{task.task_id} {task.status}")
    _finish(session, kling, task, options)


def _wait(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    options.wait = True
    _finish(session, kling, options.id, options)


def _finish(session: _Session, kling: Any, task: Task | str, options: argparse.Namespace) -> None:
    if options.wait or options.download:
        task = session.wait(kling, task, options.timeout)
    assert isinstance(task, Task)  # noqa: S101 - an id is always waited for
    session.screen.task(task, _fetched(kling, task, options.download))


def _fetched(kling: Any, task: Task, place: Path | None) -> Download | None:
    if place is None:
        return None
    if not task.videos:
        raise DownloadError(f"task {task.task_id} is {task.status} and has no video yet")
    file: Download = kling.download(task.videos[0], place)
    return file


def _get(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    session.screen.task(_resource(kling, options.endpoint).get(options.id))


def _list(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    resource = _resource(kling, options.endpoint)
    session.screen.tasks(resource.list(page=options.page, page_size=options.page_size))


def _download(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    task = _resource(kling, options.endpoint).get(options.id)
    file = _fetched(kling, task, options.path)
    assert file is not None  # noqa: S101 - the path has a default
    session.screen.file(file)


def _costs(session: _Session, kling: Any, options: argparse.Namespace) -> None:
    now = round(time.time() * 1000)
    session.screen.packs(kling.account_costs(now - options.days * _DAY_MS, now))


# ---------------------------------------------------------------- options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kling",
        description="Make videos with Kling AI. Keys come from KLING_ACCESS_KEY and "
        "KLING_SECRET_KEY, or KLING_API_KEY; the address from KLING_BASE_URL.",
        epilog="exit status: 0 success, 1 other errors, "
        + ", ".join(f"{status} {meaning}" for status, (meaning, _) in EXITS.items())
        + f", {INTERRUPTED} interrupted",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="create a task")
    endpoints = create.add_subparsers(required=True, metavar="ENDPOINT", dest="endpoint")
    for name, record in ENDPOINTS.items():
        if record.returns is not None:
            continue
        cls = request_class(name)
        summary = (cls.__doc__ or "").partition("\n")[0]
        one = endpoints.add_parser(name, help=summary.replace("`", ""))
        add_options(one, cls)
        one.add_argument("--wait", action="store_true", help="wait for the video")
        _add_wait_options(one)
        _set(one, _create)

    _set(_about_task(commands, "get", "show a task"), _get)
    wait = _about_task(commands, "wait", "wait for a task, also one of another process")
    _add_wait_options(wait)
    _set(wait, _wait)
    download = _about_task(commands, "download", "fetch the video of a finished task")
    download.add_argument("path", type=Path, nargs="?", default=Path(), help="file or folder")
    _set(download, _download)

    listing = commands.add_parser("list", help="list the account's tasks")
    listing.add_argument("endpoint", choices=list(ENDPOINTS))
    listing.add_argument("--page", type=int, default=1, help="1 to 1000")
    listing.add_argument("--page-size", type=int, default=30, help="1 to 500")
    _set(listing, _list)
    costs = commands.add_parser("costs", help="show the account's resource packs")
    costs.add_argument("--days", type=int, default=365, help="bought in the last DAYS (365)")
    _set(costs, _costs)
    return parser


def _about_task(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary)
    parser.add_argument("endpoint", choices=list(ENDPOINTS))
    parser.add_argument("id", help="task id or external id")
    return parser


def _add_wait_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=float, help="seconds to wait (1800)")
    parser.add_argument(
        "--download", type=Path, metavar="FILE", help="wait, and fetch the video to FILE"
    )


def _set(parser: argparse.ArgumentParser, command: Callable[..., None]) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=command)
