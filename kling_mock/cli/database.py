"""The arguments of `kling-mock db …`. The code for a database is loaded when a command runs."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from kling_mock.cli.database_option import add_database_option

__all__ = ["add_to"]

_URL = (
    "mysql://user:password@host/name, postgresql://…, or sqlite:///path; of several servers, "
    "host1:3306,host2:3306, the first that takes writes is used"
)


def add_to(commands: Any) -> None:
    """Add `db` and its five commands to the parser of `kling-mock`.

    Args:
        commands: What `ArgumentParser.add_subparsers` returned; argparse names no public type.
    """
    group = commands.add_parser("db", help="look at, upgrade and downgrade an old videos table")
    db = group.add_subparsers(required=True, metavar="ACTION")
    _check(_command(db, "check", "report the state of the videos table; changes nothing"))
    _upgrade(_command(db, "upgrade", "bring the videos table to the relay's schema"))
    _verify(_command(db, "verify", "check a table that was upgraded; changes nothing"))
    _downgrade(_command(db, "downgrade", "bring the table back to what it was"))
    _sql(_command(db, "sql", "print the statements of an upgrade; runs none"))


def _command(db: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = db.add_parser(name, help=text, description=text)
    add_database_option(parser, _URL)

    def run(options: argparse.Namespace) -> int:
        from kling_mock.migration import command

        # The driver logs each warning of the server, such as a DROP ... IF EXISTS of nothing and
        # what a later version will refuse: nothing that an operator could act on.
        logging.getLogger("asyncmy").setLevel(logging.ERROR)
        return command.run(name, options)

    parser.set_defaults(run=run)
    return parser


def _check(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "exit status: 0 the table is the relay's; 10 it can be upgraded; 11 there is a blocker; "
        "12 no such table, or an unknown one; 1 the database cannot be read"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _upgrade(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option(
        "--resolve",
        action="append",
        default=[],
        metavar="NAME=RESOLUTION",
        help="what to do about a blocker, as `db check` names it; may be repeated",
    )
    option("--backup", metavar="FILE", help="first dump the table with the database's own tool")
    option(
        "--online",
        action="store_true",
        help="MariaDB and MySQL 8: copy in small steps while the application runs",
    )
    option(
        "--all-writers-on-this-node",
        action="store_true",
        help="with --online in a cluster that takes writes on several nodes: state that every "
        "writer uses the node of --db; updates made on other nodes are lost",
    )
    option(
        "--share",
        type=float,
        default=0.8,
        help="part of the time in which the copy runs (default 0.8)",
    )
    option("--max-running", type=int, default=25, help="running threads above which the copy waits")
    option(
        "--progress",
        choices=("auto", "bar", "lines", "none"),
        default="auto",
        help="how --online shows its progress: a bar on a terminal, lines elsewhere (auto)",
    )
    option("--pause", action="store_true", help="make a running online upgrade wait")
    option("--resume", action="store_true", help="continue a paused online upgrade")
    option("--abandon", action="store_true", help="remove what an unfinished online upgrade left")


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "exit status: 0 all passed; 11 something failed"
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _downgrade(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set-aside",
        action="append",
        default=[],
        metavar="NAME",
        help="keep these values in the table migration_changes, or all; may be repeated",
    )


def _sql(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="dialect",
        choices=("mariadb", "mysql", "postgresql", "sqlite"),
        help="the database that the script is for (default: the one of --db)",
    )
    parser.add_argument("--down", action="store_true", help="print a downgrade instead")
