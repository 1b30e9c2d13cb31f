"""`kling-mock channel`, `user` and `token`: the operator's calls from a shell.

They work on the relay's database itself, whether a relay runs or not. What is asked for is the
same as by HTTP: a row of `relay.calls`, done by `relay.desk`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

from kling_mock.cli.database_option import add_database_option
from kling_mock.cli.relay import ask, complain, say

__all__ = ["add_actions", "desk_on"]

_STATUS = "exit status: 0 done; 1 there is no such thing, or it is taken; 2 a wrong argument, a \
name that is also the number of another one (write id:NUMBER), or the database cannot be used"
_KEYS = (
    "The keys are `AK|SK` or API keys, one per line. They are read from a file, from standard "
    "input (--key-file -) or from an environment variable, because everybody on the computer can "
    "read a command's arguments. They are never shown again."
)
_NAME = "its name or number; id:7 is number 7 alone"
_SWITCHES = ("enable", "disable")


class Asked(NamedTuple):
    """What a command asks of the desk.

    Attributes:
        call: A name in the table of calls.
        key: What is named.
        body: The body's members.
        query: The query's.
    """

    call: str
    key: str = ""
    body: dict[str, Any] | None = None
    query: dict[str, Any] | None = None


def add_actions(group: str, parser: argparse.ArgumentParser) -> None:
    """Add its actions to the parser of `channel`, `user` or `token`."""
    add = {"channel": _add_channel, "user": _add_user, "token": _add_token}[group]
    add(parser.add_subparsers(required=True, metavar="ACTION"))


def _command(
    group: Any, name: str, text: str, asks: Callable[[argparse.Namespace], Asked], about: str = ""
) -> Callable[..., Any]:
    """Add one command; return what adds an option to it."""
    parser = group.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {about}", epilog=_STATUS
    )
    add_database_option(parser)
    parser.set_defaults(run=_run, asks=asks)
    add: Callable[..., Any] = parser.add_argument
    return add


# ---------------------------------------------------------------- channels


def _add_channel(group: Any) -> None:
    option = _command(group, "add", "add a channel", _channel_added, _KEYS)
    option("--name", required=True, help="its name, unique")
    option("--base-url", required=True, help="where the Kling API is")
    option("--key-file", metavar="FILE", help="file with the keys; - is standard input")
    option("--key-env", metavar="NAME", help="environment variable with the keys")
    _channel_options(option)
    option("--disabled", dest="status", action="store_const", const="disabled", help="not yet on")

    option = _command(group, "list", "list the channels", _listed("channels"))
    option("--deleted", action="store_true", help="the deleted ones too")

    option = _command(group, "set", "change some of what a channel is", _channel_changed, _KEYS)
    option("channel", help=_NAME)
    option("--name", help="another name")
    option("--base-url", help="where the Kling API is")
    option("--key-file", metavar="FILE", help="file with the new keys; - is standard input")
    option("--key-env", metavar="NAME", help="environment variable with the new keys")
    _channel_options(option)

    for action in _SWITCHES:
        asks = _switched("change_channel", "channel", action)
        option = _command(group, action, f"{action} a channel", asks, "Its open tasks go on.")
        option("channel", help=_NAME)
    asks = _named("delete_channel", "channel")
    option = _command(group, "delete", "delete a channel", asks, "Its open tasks go on.")
    option("channel", help=_NAME)


def _channel_options(option: Callable[..., Any]) -> None:
    option("--model-mapping", metavar="JSON", help='{"name asked for": "model sent", ...}')
    option("--models", metavar="A,B", help="the only names that it serves; empty is any")
    option("--webhook-secrets-file", metavar="FILE", help="`whsec_...`, one per line; - is stdin")
    option("--priority", type=int, help="higher ones are tried first (default 0)")
    option("--weight", type=int, help="share among channels of one priority (default 1)")


def _channel_added(options: argparse.Namespace) -> Asked:
    body = _channel_body(options)
    if "key" not in body:
        raise ValueError("no key; accepted: --key-file FILE, --key-file - or --key-env NAME")
    return Asked("add_channel", body=body)


def _channel_changed(options: argparse.Namespace) -> Asked:
    body = _channel_body(options)
    if not body:
        raise ValueError("nothing to change; accepted: --name, --base-url, --key-file, ...")
    return Asked("change_channel", options.channel, body)


def _channel_body(options: argparse.Namespace) -> dict[str, Any]:
    names = ("name", "base_url", "model_mapping", "models", "priority", "weight", "status")
    said = {name: getattr(options, name, None) for name in names}
    said["key"] = _secret(options.key_file, options.key_env)
    said["webhook_secrets"] = _secret(options.webhook_secrets_file, None)
    return {name: value for name, value in said.items() if value is not None}


def _secret(file: str | None, variable: str | None) -> str | None:
    if file is not None and variable is not None:
        raise ValueError("--key-file and --key-env: accepted is one of the two")
    if variable is not None:
        if not os.environ.get(variable):
            raise ValueError(f"--key-env: the environment has no {variable}")
        return os.environ[variable]
    if file is None:
        return None
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")


# ---------------------------------------------------------------- users


def _add_user(group: Any) -> None:
    option = _command(group, "add", "add a user", _user_added)
    option("user", help="its name, unique")
    option("--quota", type=int, default=0, help="opening balance; 500000 are one US dollar")

    option = _command(group, "list", "list the users", _listed("users"))
    option("--deleted", action="store_true", help="the deleted ones too")

    about = "With the same --reference it is done once, however often it is run."
    option = _command(group, "topup", "add to a user's balance", _topped_up, about)
    option("user", help=_NAME)
    option("quota", type=int, help="how much; 500000 are one US dollar; below 0 takes it away")
    option("--reference", help="unique, such as a payment's number (default: a new one)")
    option("--note", default="", help="for people")

    for action in _SWITCHES:
        asks = _switched("set_user_status", "user", action)
        option = _command(group, action, f"{action} a user", asks, "Its open tasks go on.")
        option("user", help=_NAME)
    about = "For good: its name stays taken, and its charges stay in the books."
    option = _command(group, "delete", "delete a user", _named("delete_user", "user"), about)
    option("user", help=_NAME)


def _user_added(options: argparse.Namespace) -> Asked:
    return Asked("add_user", body={"username": options.user, "quota": options.quota})


def _topped_up(options: argparse.Namespace) -> Asked:
    reference = options.reference or f"topup-{secrets.token_hex(8)}"
    body = {"amount": options.quota, "reference": reference, "note": options.note}
    return Asked("credit", options.user, body)


# ---------------------------------------------------------------- tokens


def _add_token(group: Any) -> None:
    about = "The token is printed this once: only its hash is kept."
    option = _command(group, "add", "add a token", _token_added, about)
    option("user", help=f"whose: {_NAME}")
    option("--name", default="", help="for people")
    option("--quota", type=int, help="what it may spend (default: as much as its user)")
    option("--expires-at", type=int, metavar="SECONDS", help="Unix seconds (default: never)")

    option = _command(group, "list", "list a user's tokens", _listed("tokens", "user"))
    option("user", help=f"whose: {_NAME}")
    option("--deleted", action="store_true", help="the deleted ones too")

    for action in _SWITCHES:
        asks = _switched("set_token_status", "token", action)
        option = _command(group, action, f"{action} a token", asks, "Its open tasks go on.")
        option("token", help="its number, as `token list` shows it")
    asks = _named("delete_token", "token")
    option = _command(group, "delete", "delete a token", asks, "For good; its open tasks go on.")
    option("token", help="its number, as `token list` shows it")


def _token_added(options: argparse.Namespace) -> Asked:
    body = {
        "name": options.name,
        "remain_quota": options.quota,
        "expires_at": options.expires_at,
    }
    return Asked("add_token", options.user, body)


# ---------------------------------------------------------------- running


def _named(call: str, what: str) -> Callable[[argparse.Namespace], Asked]:
    return lambda options: Asked(call, getattr(options, what))


def _switched(call: str, what: str, action: str) -> Callable[[argparse.Namespace], Asked]:
    body = {"status": f"{action}d"}
    return lambda options: Asked(call, getattr(options, what), body)


def _listed(call: str, whose: str = "") -> Callable[[argparse.Namespace], Asked]:
    def asks(options: argparse.Namespace) -> Asked:
        query = {"deleted": "true"} if options.deleted else {}
        return Asked(call, getattr(options, whose) if whose else "", query=query)

    return asks


def _run(options: argparse.Namespace) -> int:
    try:
        asked: Asked = options.asks(options)
    except (OSError, ValueError) as error:
        complain(error)
        return 2
    from kling_mock.relay.domain import errors
    from kling_mock.relay.domain.errors import RelayError

    async def work(storage: Any) -> list[dict[str, Any]]:
        return [row async for row in _rows(desk_on(storage), asked)]

    try:
        rows = ask(options.db, work)
    except RelayError as error:
        complain(error)
        return 2 if error.kind in {errors.INVALID, errors.AMBIGUOUS} else 1
    if rows is None:
        return 2
    for row in rows:
        say(row)
    return 0


def desk_on(storage: Any) -> Any:
    """Return the operator's desk on a store that is open."""
    from kling_mock.clock import RealClock
    from kling_mock.relay.operator.service import Desk

    # Relays that run see what has changed by themselves: they read the same database.
    def nobody() -> None:
        return None

    return Desk(storage, RealClock(), secrets.token_bytes, nobody, nobody, None)


async def _rows(desk: Any, asked: Asked) -> AsyncIterator[dict[str, Any]]:
    """Yield what the desk answers: of a list, the rows of all its pages."""
    query = dict(asked.query or {})
    while True:
        answer: dict[str, Any] = await desk.do(asked.call, asked.key, asked.body, query)
        if "data" not in answer:
            yield answer
            return
        for row in answer["data"]:
            yield row
        if answer.get("next_after") is None:
            return
        query["after"] = answer["next_after"]
