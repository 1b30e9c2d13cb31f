"""`kling-mock serve`: the emulated Kling and a relay in front of it, until a signal ends them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from kling_mock.cli.ending import serve_until_signal
from kling_mock.cli.options import (
    add_arguments_of,
    add_database_option,
    add_log_option,
    flag,
    number,
    option,
    switch,
)
from kling_mock.cli.output import print_line
from kling_mock.cli.servers import folder, ready_file, remembered
from kling_mock.web.addresses import is_loopback
from kling_mock.web.request_log import log_to_stderr

if TYPE_CHECKING:
    from kling_mock import KlingMock

_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM
#: The beginning of the variables that set options.
_VARIABLES: Final = "KLING_MOCK_"


_EMULATOR: Final = (
    option("--host", "address to listen on", default="127.0.0.1"),
    number("--port", "port of the relay; 0 for any free port (default 3000)", default=3000),
    number(
        "--kling-port", "port of the Kling API; 0 for any free port (default 3001)", default=3001
    ),
    option(
        "--speed",
        "seconds on the server's clock in one real second (default: real time)",
        type=float,
    ),
    option(
        "--clock",
        "manual: time stands still until the admin API moves it (default real)",
        choices=("real", "manual"),
        default="real",
    ),
    option(
        "--admin",
        "from where the admin API and the relay's operator API may be called, with the admin "
        "token: this computer, any computer, or not at all",
        choices=("local", "remote", "off"),
        default="local",
    ),
    flag("--no-admin", "like --admin off", const="off", dest="admin"),
    option(
        "--admin-host",
        "name by which both APIs may be called, in addition to addresses, localhost and the "
        "public URLs; * for any; may be repeated",
        action="append",
        default=[],
    ),
    number(
        "--seed",
        "the same seed makes the same ids, times and keys; where others can call, only with "
        "all secrets",
    ),
    option("--public-url", "the beginning of result URLs"),
    option("--tls-cert", "PEM certificate: serve https"),
    option("--tls-key", "PEM key of the certificate"),
    option("--faults", "JSON file with faults to begin with"),
    option(
        "--callback-host",
        "host that callbacks may go to, in addition to this computer; * for any; may be repeated",
        action="append",
        default=[],
    ),
    number("--journal-size", "how many requests the journal keeps (default 2000)", default=2000),
    option(
        "--ignored-fields",
        "keys that the real service ignores are noted (the default) or refused",
        choices=("note", "refuse"),
        default="note",
    ),
)
_RELAY: Final = (
    option("--callback-domain", "scheme, host and port by which Kling's callbacks reach the relay"),
    option(
        "--pricing",
        "the relay's price list: Kling's own, or the formula of the deployment guide",
        choices=("units", "guide"),
        default="units",
    ),
    switch(
        "--no-test-callback",
        "do not let unsigned callbacks from this computer end tasks of the emulated Kling",
    ),
    switch("--json", "print the line of JSON on a terminal, too"),
    option(
        "--ready-file",
        "write the line of JSON to this file, too, once it accepts connections; only you may "
        "read it, and it is removed at the end",
        "FILE",
        type=Path,
    ),
    option(
        "--admin-origin",
        "scheme, host and port of a page that may call the admin API from a browser, as "
        "http://localhost:5173; may be repeated",
        "ORIGIN",
        action="append",
        default=[],
    ),
)


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
    add_arguments_of(serve, _EMULATOR, _VARIABLES)
    add_database_option(serve, "database URL of the relay (default: in memory)", required=False)
    add_arguments_of(serve, _RELAY, _VARIABLES)
    if domain := os.environ.get("CALLBACK_DOMAIN"):  # as one-api calls it
        serve.set_defaults(callback_domain=domain)
    add_log_option(serve)


def _env(name: str) -> str:
    return os.environ.get(f"{_VARIABLES}{name}", "")


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
            access_key=_env("ACCESS_KEY"),
            secret_key=_env("SECRET_KEY"),
            api_key=_env("API_KEY"),
            admin_token=_env("ADMIN_TOKEN"),
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
            token=_env("RELAY_TOKEN"),
            callback_secret=_env("CALLBACK_SECRET").encode(),
            test_callback=is_loopback(options.host) and not options.no_test_callback,
        ),
    )
