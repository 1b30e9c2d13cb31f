"""The arguments of `kling-mock db …` and `import`. Their code is loaded when a command runs."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from kling_mock.cli.options import add_database_option

_URL = (
    "mysql://user:password@host/name, postgresql://…, or sqlite:///path; of several servers, as in "
    "host1:3306,host2:3306, the first that accepts writes is used"
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the commands below `db` or `import` to its parser."""
    (_add_db if name == "db" else _add_import)(parser)


def _add_db(group: argparse.ArgumentParser) -> None:
    group.description = None
    db = group.add_subparsers(required=True, metavar="ACTION")
    _check(_command(db, "check", "report the state of the videos table; changes nothing"))
    _upgrade(_command(db, "upgrade", "bring the videos table to the relay's schema"))
    text = "end an online upgrade, once the old program is stopped"
    finish = _command(db, "finish", text)
    _add_resolve(finish)
    _add_not_a_replica(finish)
    _verify(_command(db, "verify", "check a table that was upgraded; changes nothing"))
    _downgrade(_command(db, "downgrade", "restore the table to what it was before"))
    _sql(_command(db, "sql", "print the statements of an upgrade, without running them"))


def _add_import(group: argparse.ArgumentParser) -> None:
    text = "users, tokens, channels without their keys, and videos of one-api"
    parser = group.add_subparsers(required=True, metavar="PROGRAM").add_parser(
        "one-api",
        help=text,
        description=f"Import {text}. Nothing is written to the old database. A run that was killed "
        "is continued by the next one.",
        epilog="exit status: 0 done, or done before; 10 (--dry-run) it can be imported; 11 "
        "there is a blocker; 1 a database failed, or the old one was changed during the import",
    )
    option = parser.add_argument
    option("--from", dest="source", required=True, metavar="URL", help=f"one-api's: {_URL}")
    option("--to", dest="db", required=True, metavar="URL", help="an empty one, of the same kind")
    option("--dry-run", action="store_true", help="print what would be done, and write nothing")
    _add_resolve(parser)
    _add_not_a_replica(parser)
    _add_progress(parser)

    def run(options: argparse.Namespace) -> int:
        from kling_mock.relay.domain.credentials import token_hash
        from kling_mock.relay.migration import command

        _silence_driver()
        return command.run_import(options, token_hash)

    parser.set_defaults(run=run)


def _silence_driver() -> None:
    # The driver logs each warning of the server, such as a DROP ... IF EXISTS without a table, or
    # a deprecation: an operator cannot act on any of them.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)


def _command(db: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = db.add_parser(name, help=text, description=text)
    add_database_option(parser, _URL)

    def run(options: argparse.Namespace) -> int:
        from kling_mock.relay.migration import command

        _silence_driver()
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
    _add_resolve(parser)
    _add_not_a_replica(parser)
    _add_progress(parser)
    option = parser.add_argument
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
        help="share of the time in which the copy runs (default 0.8)",
    )
    option("--max-running", type=int, default=25, help="running threads above which the copy waits")
    _add_wait(parser)
    option("--pause", action="store_true", help="make a running online upgrade wait")
    option("--resume", action="store_true", help="continue a paused online upgrade")
    option("--abandon", action="store_true", help="remove what an unfinished online upgrade left")


def _add_resolve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resolve",
        action="append",
        default=[],
        metavar="NAME=RESOLUTION",
        help="how to resolve a blocker, as db check names it; may be repeated",
    )


def _add_not_a_replica(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yes-not-a-replica",
        action="store_true",
        help="state that the server is not a replica, if the user of the URL may not see it; on a "
        "replica, a migration stops replication",
    )


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait-at-most",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long it waits for others that use a table, before it ends and leaves "
        "the table as it was (default 600)",
    )


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress",
        choices=("auto", "bar", "lines", "none"),
        default="auto",
        help="how a copy shows its progress: a bar on a terminal, lines elsewhere (auto)",
    )


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "exit status: 0 all passed; 11 something failed"
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _downgrade(parser: argparse.ArgumentParser) -> None:
    _add_not_a_replica(parser)
    _add_wait(parser)
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
