"""`kling-mock serve`: the emulated Kling and a relay in front of it, until a signal ends them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from kling_mock.cli.ending import serve_until_signal
from kling_mock.cli.options import add_database_option, add_log_option
from kling_mock.cli.output import print_line
from kling_mock.cli.servers import folder, ready_file, remembered
from kling_mock.web.addresses import is_loopback
from kling_mock.web.request_log import log_to_stderr

if TYPE_CHECKING:
    from kling_mock import KlingMock

_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM


def add_arguments(_name: str, serve: argparse.ArgumentParser) -> None:
    """Give `serve` its description and its options."""
    serve.description = (
        "Serve the emulated Kling API, and a relay in front of it, until SIGTERM or "
        "Ctrl-C. Once it accepts connections it prints one line of JSON with the URLs and keys; "
        "on a terminal it tells a person instead what to do with them, and the commands that "
        "steer it find it. Each "
        "option can also be set by an environment variable: --kling-port by "
        "KLING_MOCK_KLING_PORT, and so on. Secrets are taken from KLING_MOCK_ACCESS_KEY and "
        "KLING_MOCK_SECRET_KEY, KLING_MOCK_API_KEY, KLING_MOCK_ADMIN_TOKEN, "
        "KLING_MOCK_RELAY_TOKEN and KLING_MOCK_CALLBACK_SECRET; those not set are made."
    )
    serve.set_defaults(run=_serve)
    option: Callable[..., Any] = serve.add_argument
    option("--host", default=_env("HOST", "127.0.0.1"), help="address to listen on")
    option(
        "--port",
        type=int,
        default=_env("PORT", "3000"),
        help="port of the relay; 0 for any free port (default 3000)",
    )
    option(
        "--kling-port",
        type=int,
        default=_env("KLING_PORT", "3001"),
        help="port of the Kling API; 0 for any free port (default 3001)",
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
        help="from where the admin API and the relay's operator API may be called, with the admin "
        "token: this computer, any computer, or not at all",
    )
    option("--no-admin", action="store_const", dest="admin", const="off", help="like --admin off")
    option(
        "--admin-host",
        action="append",
        default=(_env("ADMIN_HOST") or "").split(),
        help="name by which both APIs may be called, in addition to addresses, localhost and the "
        "public URLs; * for any; may be repeated",
    )
    option(
        "--seed",
        type=int,
        default=_env("SEED"),
        help="the same seed makes the same ids, times and keys; where others can call, only with "
        "all secrets",
    )
    option("--public-url", default=_env("PUBLIC_URL"), help="the beginning of result URLs")
    option("--tls-cert", default=_env("TLS_CERT"), help="PEM certificate: serve https")
    option("--tls-key", default=_env("TLS_KEY"), help="PEM key of the certificate")
    option("--faults", default=_env("FAULTS"), help="JSON file with faults to begin with")
    option(
        "--callback-host",
        action="append",
        default=(_env("CALLBACK_HOST") or "").split(),
        help="host that callbacks may go to, in addition to this computer; * for any; may be "
        "repeated",
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
    option(
        "--ready-file",
        type=Path,
        default=_env("READY_FILE"),
        metavar="FILE",
        help="write the line of JSON to this file, too, once it accepts connections; only you may "
        "read it, and it is removed at the end",
    )
    option(
        "--admin-origin",
        action="append",
        default=(_env("ADMIN_ORIGIN") or "").split(),
        metavar="ORIGIN",
        help="scheme, host and port of a page that may call the admin API from a browser, as "
        "http://localhost:5173; may be repeated",
    )
    add_log_option(serve)


@overload
def _env(name: str) -> str | None: ...
@overload
def _env(name: str, default: str) -> str: ...
def _env(name: str, default: str | None = None) -> str | None:
    # argparse converts a string default like an argument, so it also reports a wrong value.
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
    files = ExitStack()

    def start() -> KlingMock:
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)  # left by a killed server
        mock = _mock_of(options)
        mock.clock.is_moved_by_hand = True
        if options.faults is not None:
            mock.faults.load(Path(options.faults))
        mock.start()
        log_to_stderr(options.log_level)
        _ = mock.relay_url  # makes the relay listen
        return mock

    def announce(mock: KlingMock) -> None:
        ready = {
            "relay_url": mock.relay_url,
            "kling_url": mock.kling_url,
            "dashboard_url": mock.dashboard_url,
            "access_key": mock.access_key,
            "secret_key": mock.secret_key,
            "api_key": mock.api_key,
            "relay_token": mock.environment.get("KLING_RELAY_TOKEN"),
            "admin_token": mock.admin_token,
        }
        if options.ready_file is not None:
            files.enter_context(ready_file(ready, options.ready_file))
        if options.json or not sys.stdout.isatty():
            print_line(json.dumps(ready))
            return
        if mock.dashboard_url is not None:
            files.enter_context(remembered(ready, folder(os.environ)))
        is_real_time = options.speed is None and options.clock == "real"
        print_line(_greeting(ready, is_real_time=is_real_time))

    def stop(mock: KlingMock) -> None:
        with files:
            mock.stop(drain=_DRAIN)

    return serve_until_signal(start, announce, stop)


def _greeting(ready: Mapping[str, str | None], *, is_real_time: bool) -> str:
    """Return a text that says what a user can do with a server.

    Args:
        ready: Its ready line; without a dashboard the admin API is off.
        is_real_time: Whether its clock is the computer's, and a video takes as long as at Kling.
    """
    line = f"export KLING_RELAY_TOKEN={ready['relay_token']}"
    if ready["relay_token"] is None:
        line = "Its database was in use. To make a token: kling-mock token add USER"
    parts = [
        "An emulated Kling is running. Ctrl-C ends it, and then its tasks and results are gone.",
        f"""\
  Use it         export KLING_BASE_URL={ready["kling_url"]}
                 export KLING_API_KEY={ready["api_key"]}
                 kling create text2video --prompt "a kitten on the grass" --download kitten.mp4""",
        f"""\
  Its relay      {ready["relay_url"]}
                 {line}""",
    ]
    if is_real_time:
        parts[1] += """
                 A video takes about 2 minutes, as at Kling; with --speed 60 it takes 2 seconds."""
    if ready["dashboard_url"] is not None:
        parts[1:1] = [
            f"""\
  Look at it     {ready["dashboard_url"]}"""
        ]
        parts[3:3] = [
            """\
  Steer it       kling-mock tail                 requests and callbacks as they come
                 kling-mock complete --latest    let the newest task succeed now
                 kling-mock trigger succeed --to http://127.0.0.1:8000/callback
                 kling-mock fault add status http=503 --times 1"""
        ]
    return "\n\n".join(parts) + "\n"


def _mock_of(options: argparse.Namespace) -> KlingMock:
    # Loaded last, and only for this command: aiohttp takes most of the start-up time.
    from kling_mock import KlingMock, RelaySettings, Secrets

    return KlingMock(
        clock=_clock(options.clock, options.speed),
        admin=options.admin,
        admin_hosts=options.admin_host,
        admin_origins=options.admin_origin,
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
