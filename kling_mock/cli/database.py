"""The arguments of `kling-mock db …` and `import`. Their code is loaded when a command runs."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from typing import Final, NamedTuple

from kling_mock.cli.options import Argument, add_arguments_of, add_database_option, option, switch

_URL: Final = (
    "mysql://user:password@host/name, postgresql://…, or sqlite:///path; of several servers, as in "
    "host1:3306,host2:3306, the first that accepts writes is used"
)
_RESOLVE: Final = option(
    "--resolve",
    "how to resolve a blocker, as db check names it; may be repeated",
    "NAME=RESOLUTION",
    action="append",
    default=[],
)
_NOT_A_REPLICA: Final = switch(
    "--yes-not-a-replica",
    "state that the server is not a replica, if the user of the URL may not see it; on a "
    "replica, a migration stops replication",
)
_PROGRESS: Final = option(
    "--progress",
    "how a copy shows its progress: a bar on a terminal, lines elsewhere (auto)",
    choices=("auto", "bar", "lines", "none"),
    default="auto",
)
_WAIT: Final = option(
    "--wait-at-most",
    "how long it waits for others that use a table, before it ends and leaves "
    "the table as it was (default 600)",
    "SECONDS",
    type=float,
    default=600.0,
)
_JSON: Final = switch("--json", "print one JSON object")


class _Command(NamedTuple):
    """A command of `db`.

    Attributes:
        text: What it does.
        arguments: Its arguments, beside `--db`.
        epilog: The end of its help.
    """

    text: str
    arguments: tuple[Argument, ...]
    epilog: str | None = None


_COMMANDS: Final = {
    "check": _Command(
        "report the state of the videos table; changes nothing",
        (_JSON,),
        "exit status: 0 the table is the relay's; 10 it can be upgraded; 11 there is a blocker; "
        "12 no such table, or an unknown one; 1 the database cannot be read",
    ),
    "upgrade": _Command(
        "bring the videos table to the relay's schema",
        (
            _RESOLVE,
            _NOT_A_REPLICA,
            _PROGRESS,
            option("--backup", "first dump the table with the database's own tool", "FILE"),
            switch(
                "--online", "MariaDB and MySQL 8: copy in small steps while the application runs"
            ),
            switch(
                "--all-writers-on-this-node",
                "with --online in a cluster that takes writes on several nodes: state that every "
                "writer uses the node of --db; updates made on other nodes are lost",
            ),
            option(
                "--share",
                "share of the time in which the copy runs (default 0.8)",
                type=float,
                default=0.8,
            ),
            option(
                "--max-running",
                "running threads above which the copy waits",
                type=int,
                default=25,
            ),
            _WAIT,
            switch("--pause", "make a running online upgrade wait"),
            switch("--resume", "continue a paused online upgrade"),
            switch("--abandon", "remove what an unfinished online upgrade left"),
        ),
    ),
    "finish": _Command(
        "end an online upgrade, once the old program is stopped", (_RESOLVE, _NOT_A_REPLICA)
    ),
    "verify": _Command(
        "check a table that was upgraded; changes nothing",
        (_JSON,),
        "exit status: 0 all passed; 11 something failed",
    ),
    "downgrade": _Command(
        "restore the table to what it was before",
        (
            _NOT_A_REPLICA,
            _WAIT,
            option(
                "--set-aside",
                "keep these values in the table migration_changes, or all; may be repeated",
                "NAME",
                action="append",
                default=[],
            ),
        ),
    ),
    "sql": _Command(
        "print the statements of an upgrade, without running them",
        (
            option(
                "--for",
                "the database that the script is for (default: the one of --db)",
                dest="dialect",
                choices=("mariadb", "mysql", "postgresql", "sqlite"),
            ),
            switch("--down", "print a downgrade instead"),
        ),
    ),
}
_IMPORT: Final = _Command(
    "users, tokens, channels without their keys, and videos of one-api",
    (
        option("--from", f"one-api's: {_URL}", "URL", dest="source", required=True),
        option("--to", "an empty one, of the same kind", "URL", dest="db", required=True),
        switch("--dry-run", "print what would be done, and write nothing"),
        _RESOLVE,
        _NOT_A_REPLICA,
        _PROGRESS,
    ),
    "exit status: 0 done, or done before; 10 (--dry-run) it can be imported; 11 "
    "there is a blocker; 1 a database failed, or the old one was changed during the import",
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the commands below `db` or `import` to its parser."""
    if name == "import":
        programs = parser.add_subparsers(required=True, metavar="PROGRAM")
        one_api = programs.add_parser("one-api", help=_IMPORT.text, epilog=_IMPORT.epilog)
        one_api.description = (
            f"Import {_IMPORT.text}. Nothing is written to the old database. A run that was killed "
            "is continued by the next one."
        )
        one_api.set_defaults(run=_import)
        add_arguments_of(one_api, _IMPORT.arguments)
        return
    parser.description = None
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for action, command in _COMMANDS.items():
        below = actions.add_parser(
            action, help=command.text, description=command.text, epilog=command.epilog
        )
        add_database_option(below, _URL)
        below.set_defaults(run=partial(_run, action))
        add_arguments_of(below, command.arguments)


def _run(action: str, options: argparse.Namespace) -> int:
    from kling_mock.relay.migration import command

    _silence_driver()
    return command.run(action, options)


def _import(options: argparse.Namespace) -> int:
    from kling_mock.relay.domain.credentials import token_hash
    from kling_mock.relay.migration import command

    _silence_driver()
    return command.run_import(options, token_hash)


def _silence_driver() -> None:
    # The driver logs each warning of the server, such as a DROP ... IF EXISTS without a table, or
    # a deprecation: an operator cannot act on any of them.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
