"""`kling-mock channel`, `user`, `token` and `receiver`: the operator's calls from a shell.

They work on the relay's database itself, whether a relay runs or not, and make the same calls as
the HTTP API: rows of `relay.operator.operations.CALLS`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_mock.cli.database_option import add_database_option
from kling_mock.cli.output import print_error, print_json, run_on_database

if TYPE_CHECKING:
    from kling_mock.relay.operator.service import OperatorService
    from kling_mock.storage.protocol import Storage

__all__ = ["add_actions", "operator_on"]

_STATUS = "exit status: 0 done; 1 it does not exist, or is taken; 2 a wrong argument, a name that \
is also the id of another one (write id:NUMBER), or the database cannot be used"
_KEYS = (
    "The keys are `AK|SK` or API keys, one per line. They are read from a file, from standard "
    "input (--key-file -) or from an environment variable, because everybody on the computer can "
    "read a command's arguments. They are never shown again."
)
_NAME = "its name or id; id:7 means the id only"
_SWITCHES = ("enable", "disable")


class OperatorRequest(NamedTuple):
    """The call of the operator's API that a command makes.

    Attributes:
        call: The name of the call.
        key: The `{id}` of its path.
        body: The members of its body.
        query: The parameters of its query.
    """

    call: str
    key: str = ""
    body: dict[str, Any] | None = None
    query: dict[str, Any] | None = None


def add_actions(group: str, parser: argparse.ArgumentParser) -> None:
    """Add its actions to the parser of `channel`, `user`, `token` or `receiver`."""
    add = {
        "channel": _add_channel,
        "user": _add_user,
        "token": _add_token,
        "receiver": _add_receiver,
    }[group]
    add(parser.add_subparsers(required=True, metavar="ACTION"))


def _command(
    group: Any,
    name: str,
    text: str,
    request_of: Callable[[argparse.Namespace], OperatorRequest],
    about: str = "",
) -> Callable[..., Any]:
    """Add one command; return what adds an option to it."""
    parser = group.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {about}", epilog=_STATUS
    )
    add_database_option(parser)
    parser.set_defaults(run=_run, request_of=request_of)
    add: Callable[..., Any] = parser.add_argument
    return add


# ---------------------------------------------------------------- channels


def _add_channel(group: Any) -> None:
    option = _command(group, "add", "add a channel", _channel_added, _KEYS)
    option("--name", required=True, help="its name, unique")
    option("--base-url", required=True, help="base URL of the Kling API")
    option("--key-file", metavar="FILE", help="file with the keys; - is standard input")
    option("--key-env", metavar="NAME", help="environment variable with the keys")
    _channel_options(option)
    option(
        "--disabled", dest="status", action="store_const", const="disabled", help="add it disabled"
    )

    option = _command(group, "list", "list the channels", _listed("list_channels"))
    option("--deleted", action="store_true", help="the deleted ones too")

    option = _command(group, "set", "change some settings of a channel", _channel_changed, _KEYS)
    option("channel", help=_NAME)
    option("--name", help="another name")
    option("--base-url", help="base URL of the Kling API")
    option("--key-file", metavar="FILE", help="file with the new keys; - is standard input")
    option("--key-env", metavar="NAME", help="environment variable with the new keys")
    _channel_options(option)

    for action in _SWITCHES:
        request_of = _switched("change_channel", "channel", action)
        option = _command(
            group, action, f"{action} a channel", request_of, "Its open tasks continue."
        )
        option("channel", help=_NAME)
    request_of = _named("delete_channel", "channel")
    option = _command(group, "delete", "delete a channel", request_of, "Its open tasks continue.")
    option("channel", help=_NAME)


def _channel_options(option: Callable[..., Any]) -> None:
    option("--model-mapping", metavar="JSON", help='{"requested name": "model sent", ...}')
    option("--models", metavar="A,B", help="the only names that it serves; empty is any")
    option("--webhook-secrets-file", metavar="FILE", help="`whsec_...`, one per line; - is stdin")
    option("--priority", type=int, help="higher ones are tried first (default 0)")
    option("--weight", type=int, help="share among channels of one priority (default 1)")
    about = "label of the upstream, the same for all its channels; '' is the host of the base URL"
    option("--service", metavar="LABEL", help=about)


def _channel_added(options: argparse.Namespace) -> OperatorRequest:
    body = _channel_body(options)
    if "key" not in body:
        raise ValueError("no key; give --key-file FILE, --key-file - or --key-env NAME")
    return OperatorRequest("add_channel", body=body)


def _channel_changed(options: argparse.Namespace) -> OperatorRequest:
    body = _channel_body(options)
    if not body:
        raise ValueError("nothing to change; give --name, --base-url, --key-file, ...")
    return OperatorRequest("change_channel", options.channel, body)


def _channel_body(options: argparse.Namespace) -> dict[str, Any]:
    names = (
        *("name", "base_url", "model_mapping", "models"),
        *("priority", "weight", "status", "service"),
    )
    body = {name: getattr(options, name, None) for name in names}
    body["key"] = _secret(options.key_file, options.key_env)
    body["webhook_secrets"] = _secret(options.webhook_secrets_file, None)
    return {name: value for name, value in body.items() if value is not None}


def _secret(file: str | None, variable: str | None) -> str | None:
    if file is not None and variable is not None:
        raise ValueError("--key-file and --key-env: give one of the two")
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

    option = _command(group, "list", "list the users", _listed("list_users"))
    option("--deleted", action="store_true", help="the deleted ones too")

    about = "With the same --reference it is done once, however often it runs."
    option = _command(group, "topup", "add to a user's balance", _topped_up, about)
    option("user", help=_NAME)
    option(
        "quota", type=int, help="how much; 500000 are one US dollar; a negative amount is deducted"
    )
    option("--reference", help="unique, such as the id of a payment (default: a new one)")
    option("--note", default="", help="a note")

    for action in _SWITCHES:
        request_of = _switched("set_user_status", "user", action)
        option = _command(group, action, f"{action} a user", request_of, "Its open tasks continue.")
        option("user", help=_NAME)
    about = "Permanently: its name stays taken, and its charges stay in the ledger."
    option = _command(group, "delete", "delete a user", _named("delete_user", "user"), about)
    option("user", help=_NAME)

    option = _command(
        group,
        "rotate-secret",
        "have a new secret sign a user's webhooks",
        _secret_rotated,
        "Both sign during the overlap. The new secret is shown by the operator's API, GET users/ID,"
        " and here if KLING_MOCK_CALLBACK_SECRET is set as it is for the relay.",
    )
    option("user", help=f"whose: {_NAME}")
    option(
        "--overlap",
        type=int,
        default=86_400,
        metavar="SECONDS",
        help="for how long the old one signs too (default 86400, a day; 0: it is known to others)",
    )


def _secret_rotated(options: argparse.Namespace) -> OperatorRequest:
    body = {"overlap_seconds": options.overlap}
    return OperatorRequest("rotate_webhook_secret", options.user, body)


def _user_added(options: argparse.Namespace) -> OperatorRequest:
    return OperatorRequest("add_user", body={"username": options.user, "quota": options.quota})


def _topped_up(options: argparse.Namespace) -> OperatorRequest:
    reference = options.reference or f"topup-{secrets.token_hex(8)}"
    body = {"amount": options.quota, "reference": reference, "note": options.note}
    return OperatorRequest("credit", options.user, body)


# ---------------------------------------------------------------- tokens


def _add_token(group: Any) -> None:
    about = "The token is printed only now: the database has only its hash."
    option = _command(group, "add", "add a token", _token_added, about)
    option("user", help=f"whose: {_NAME}")
    option("--name", default="", help="a label")
    option("--quota", type=int, help="what it may spend (default: as much as its user)")
    option("--expires-at", type=int, metavar="SECONDS", help="Unix seconds (default: never)")

    option = _command(group, "list", "list a user's tokens", _listed("list_tokens", "user"))
    option("user", help=f"whose: {_NAME}")
    option("--deleted", action="store_true", help="the deleted ones too")

    for action in _SWITCHES:
        request_of = _switched("set_token_status", "token", action)
        option = _command(
            group, action, f"{action} a token", request_of, "Its open tasks continue."
        )
        option("token", help="its id, as shown by `token list`")
    request_of = _named("delete_token", "token")
    option = _command(
        group, "delete", "delete a token", request_of, "Permanently; its open tasks continue."
    )
    option("token", help="its id, as shown by `token list`")


def _token_added(options: argparse.Namespace) -> OperatorRequest:
    body = {
        "name": options.name,
        "remain_quota": options.quota,
        "expires_at": options.expires_at,
    }
    return OperatorRequest("add_token", options.user, body)


# ---------------------------------------------------------------- receivers


def _add_receiver(group: Any) -> None:
    request_of: Callable[[argparse.Namespace], OperatorRequest] = _all_receivers
    _command(group, "list", "list the receivers that fail or are disabled", request_of)
    about = {
        "enable": "What was kept back for it is sent.",
        "disable": "Its webhooks are kept back until it is enabled.",
    }
    for action in _SWITCHES:
        request_of = _switched("set_receiver_status", "receiver", action)
        option = _command(group, action, f"{action} a receiver", request_of, about[action])
        option("receiver", help="its id, as shown by `receiver list`")


def _all_receivers(_options: argparse.Namespace) -> OperatorRequest:
    return OperatorRequest("list_receivers")


# ---------------------------------------------------------------- running


def _named(call: str, what: str) -> Callable[[argparse.Namespace], OperatorRequest]:
    return lambda options: OperatorRequest(call, getattr(options, what))


def _switched(call: str, what: str, action: str) -> Callable[[argparse.Namespace], OperatorRequest]:
    body = {"status": f"{action}d"}
    return lambda options: OperatorRequest(call, getattr(options, what), body)


def _listed(call: str, whose: str = "") -> Callable[[argparse.Namespace], OperatorRequest]:
    def request_of(options: argparse.Namespace) -> OperatorRequest:
        query = {"deleted": "true"} if options.deleted else {}
        return OperatorRequest(call, getattr(options, whose) if whose else "", query=query)

    return request_of


def _run(options: argparse.Namespace) -> int:
    try:
        request: OperatorRequest = options.request_of(options)
    except (OSError, ValueError) as error:
        print_error(error)
        return 2
    from kling_mock.relay.domain import errors
    from kling_mock.relay.domain.errors import RelayError

    async def work(storage: Any) -> list[Mapping[str, Any]]:
        shows_secret = request.call == "rotate_webhook_secret"
        given = os.environ.get("KLING_MOCK_CALLBACK_SECRET", "") if shows_secret else ""
        service = operator_on(storage, given.encode() or None)
        return [row async for row in _rows(service, request)]

    try:
        rows = run_on_database(options.db, work)
    except RelayError as error:
        print_error(error)
        return 2 if error.kind in {errors.INVALID, errors.AMBIGUOUS} else 1
    if rows is None:
        return 2
    for row in rows:
        print_json(row)
    return 0


def operator_on(storage: Storage, secret: bytes | None = None) -> OperatorService:
    """Return the operator's calls on a store that is open; only with *secret* they show secrets."""
    from kling_mock.clock import RealClock
    from kling_mock.relay.operator.service import OperatorService

    # Running relays notice changes by themselves: they read the same database.
    def ignore() -> None:
        return None

    return OperatorService(storage, RealClock(), secrets.token_bytes, ignore, ignore, secret)


async def _rows(
    service: OperatorService, request: OperatorRequest
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the reply; of a list, the rows of all its pages."""
    from kling_mock.relay.operator.operations import run

    query = dict(request.query or {})
    while True:
        reply = await run(service, request.call, request.key, request.body, query)
        if "data" not in reply:
            yield reply
            return
        for row in reply["data"]:
            yield row
        if reply.get("next_after") is None:
            return
        query["after"] = reply["next_after"]
