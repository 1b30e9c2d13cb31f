"""The arguments of commands as rows of tables, and the options that several commands have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any, Final

Argument = tuple[str, dict[str, Any]]  # of `add_argument`

_LEVELS: Final = ("debug", "info", "warning", "error")


def option(name: str, about: str, metavar: str | None = None, **more: Any) -> Argument:
    """Return an argument that is a text, or the result of `type` on it."""
    return name, {"help": about, "metavar": metavar, **more}


def number(name: str, about: str, metavar: str | None = None, **more: Any) -> Argument:
    """Return an argument that is a whole number."""
    return option(name, about, metavar, type=int, **more)


def flag(name: str, about: str, *, const: object = True, **more: Any) -> Argument:
    """Return an option without a value; it stands for *const*."""
    return name, {"help": about, "action": "store_const", "const": const, **more}


def switch(name: str, about: str) -> Argument:
    """Return an option without a value, which is False unless it is given."""
    return name, {"help": about, "action": "store_true"}


def add_arguments_of(
    parser: argparse.ArgumentParser, arguments: Iterable[Argument], variables: str = ""
) -> None:
    """Add arguments to a parser.

    Args:
        parser: The parser.
        arguments: The rows.
        variables: The beginning of the environment variables that replace the defaults of options,
            such as `KLING_MOCK_` for `KLING_MOCK_PORT`; "" if there are none.
    """
    for name, settings in arguments:
        default: dict[str, Any] = {}
        value = os.environ.get(variables + name[2:].upper().replace("-", "_")) if variables else ""
        if value:
            # A text is converted and checked by argparse, as the option's own would be.
            by_action = {"append": value.split(), "store_true": True}
            default = {"default": by_action.get(settings.get("action", ""), value)}
        parser.add_argument(name, **settings | default)


def add_command(
    commands: Any, name: str, text: str, about: str = "", epilog: str = ""
) -> argparse.ArgumentParser:
    """Add a command; return its parser.

    Args:
        commands: The subparsers of the command above.
        name: Its name.
        text: What it does, in the list of commands.
        about: More about it, in its own help.
        epilog: The end of its help.
    """
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, epilog=epilog)
    parser.description = sentences(text, about)
    return parser


def sentences(text: str, about: str) -> str:
    """Return a command's summary as a sentence, and more about the command."""
    return f"{text[0].upper()}{text[1:]}. {about}"


def add_database_option(
    parser: argparse.ArgumentParser, about: str = "database", *, required: bool = True
) -> None:
    """Add `--db URL`, whose default is `KLING_MOCK_DB`.

    Args:
        parser: The command's parser.
        about: What the help says.
        required: Whether the option or the variable must be set; else the value can be `None`.
    """
    url = os.environ.get("KLING_MOCK_DB") or None
    parser.add_argument(
        "--db",
        default=url,
        required=required and url is None,
        metavar="URL",
        help=f"{about} (KLING_MOCK_DB)",
    )


def add_log_option(parser: argparse.ArgumentParser, *, default: Any = argparse.SUPPRESS) -> None:
    """Add `--log-level`, which is accepted before and after a command's name."""
    parser.add_argument(
        "--log-level",
        choices=_LEVELS,
        default=default,
        help="what a server logs on standard error (default info; KLING_MOCK_LOG_LEVEL)",
    )
