"""The commands: each calls the client and prints the result."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from kling_sdk.cli.completion import completion_script
from kling_sdk.cli.connect import connect, where_the_key_went
from kling_sdk.cli.exits import INTERRUPTED, MissingKeyError, OptionError, exit_status
from kling_sdk.cli.models import model_rows
from kling_sdk.cli.options import choices, file_names, option_name, request_from
from kling_sdk.cli.parser import LIBRARIES, make_parser
from kling_sdk.cli.show import Screen
from kling_sdk.cli.spending import check_ceiling, confirm, estimate_row
from kling_sdk.cli.standard_output import BROKEN_PIPE, OutputError, PipeClosedError
from kling_sdk.client.attributes import make_resource
from kling_sdk.client.logs import log_to_stderr
from kling_sdk.endpoints import ENDPOINTS, request_class
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.capabilities import CapabilityWarning
from kling_sdk.errors import (
    AuthenticationError,
    DownloadError,
    KlingError,
    OutcomeUnknownError,
    RequestValidationError,
    WaitTimeoutError,
)
from kling_sdk.files.names import safe_name
from kling_sdk.files.target import FileTarget, place_for
from kling_sdk.results.task import Audio, Download, ResultFile, Subtitles, Task, Video

_DAY_MS: Final = 86_400_000
_AUDIO: Final = (".mp3", ".wav")


def run(arguments: Sequence[str] | None, open_client: Callable[[], Any] | None) -> int:
    """Run a command; return its exit status."""
    screen = Screen(as_json=False)
    try:
        options = make_parser().parse_args(arguments)
    except (PipeClosedError, OutputError) as error:  # of `--help`
        return _not_printed(screen, error)
    if options.verbose:
        log_to_stderr("info" if options.verbose == 1 else "debug")
    session = _Session(
        Screen(as_json=options.json),
        open_client or partial(connect, options.relay, os.environ),
        getattr(options, "endpoint", None) or "",
    )
    try:
        with session.warnings_on_screen():
            _COMMANDS[options.command](session, options)
    except KeyboardInterrupt:
        session.say_how_to_go_on("interrupted")
        return INTERRUPTED
    except (PipeClosedError, OutputError) as error:
        status = _not_printed(session.screen, error)
        if session.task_id and status != BROKEN_PIPE:
            session.say_what_there_is()
        return status
    except (KlingError, ValueError, OptionError, MissingKeyError) as error:
        session.screen.say(f"kling: {_in_options(error, options)}")
        if isinstance(error, WaitTimeoutError | OutcomeUnknownError):
            session.say_how_to_go_on("later")
        elif session.task_id and isinstance(error, DownloadError):
            session.say_what_there_is()
        elif isinstance(error, AuthenticationError):
            session.screen.say(f"kling: {where_the_key_went(options.relay, os.environ)}")
        return exit_status(error)
    return 0


def _in_options(error: Exception, options: argparse.Namespace) -> str:
    """Return an error's text, in which a parameter has the name of its option."""
    field = error.field if isinstance(error, RequestValidationError) else ""
    head = field.partition(".")[0]
    if head not in vars(options):
        return str(error)
    return f"{option_name(head)}{str(error).removeprefix(head)}"


def _not_printed(screen: Screen, error: PipeClosedError | OutputError) -> int:
    if isinstance(error, PipeClosedError):
        return BROKEN_PIPE
    screen.say(f"kling: {error}")
    return exit_status(error)


