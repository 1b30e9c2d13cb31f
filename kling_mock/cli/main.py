"""The command `kling-mock`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, overload

from kling_mock.cli.database import add_to as add_db_commands
from kling_mock.cli.database_option import add_database_option
from kling_mock.cli.greeting import greeting
from kling_mock.cli.recording import add_recording_commands
from kling_mock.cli.relay import add_relay_commands, settle_memory
from kling_mock.cli.servers import folder, remembered
from kling_mock.cli.steering import add_steering_commands
from kling_mock.storage.errors import StorageError
from kling_mock.web.listening import is_loopback
from kling_mock.web.request_log import log_to_stderr

__all__ = ["main"]

_OPERATORS = {
    "channel": "the relay's channels to Kling: add, list, set, enable, disable, delete",
    "user": "the relay's users: add, list, topup, enable, disable, delete, rotate-secret",
    "receiver": "the receivers of users' webhooks that fail: list, enable, disable",
    "token": "the users' tokens: add, list, enable, disable, delete",
}
_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    Args:
        arguments: What follows the command's name; `None` takes them from the process.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(given[0] if given else "").parse_args(given)
    return int(options.run(options))


def _parser(first: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kling-mock", description="A Kling AI on localhost, for tests."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve the emulated Kling API and a relay in front of it",
        description="Serve the emulated Kling API, and a relay in front of it, until SIGTERM or "
        "Ctrl-C. Once it accepts connections it prints one line of JSON with the URLs and keys; "
        "on a terminal it tells a person instead what to do with them, and the commands that "
        "steer it find it. Each "
        "option can also be set by an environment variable: --kling-port by "
        "KLING_MOCK_KLING_PORT, and so on. Secrets are taken from KLING_MOCK_ACCESS_KEY and "
        "KLING_MOCK_SECRET_KEY, KLING_MOCK_API_KEY, KLING_MOCK_ADMIN_TOKEN, "
        "KLING_MOCK_RELAY_TOKEN and KLING_MOCK_CALLBACK_SECRET; those not set are made.",
    )
    serve.set_defaults(run=_serve)
    option = serve.add_argument
    option("--host", default=_env("HOST", "127.0.0.1"), help="address to listen on")
    option(
        "--port",
        type=int,
        default=_env("PORT", "3000"),
        help="port of the relay; 0 is any free one (default 3000)",
    )
    option(
        "--kling-port",
        type=int,
        default=_env("KLING_PORT", "3001"),
        help="port of the Kling API; 0 is any free one (default 3001)",
    )
    option(
        "--speed",
        type=float,
        default=_env("SPEED"),
        help="seconds on the server's clock in one real second (default: real time)",
    )
    option(
        "--clock",
        choices=("real", "manual"),
        default=_env("CLOCK", "real"),
        help="manual: time stands still until the admin API moves it (default real)",
    )
    option(
        "--admin",
        choices=("local", "remote", "off"),
        default=_env("ADMIN", "local"),
        help="who may call the admin API and the relay's operator API, with the admin token: this "
        "computer, any, nobody",
    )
    option("--no-admin", action="store_const", dest="admin", const="off", help="like --admin off")
    option(
        "--admin-host",
        action="append",
        default=(_env("ADMIN_HOST") or "").split(),
        help="name by which both APIs may be called, besides addresses, localhost and the public "
        "URLs, * is any; may be repeated",
    )
    option(
        "--seed",
        type=int,
        default=_env("SEED"),
        help="same seed: same ids, times and keys; where others can call, only with all secrets",
    )
    option("--public-url", default=_env("PUBLIC_URL"), help="what result URLs begin with")
    option("--tls-cert", default=_env("TLS_CERT"), help="PEM certificate: serve https")
    option("--tls-key", default=_env("TLS_KEY"), help="PEM key of the certificate")
    option("--faults", default=_env("FAULTS"), help="JSON file with faults to begin with")
    option(
        "--callback-host",
        action="append",
        default=(_env("CALLBACK_HOST") or "").split(),
        help="host that callbacks may go to besides this computer, * is any; may be repeated",
    )
    option(
        "--journal-size",
        type=int,
        default=_env("JOURNAL_SIZE", "2000"),
        help="how many requests the journal keeps (default 2000)",
    )
    option(
        "--ignored-fields",
        choices=("note", "refuse"),
        default=_env("IGNORED_FIELDS", "note"),
        help="keys that the real service ignores are noted (the default) or refused",
    )
    add_database_option(serve, "database URL of the relay (default: in memory)", required=False)
    option(
        "--callback-domain",
        default=os.environ.get("CALLBACK_DOMAIN") or _env("CALLBACK_DOMAIN"),
        help="scheme, host and port by which Kling's callbacks reach the relay",
    )
    option(
        "--pricing",
        choices=("units", "guide"),
        default=_env("PRICING", "units"),
        help="the relay's price list: Kling's own, or the formula of the deployment guide",
    )
    option(
        "--no-test-callback",
        action="store_true",
        default=bool(_env("NO_TEST_CALLBACK")),
        help="do not let unsigned callbacks from this computer end tasks of the emulated Kling",
    )
    option("--json", action="store_true", help="print the line of JSON on a terminal, too")
    add_steering_commands(commands, first)
    add_recording_commands(commands)
    add_relay_commands(commands)
    _add_operators(commands, first)
    add_db_commands(commands)
    return parser


def _add_operators(commands: Any, first: str) -> None:
    """Add the commands of the relay's operator; the actions only of the one that is used."""
    for name, text in _OPERATORS.items():
        parser = commands.add_parser(name, help=text, description=text)
        if name == first:
            from kling_mock.cli.operator import add_actions

            add_actions(name, parser)


