"""The command `kling-mock`: the table of its commands, each of which is loaded when it is used."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from kling_mock.cli.options import add_log_option
from kling_mock.cli.output import print_error, print_line
from kling_sdk.cli.completion import SHELLS, completion_script
from kling_sdk.cli.standard_output import BROKEN_PIPE, OutputError, PipeClosedError
from kling_sdk.cli.suggestions import SuggestingParser

#: Module of this folder -> its commands. Its function `add_arguments` gives a command's parser
#: the rest of its help, its arguments, and the function that runs it.
_COMMANDS: Final[tuple[tuple[str, Mapping[str, str]], ...]] = (
    ("serve", {"serve": "serve the emulated Kling API and a relay in front of it"}),
    (
        "steering",
        {
            "tail": "show requests and callbacks as they come",
            "tasks": "list the newest tasks of all accounts",
            "advance": "move the clock of 'serve --clock manual' forward",
            "complete": "let tasks succeed now, and deliver their callbacks",
            "fail": "let tasks fail now, and deliver their callbacks",
            "trigger": "send the callbacks of a new task to an application",
            "replay-callback": "send callbacks once more",
            "fault": "make something go wrong (faults): add, list, remove, clear",
        },
    ),
    (
        "recording",
        {
            "record": "write a session with the real service, without keys and prompts",
            "replay": "serve a recorded session",
            "compare": "compare the emulator with a recorded session; exit status 1 on a "
            "difference",
        },
    ),
    (
        "relay",
        {
            "relay": "serve the relay alone, in front of a real Kling",
            "reconcile": "compare balances with the ledger; exit status 1 on a difference",
            "stats": "tasks per day, tasks that are stuck, slow statements",
        },
    ),
    (
        "operator",
        {
            "channel": "the relay's channels to Kling: add, list, set, enable, disable, delete",
            "user": "the relay's users: add, list, topup, enable, disable, delete, rotate-secret",
            "receiver": "the receivers of users' webhooks that fail: list, enable, disable",
            "token": "the users' tokens: add, list, enable, disable, delete",
        },
    ),
    (
        "database",
        {
            "db": "check, upgrade and downgrade an old videos table",
            "import": "import another program's database into a new one for the relay",
        },
    ),
)
_FILES: Final = ("faults", "file", "out", "ready_file", "tls_cert", "tls_key", "ca", "backup")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from kling_mock import __version__

        print_line(f"kling-mock {__version__} (python/{sys.version.partition(' ')[0]})")
        parser.exit()


def make_parser(words: Collection[str]) -> argparse.ArgumentParser:
    """Return the parser.

    Args:
        words: The command line. Commands that are not in it are only named, since loading all
            takes longer than parsing.
    """
    parser = SuggestingParser(prog="kling-mock", description="A Kling AI on localhost, for tests.")
    parser.add_argument(
        "-V", "--version", action=_Version, nargs=0, help="show the version, and exit"
    )
    add_log_option(parser, default=os.environ.get("KLING_MOCK_LOG_LEVEL") or None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module, texts in _COMMANDS:
        for name, text in texts.items():
            command = commands.add_parser(name, help=text, description=text)
            if name in words:
                import_module(f"kling_mock.cli.{module}").add_arguments(name, command)
    about = "print a script that completes `kling-mock` in a shell"
    completion = commands.add_parser("completion", help=about, description=about)
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(run=_complete)
    helps = commands.add_parser("help", help="show the help of a command")
    helps.add_argument("command", nargs="*", help="such as: serve, or: fault add")
    return parser


class _AnyWord:
    """A container of every word."""

    def __contains__(self, word: object) -> bool:
        return True


def _complete(options: argparse.Namespace) -> int:
    every: Any = _AnyWord()
    print_line(completion_script(options.shell, make_parser(every), _FILES).rstrip())
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    Args:
        arguments: The arguments after the command's name; `None` takes those of the process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["help"] and "-h" not in words and "--help" not in words:
        words = [*words[1:], "--help"]
    try:
        options = make_parser(words).parse_args(words)
        return int(options.run(options))
    except PipeClosedError:
        return BROKEN_PIPE
    except OutputError as error:
        print_error(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
