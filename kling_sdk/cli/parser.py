"""The command's options. Commands are declared here and run in `kling_sdk.cli.commands`."""

from __future__ import annotations

import argparse
import math
from typing import Any, Final

from kling_sdk.cli.completion import SHELLS
from kling_sdk.cli.exits import EXITS, INTERRUPTED
from kling_sdk.cli.options import add_options
from kling_sdk.cli.spending import add_spending_options
from kling_sdk.cli.standard_output import BROKEN_PIPE, write
from kling_sdk.cli.suggestions import SuggestingParser
from kling_sdk.endpoints import ENDPOINTS, request_class
from kling_sdk.version import USER_AGENT, __version__

#: The endpoints whose tasks make items of a library, each with a command of its name.
LIBRARIES: Final = tuple(
    name
    for name, record in ENDPOINTS.items()
    if record.library is not None and record.returns is None
)
_PAGE_SIZE: Final = 30
_STATUSES: Final = {
    0: "success",
    1: "any other error",
    **{status: meaning for status, (meaning, _) in EXITS.items()},
    INTERRUPTED: "interrupted (Ctrl-C)",
    BROKEN_PIPE: "the output pipe was closed, as by `| head`",
}
_DESCRIPTION: Final = """Make videos with Kling AI.

Keys are taken from the environment: KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY.
Results go to standard output, progress and errors to standard error."""
_ENVIRONMENT: Final = """environment:
  KLING_BASE_URL     the URL of the API
  KLING_RELAY_TOKEN  the token of a relay, with --relay
  KLING_LOG          the log level: debug, info or warning"""


class _Parser(SuggestingParser):
    def unexpected(self, word: str) -> str:
        """Return the error text for a word that no argument takes."""
        way = '--prompt "..."' if "--prompt" in self._option_string_actions else "--NAME VALUE"
        return f"{super().unexpected(word)}; parameters are given by name, such as {way}"


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        write(f"kling {__version__} ({USER_AGENT.rpartition(' ')[2]})\n")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    statuses = "\n".join(f"  {status:<4} {meaning}" for status, meaning in _STATUSES.items())
    parser = _Parser(
        prog="kling",
        description=_DESCRIPTION,
        epilog=f"{_ENVIRONMENT}\n\nexit status:\n{statuses}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and exit")
    _add_common(parser, default=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_create(commands)
    _add_call(commands)
    _about_task(commands, "get", "show a task")
    _add_wait_options(
        _about_task(commands, "wait", "wait for a task, which another process may have created")
    )
    download = _command(commands, "download", "fetch the video of a finished task")
    download.add_argument("endpoint", choices=[name for name in _makers() if name not in LIBRARIES])
    download.add_argument("id", help="task id or external id")
    download.add_argument(
        "path", nargs="?", default=".", help="file, or folder (default: this one)"
    )
    listing = _command(commands, "list", "list the account's tasks")
    listing.add_argument("endpoint", choices=_makers())
    _add_page(listing)
    for name in LIBRARIES:
        _add_library(commands, name)
    costs = _command(commands, "costs", "show the account's resource packs")
    costs.add_argument(
        "--days",
        type=int,
        default=365,
        metavar="N",
        help="bought in the last N days (default: 365)",
    )
    models = _command(commands, "models", "show the models and what they can do; needs no key")
    models.add_argument("endpoint", nargs="?", choices=list(ENDPOINTS))
    completion = _command(commands, "completion", "print a shell completion script for `kling`")
    completion.add_argument("shell", choices=SHELLS)
    return parser


def _add_create(commands: Any) -> None:
    create = _command(commands, "create", "create a task")
    endpoints = create.add_subparsers(required=True, metavar="ENDPOINT", dest="endpoint")
    for name in _makers():
        has_models = bool(ENDPOINTS[name].models)
        more = f" `kling models {name}` shows what each model takes." if has_models else ""
        parser = _add_endpoint(endpoints, name, more)
        _add_wait(parser, name)


def _add_library(commands: Any, name: str) -> None:
    """Add the commands of a library: alone, its name lists it."""
    group = _command(commands, name, f"your own {name} and the vendor's: list, create, delete")
    group.set_defaults(endpoint=name, page=1, page_size=_PAGE_SIZE)
    actions = group.add_subparsers(metavar="ACTION", dest="action")
    _add_page(_command(actions, "list", f"list your own {name} (this is the default)"))
    _add_page(_command(actions, "presets", f"list the vendor's own {name}"))
    parser = _add_endpoint(actions, name, "", called="create")
    _add_wait(parser, name)
    for action, summary, what in (
        ("get", "show the task that made one of your own", "task id or external id"),
        ("delete", "delete one of your own permanently", f"its id, as {name} list shows it"),
    ):
        about = _command(actions, action, summary)
        about.add_argument("id", help=what)


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--page", type=int, default=1, metavar="N", help="1 to 1000 (default: 1)")
    parser.add_argument(
        "--page-size",
        type=int,
        default=_PAGE_SIZE,
        metavar="N",
        help=f"1 to 500 (default: {_PAGE_SIZE})",
    )


def _add_call(commands: Any) -> None:
    call = _command(
        commands, "call", "call an endpoint that returns its result at once, without a task"
    )
    endpoints = call.add_subparsers(required=True, metavar="ENDPOINT", dest="endpoint")
    for name, record in ENDPOINTS.items():
        if record.returns is not None:
            parser = _add_endpoint(endpoints, name, " The request is sent once.")
            if record.result == "audios":
                _add_download_option(parser, "fetch the sounds to a file or into a folder")


def _makers() -> list[str]:
    """Return the endpoints that make tasks."""
    return [name for name, record in ENDPOINTS.items() if record.returns is None]


def _add_endpoint(
    endpoints: Any, name: str, more: str, called: str = ""
) -> argparse.ArgumentParser:
    cls = request_class(name)
    summary = (cls.__doc__ or "").partition("\n")[0].replace("`", "")
    parser: argparse.ArgumentParser = endpoints.add_parser(
        called or name, help=summary, description=f"{summary}{more}"
    )
    add_options(parser, cls)
    add_spending_options(parser)
    _add_common(parser)
    return parser


def _command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    _add_common(parser)
    return parser


def _about_task(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser = _command(commands, name, summary)
    parser.add_argument("endpoint", choices=_makers())
    parser.add_argument("id", help="task id or external id")
    return parser


def _add_wait(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the options of a command that makes a task of the endpoint *name*."""
    parser.add_argument("--wait", action="store_true", help="wait for the result")
    if name in LIBRARIES:  # there is no file to fetch
        _add_timeout(parser)
        parser.set_defaults(download=None)
    else:
        _add_wait_options(parser)


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="how long to wait (default: 7200)"
    )


def _add_wait_options(parser: argparse.ArgumentParser) -> None:
    _add_timeout(parser)
    _add_download_option(parser, "wait, and fetch the results to a file or into a folder")


def _add_download_option(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--download", metavar="PATH", help=text)


def _add_common(parser: argparse.ArgumentParser, *, default: Any = argparse.SUPPRESS) -> None:
    """Add the options that every command takes, before its name or behind it."""
    off = default if default is argparse.SUPPRESS else False
    none = default if default is argparse.SUPPRESS else 0
    parser.add_argument(
        "--json", action="store_true", default=off, help="print the result as one JSON value"
    )
    parser.add_argument(
        "--relay",
        metavar="URL",
        default=default,
        help="use a relay in front of Kling; its token comes from KLING_RELAY_TOKEN",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=none, help="log what is done; -vv: all of it"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time; it must be 0 or more seconds")
    return seconds
