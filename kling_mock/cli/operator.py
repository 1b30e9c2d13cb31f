"""`kling-mock channel`, `user`, `token` and `receiver`: the operator's calls from a shell.

They work directly on the relay's database, whether a relay runs or not, and make the same calls as
the HTTP API: rows of `relay.operator.operations.CALLS`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kling_mock.cli.options import (
    Argument,
    add_arguments_of,
    add_command,
    add_database_option,
    flag,
    number,
    option,
)
from kling_mock.cli.output import print_error, print_json, run_on_database

if TYPE_CHECKING:
    from kling_mock.relay.operator.service import OperatorService
    from kling_mock.relay.storage.sql_storage import Storage

_STATUS = "exit status: 0 done; 1 it does not exist, or is taken; 2 a wrong argument, a name that \
is also the id of another one (write id:NUMBER), or the database cannot be used"
_KEYS = (
    "The keys are `AK|SK` or API keys, one per line. They are read from a file, from standard "
    "input (--key-file -) or from an environment variable, because everybody on the computer can "
    "read a command's arguments. They are never shown again."
)
_CONTINUE = "Its open tasks continue."
_NAME = "its name or id; id:7 means the id only"

Values = dict[str, Any]


class Command(NamedTuple):
    """One command.

    Attributes:
        call: The call of the operator's API that it makes.
        text: What it does.
        arguments: Its arguments; their names in the namespace are parameters of the call.
        about: More about it.
        constants: Parameters that are always the same.
        prepare: Checks and completes the parameters.
    """

    call: str
    text: str
    arguments: tuple[Argument, ...] = ()
    about: str = ""
    constants: Mapping[str, Any] = {}
    prepare: Callable[[Values], None] = lambda _: None


def _key(metavar: str, about: str = _NAME) -> Argument:
    """Return the argument that names the object of a call."""
    return option("id", about, metavar)


_DELETED: Final = flag("--deleted", "the deleted ones too", const="true")


# ---------------------------------------------------------------- channels


def _channel_arguments(*, is_new: bool) -> tuple[Argument, ...]:
    name, new = ("its name, unique", "") if is_new else ("another name", "new ")
    required: dict[str, Any] = {"required": True} if is_new else {}
    return (
        option("--name", name, **required),
        option("--base-url", "base URL of the Kling API", **required),
        option("--key-file", f"file with the {new}keys; - is standard input", "FILE"),
        option("--key-env", f"environment variable with the {new}keys", "NAME"),
        option("--model-mapping", '{"requested name": "model sent", ...}', "JSON"),
        option("--models", "the only names that it serves; empty means any", "A,B"),
        option("--webhook-secrets-file", "`whsec_...`, one per line; - is stdin", "FILE"),
        number("--priority", "higher ones are tried first (default 0)"),
        number("--weight", "share among channels of one priority (default 1)"),
        option(
            "--service",
            "label of the upstream, the same for all its channels; '' is the host of the base URL",
            "LABEL",
        ),
    )


def _new_channel(values: Values) -> None:
    _read_secrets(values)
    if "key" not in values:
        raise ValueError("no key; give --key-file FILE, --key-file - or --key-env NAME")


def _changed_channel(values: Values) -> None:
    _read_secrets(values)
    if not values.keys() - {"id", "yes"}:
        raise ValueError("nothing to change; give --name, --base-url, --key-file, ...")


def _read_secrets(values: Values) -> None:
    """Replace the names of files and of a variable by the keys and secrets in them."""
    file, variable = values.pop("key_file", None), values.pop("key_env", None)
    secrets_file = values.pop("webhook_secrets_file", None)
    if file is not None and variable is not None:
        raise ValueError("--key-file and --key-env: give one of the two")
    if variable is not None:
        if not os.environ.get(variable):
            raise ValueError(f"--key-env: the environment has no {variable}")
        values["key"] = os.environ[variable]
    for name, path in {"key": file, "webhook_secrets": secrets_file}.items():
        if path is not None:
            values[name] = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")


def _switches(call: str, what: str, key: Argument, *about: str) -> dict[str, Command]:
    """Return the commands that enable and disable something."""
    return {
        action: Command(call, f"{action} a {what}", (key,), text, {"status": f"{action}d"})
        for action, text in zip(("enable", "disable"), about, strict=True)
    }


_CHANNEL: Final = _key("channel")
_CHANNELS: Final = {
    "add": Command(
        "add_channel",
        "add a channel",
        (
            *_channel_arguments(is_new=True),
            flag("--disabled", "add it disabled", const="disabled", dest="status"),
        ),
        _KEYS,
        prepare=_new_channel,
    ),
    "list": Command("list_channels", "list the channels", (_DELETED,)),
    "set": Command(
        "change_channel",
        "change some settings of a channel",
        (
            _CHANNEL,
            *_channel_arguments(is_new=False),
            flag("--yes", "even if open tasks need its present settings", const=True),
        ),
        _KEYS,
        prepare=_changed_channel,
    ),
    **_switches("change_channel", "channel", _CHANNEL, _CONTINUE, _CONTINUE),
    "delete": Command("delete_channel", "delete a channel", (_CHANNEL,), _CONTINUE),
}

# ---------------------------------------------------------------- users


def _topped_up(values: Values) -> None:
    values["reference"] = values.get("reference") or f"topup-{secrets.token_hex(8)}"


_USER: Final = _key("user")
_OLD_USER: Final = number(
    "--old-user",
    "the user's number in the old program's rows",
    "NUMBER",
    dest="number",
    required=True,
)
_USERS: Final = {
    "add": Command(
        "add_user",
        "add a user",
        (
            option("username", "its name, unique", "user"),
            number("--quota", "opening balance; 500000 are one US dollar", default=0),
        ),
    ),
    "list": Command("list_users", "list the users", (_DELETED,)),
    "bind": Command(
        "bind_user",
        "show a user the rows of an old number",
        (_USER, _OLD_USER),
        "After an upgrade the rows are hidden until a user is bound to them. A user may have "
        "several numbers, a number only one user.",
    ),
    "disown": Command(
        "disown_number",
        "declare that the rows of an old number are nobody's",
        (_OLD_USER,),
        "No user sees them then; `user bind` can still bind a user to it.",
    ),
    "topup": Command(
        "credit",
        "add to a user's balance",
        (
            _USER,
            number(
                "amount",
                "how much; 500000 are one US dollar; a negative amount is deducted",
                "quota",
            ),
            option("--reference", "unique, such as the id of a payment (default: a new one)"),
            option("--note", "a note", default=""),
        ),
        "With the same --reference the amount is added once, however often the command runs.",
        prepare=_topped_up,
    ),
    **_switches("set_user_status", "user", _USER, _CONTINUE, _CONTINUE),
    "delete": Command(
        "delete_user",
        "delete a user",
        (_USER,),
        "Permanently: its name stays taken, and its charges stay in the ledger.",
    ),
    "rotate-secret": Command(
        "rotate_webhook_secret",
        "sign a user's webhooks with a new secret",
        (
            _key("user", f"whose: {_NAME}"),
            number(
                "--overlap",
                "for how long the old one signs too (default 86400, a day; 0 if others know it)",
                "SECONDS",
                dest="overlap_seconds",
                default=86_400,
            ),
        ),
        "Both sign during the overlap. The new secret is shown by the operator's API, GET users/ID,"
        " and here if KLING_MOCK_CALLBACK_SECRET is set as it is for the relay.",
    ),
}

# ---------------------------------------------------------------- tokens


def _new_token(values: Values) -> None:
    values["remain_quota"] = values.pop("quota", None)


_TOKEN: Final = _key("token", "its id, as shown by `token list`")
_WHOSE: Final = _key("user", f"whose: {_NAME}")
_TOKENS: Final = {
    "add": Command(
        "add_token",
        "add a token",
        (
            _WHOSE,
            option("--name", "a label", default=""),
            number("--quota", "what it may spend (default: as much as its user)"),
            number("--expires-at", "Unix seconds (default: never)", "SECONDS"),
        ),
        "The token is printed only now: the database has only its hash.",
        prepare=_new_token,
    ),
    "list": Command("list_tokens", "list a user's tokens", (_WHOSE, _DELETED)),
    **_switches("set_token_status", "token", _TOKEN, _CONTINUE, _CONTINUE),
    "delete": Command(
        "delete_token", "delete a token", (_TOKEN,), "Permanently; its open tasks continue."
    ),
}

# ---------------------------------------------------------------- receivers

_RECEIVERS: Final = {
    "list": Command("list_receivers", "list the receivers that fail or are disabled"),
    **_switches(
        "set_receiver_status",
        "receiver",
        _key("receiver", "its id, as shown by `receiver list`"),
        "What was kept back for it is sent.",
        "Its webhooks are kept back until it is enabled.",
    ),
}

_NOT_PARAMETERS: Final = {"db", "log_level", "run"}
COMMANDS: Final[Mapping[str, Mapping[str, Command]]] = {
    "channel": _CHANNELS,
    "user": _USERS,
    "token": _TOKENS,
    "receiver": _RECEIVERS,
}

# ---------------------------------------------------------------- running


def add_arguments(group: str, parser: argparse.ArgumentParser) -> None:
    """Add the actions of `channel`, `user`, `token` or `receiver` to its parser."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, command in COMMANDS[group].items():
        action = add_command(actions, name, command.text, command.about, _STATUS)
        add_database_option(action)
        action.set_defaults(run=partial(_run, command), **command.constants)
        add_arguments_of(action, command.arguments)