@attrs.define
class _Session:
    """One run of the command: its screen, its client, and the tasks that it has started."""

    screen: Screen
    open_client: Callable[[], Any]
    endpoint: str
    task_id: str = ""
    external_task_id: str = ""
    is_calling: bool = False
    has_result: bool = False

    def say_how_to_go_on(self, when: str) -> None:
        if self.task_id:
            how = f"the task goes on; resume with: kling wait {self.endpoint} {self.task_id}"
        elif self.external_task_id:
            how = (
                "the task may have been created; check with: "
                f"kling get {self.endpoint} {self.external_task_id}"
            )
        elif self.has_result:
            how = "the call was carried out; its result is on standard output"
        elif self.is_calling:
            how = "the call may have been carried out; its outcome cannot be looked up"
        else:
            how = "nothing was created"
        self.screen.say(f"kling: {when}: {how}")

    def say_what_there_is(self) -> None:
        self.screen.say(
            f"kling: the task exists; show it with: kling get {self.endpoint} {self.task_id}, "
            f"fetch it with: kling download {self.endpoint} {self.task_id}"
        )

    @contextlib.contextmanager
    def warnings_on_screen(self) -> Generator[None]:
        """Print a warning of the capability check as a line, without the place in our code."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", CapabilityWarning)
            others = warnings.showwarning

            def show(
                message: Warning | str, category: type[Warning], *place: Any, **named: Any
            ) -> None:
                if issubclass(category, CapabilityWarning):
                    self.screen.say(f"kling: warning: {message}")
                else:
                    others(message, category, *place, **named)

            warnings.showwarning = show
            yield

    def wait(self, kling: Any, task: Task | str, timeout: float | None) -> Task:
        known = task if isinstance(task, Task) else Task(task, "unknown", endpoint=self.endpoint)
        self.task_id = known.task_id
        with self.screen.waiting(known) as note:
            done: Task = _resource(kling, self.endpoint).wait(task, timeout=timeout, on_update=note)
        return done

    def fetch(self, kling: Any, task: Task, place: str | None) -> list[Download]:
        """Fetch all results of a task: into a folder, or to a file and others beside it."""
        if place is None:
            return []
        self.task_id = task.task_id
        if not task.files:
            what = "no file, but an item of a library" if task.outputs else "no result yet"
            raise DownloadError(f"task {task.task_id} is {task.status} and has {what}")
        return self.fetch_all(kling, task.files, place)

    def fetch_all(self, kling: Any, outputs: Sequence[ResultFile], place: str) -> list[Download]:
        files: list[Download] = []
        for number, output in enumerate(outputs):
            own = _place_of(place, number, output)
            with self.screen.fetching(Path(own).name) as note:
                files.append(kling.download(output, own, on_progress=note))
        return files


def _resource(kling: Any, endpoint: str) -> Any:
    return make_resource(kling, request_class(endpoint))


def _place_of(place: str, number: int, output: ResultFile) -> str:
    """Return the path for result *number* of a task: `a.png`, `a-1.png`, `a-2.png`.

    A video and its sound have suffixes of their own, `a.mp4` and `a-1.mp3`, whichever is named.
    """
    path = Path(place)
    if path.is_dir():
        return place
    suffix, is_audio = path.suffix, path.suffix.lower() in _AUDIO
    if isinstance(output, Audio) and number and not is_audio:
        suffix = _AUDIO[0]
    elif isinstance(output, Subtitles) and output.format:
        suffix = f".{safe_name(output.format, 'srt')}"
    elif isinstance(output, Video) and is_audio:
        suffix = ".mp4"
    elif not number:
        return place
    return str(path.with_name(f"{path.stem}{f'-{number}' if number else ''}{suffix}"))


def _check_place(place: str | None) -> None:
    """Check that a file can be written, before anything is bought.

    Raises:
        OptionError: it cannot be written.
    """
    if place is None:
        return
    try:
        FileTarget(place_for("video.mp4", place), 0).discard()
    except DownloadError as error:
        raise OptionError(f"--download: {error}") from None


def _create(session: _Session, options: argparse.Namespace) -> None:
    _check_place(options.download)
    # Known before it is sent, so that an interrupted command can say what to ask for.
    request = _identified(request_from(request_class(options.endpoint), options))
    if options.estimate:
        session.screen.estimate(estimate_row(request))
        return
    check_ceiling([request], options.max_units)
    confirm(request, os.environ, is_wanted=options.confirm)
    with session.open_client() as kling:
        session.external_task_id = request.external_task_id or ""
        task = _resource(kling, options.endpoint).submit(request)
        session.task_id = task.task_id
        session.screen.say(f"{task.task_id} {task.status}")
        if options.wait or options.download:
            task = session.wait(kling, task, options.timeout)
        session.screen.task(task, session.fetch(kling, task, options.download))


def _call(session: _Session, options: argparse.Namespace) -> None:
    place: str | None = getattr(options, "download", None)  # only calls that make files have it
    _check_place(place)
    request = request_from(request_class(options.endpoint), options)
    if options.estimate:
        session.screen.estimate(estimate_row(request))
        return
    check_ceiling([request], options.max_units)
    confirm(request, os.environ, is_wanted=options.confirm)
    with session.open_client() as kling:
        session.is_calling = True
        result = _resource(kling, options.endpoint).submit(request)
        session.has_result = True
        files: list[Download] = []
        try:
            if place is not None:
                files = session.fetch_all(kling, result.audios, place)
        finally:  # it is paid for, also if a file cannot be fetched
            session.screen.result(result, files)


def _identified(request: Request) -> Request:
    own = request.external_task_id or f"cli-{uuid.uuid4().hex}"
    return attrs.evolve(request, external_task_id=own)


def _wait(session: _Session, options: argparse.Namespace) -> None:
    _check_place(options.download)
    with session.open_client() as kling:
        task = session.wait(kling, options.id, options.timeout)
        session.screen.task(task, session.fetch(kling, task, options.download))


def _get(session: _Session, options: argparse.Namespace) -> None:
    with session.open_client() as kling:
        session.screen.task(_resource(kling, options.endpoint).get(options.id))


def _list(session: _Session, options: argparse.Namespace, of: str = "list") -> None:
    with session.open_client() as kling:
        read = getattr(_resource(kling, options.endpoint), of)
        page = read(page=options.page, page_size=options.page_size)
        show = session.screen.items if options.command in LIBRARIES else session.screen.tasks
        show(page)


def _library(session: _Session, options: argparse.Namespace) -> None:
    _ACTIONS[options.action or "list"](session, options)


def _delete(session: _Session, options: argparse.Namespace) -> None:
    with session.open_client() as kling:
        _resource(kling, options.endpoint).delete(options.id)
    session.screen.deleted(options.id)


_ACTIONS: Final[Mapping[str, Callable[[_Session, argparse.Namespace], None]]] = {
    "list": _list,
    "presets": partial(_list, of="presets"),
    "create": _create,
    "get": _get,
    "delete": _delete,
}


def _download(session: _Session, options: argparse.Namespace) -> None:
    _check_place(options.path)
    with session.open_client() as kling:
        task = _resource(kling, options.endpoint).get(options.id)
        files = session.fetch(kling, task, options.path)
    session.screen.files(files)


def _costs(session: _Session, options: argparse.Namespace) -> None:
    now = round(time.time() * 1000)
    with session.open_client() as kling:
        session.screen.packs(kling.account.costs(now - options.days * _DAY_MS, now))


def _models(session: _Session, options: argparse.Namespace) -> None:
    session.screen.models(model_rows([options.endpoint] if options.endpoint else ENDPOINTS))


def _completion(session: _Session, options: argparse.Namespace) -> None:
    def values(path: str, name: str) -> tuple[str, ...]:
        endpoint = next((word for word in path.split()[::-1] if word in ENDPOINTS), None)
        if endpoint is None:
            return ()
        cls = request_class(endpoint)
        return choices(cls, name) if name in attrs.fields_dict(cls) else ()

    files = {"path", "download"}.union(*(file_names(record) for record in ENDPOINTS.values()))
    session.screen.text(completion_script(options.shell, make_parser(), files, values))


_COMMANDS: Final[Mapping[str, Callable[[_Session, argparse.Namespace], None]]] = {
    "create": _create,
    "call": _call,
    "get": _get,
    "wait": _wait,
    "download": _download,
    "list": _list,
    **dict.fromkeys(LIBRARIES, _library),
    "costs": _costs,
    "models": _models,
    "completion": _completion,
}