@overload
def _env(name: str) -> str | None: ...
@overload
def _env(name: str, default: str) -> str: ...
def _env(name: str, default: str | None = None) -> str | None:
    # argparse converts a string default like an argument, so a wrong value is reported likewise.
    return os.environ.get(f"KLING_MOCK_{name}") or default


def _clock(
    clock: Literal["real", "manual"], speed: float | None
) -> Literal["real", "manual"] | float:
    if speed is None:
        return clock
    if clock == "manual":
        raise ValueError("speed: must not be given with --clock manual, which stands still")
    return speed


def _serve(options: argparse.Namespace) -> int:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        # Loaded last, and only for this command: aiohttp is most of the start-up time.
        from kling_mock import KlingMock, RelaySettings, Secrets

        mock = KlingMock(
            clock=_clock(options.clock, options.speed),
            admin=options.admin,
            admin_hosts=options.admin_host,
            secrets=Secrets(
                access_key=_env("ACCESS_KEY", ""),
                secret_key=_env("SECRET_KEY", ""),
                api_key=_env("API_KEY", ""),
                admin_token=_env("ADMIN_TOKEN", ""),
            ),
            seed=options.seed,
            host=options.host,
            kling_port=options.kling_port,
            public_url=options.public_url,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            callback_hosts=options.callback_host,
            journal_size=options.journal_size,
            ignored_fields=options.ignored_fields,
            relay=RelaySettings(
                port=options.port,
                database=options.db,
                public_url=options.callback_domain,
                pricing=options.pricing,
                token=_env("RELAY_TOKEN", ""),
                callback_secret=_env("CALLBACK_SECRET", "").encode(),
                test_callback=is_loopback(options.host) and not options.no_test_callback,
            ),
        )
        if options.faults is not None:
            mock.faults.load(Path(options.faults))
        mock.start()
        log_to_stderr()
        relay_url = mock.relay_url
        settle_memory()
    except (ImportError, OSError, ValueError, StorageError) as error:
        print(f"kling-mock: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 1
    ready = {
        "relay_url": relay_url,
        "kling_url": mock.kling_url,
        "dashboard_url": mock.dashboard_url,
        "access_key": mock.access_key,
        "secret_key": mock.secret_key,
        "api_key": mock.api_key,
        "relay_token": mock.relay_token,
        "admin_token": mock.admin_token,
    }
    on_terminal = sys.stdout.isatty() and not options.json
    is_real_time = options.speed is None and options.clock == "real"
    shown = greeting(ready, is_real_time=is_real_time) if on_terminal else json.dumps(ready)
    is_steered = on_terminal and mock.dashboard_url is not None
    with remembered(ready, folder(os.environ)) if is_steered else nullcontext():
        print(shown, flush=True)  # noqa: T201 - what is promised once it accepts connections
        ended.wait()
        mock.stop(drain=_DRAIN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