def _run(command: Command, options: argparse.Namespace) -> int:
    values = {name: value for name, value in vars(options).items() if value is not None}
    parameters = {name: values[name] for name in values.keys() - _NOT_PARAMETERS}
    try:
        command.prepare(parameters)
    except (OSError, ValueError) as error:
        print_error(error)
        return 2
    from kling_mock.relay.domain import errors
    from kling_mock.relay.domain.errors import RelayError

    async def work(storage: Any) -> list[Mapping[str, Any]]:
        shows_secret = command.call == "rotate_webhook_secret"
        secret = os.environ.get("KLING_MOCK_CALLBACK_SECRET", "") if shows_secret else ""
        service = operator_on(storage, secret.encode() or None)
        return [row async for row in _rows(service, command.call, parameters)]

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
    """Return the operator's calls on an open store; they show secrets only with *secret*."""
    from kling_mock.clock import RealClock
    from kling_mock.relay.operator.service import OperatorService

    # Running relays notice changes by themselves: they read the same database.
    def ignore() -> None:
        return None

    return OperatorService(storage, RealClock(), secrets.token_bytes, ignore, ignore, secret)


async def _rows(
    service: OperatorService, call: str, parameters: Values
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the reply; for a list, the rows of all its pages."""
    from kling_mock.relay.operator.operations import run

    while True:
        reply = await run(service, call, parameters)
        if "data" not in reply:
            yield reply
            return
        for row in reply["data"]:
            yield row
        if reply.get("next_after") is None:
            return
        parameters = parameters | {"after": reply["next_after"]}
