"""The relay commands of `kling-mock`. Their code is loaded when they run."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kling_mock.cli.ending import serve_until_signal
from kling_mock.cli.options import (
    add_arguments_of,
    add_database_option,
    add_log_option,
    number,
    option,
    switch,
)
from kling_mock.cli.output import print_error, print_json, run_on_database
from kling_mock.web.request_log import log_to_stderr

if TYPE_CHECKING:
    from kling_mock.clock import ScaledClock
    from kling_mock.relay.standalone import RelayServer

# Seconds for which a thread may run while another one waits. While a thread parses a large body,
# the loop waits at each of its system calls: 5 ms each by Python's default.
_SWITCH = 0.0005
_MMAP_THRESHOLD = -3  # of `mallopt`, in glibc's malloc.h
_LARGE = 1024 * 1024  # bytes
_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM
_TIMEOUTS = {
    "header": "for the header of a connection's first request (default 20)",
    "idle": "between a response and the next request (default 75)",
    "body": "for a body, and one more per 8192 bytes (default 30)",
    "send": "without the client reading any of a response (default 60)",
}
_NO_DATABASE = (
    "no database; give --db URL, such as sqlite:///relay.db, or set KLING_MOCK_DB. --db sqlite://"
    " is one in memory: its users, tasks and balances are lost when the process ends"
)
#: Prefix of the headers that only the emulator sends.
_MARK: Final = "x-kling-mock-"
_PATIENCE: Final = 5.0  # seconds of real time for the reply
#: Setting -> its option, or the variables from which it is read.
_OPTIONS = {
    "upstream_url": "--upstream",
    "base_url": "--upstream",
    "upstream_key": "KLING_ACCESS_KEY, KLING_SECRET_KEY or KLING_API_KEY",
    "api_keys": "KLING_ACCESS_KEY, KLING_SECRET_KEY or KLING_API_KEY",
    "public_url": "--callback-domain",
    "callback_hosts": "--callback-host",
    "admin_hosts": "--admin-host",
    "connections": "--max-connections",
    "port": "--port",
    "token": "KLING_MOCK_RELAY_TOKEN",
    "admin_token": "KLING_MOCK_ADMIN_TOKEN",
}
#: Option, which is also the setting: its default, its kind, and what it limits. A relay for tests
#: does not limit tokens, but a relay that serves others does.
_RELAY_LIMITS: dict[str, tuple[float, type, str]] = {
    "token-rate": (50.0, float, "requests of a token per second; 0 means no limit"),
    "token-burst": (200, int, "requests of a token that may come at once"),
    "open-tasks-per-token": (1000, int, "open tasks of a token; 0 means no limit"),
    "body-memory-mib": (192, int, "MiB of memory for large bodies of creates, 96 or more"),
    "reads-at-once": (64, int, "tasks that are polled at Kling concurrently"),
    "reads-per-channel": (8, int, "of these, those of one channel"),
    "calls-per-channel": (
        200,
        int,
        "calls that wait for a response of one channel; 0 means no limit",
    ),
    "webhooks-at-once": (128, int, "webhooks that are sent concurrently"),
    "webhooks-per-receiver": (4, int, "of these, those to one receiver"),
    "write-limit": (3.0, float, "seconds without a write until /health is 503, 3 or more"),
    "receiver-off-days": (5.0, float, "days of failures after which a receiver is switched off"),
}


_ADDRESS: Final = (
    option("--upstream", "base URL of Kling (default: the variable KLING_BASE_URL)"),
    option("--host", "address to listen on", default="127.0.0.1"),
    number("--port", "port; 0 for any free port (default 3000)", default=3000),
)
_RELAY: Final = (
    option(
        "--callback-domain",
        "scheme, host and port by which Kling reaches this relay; without it tasks are polled",
    ),
    option("--pricing", "the price list", choices=("units", "guide"), default="units"),
    option(
        "--admin-host",
        "name by which the operator's API may be called, in addition to addresses, localhost "
        "and that of --callback-domain; * for any; may be repeated",
        action="append",
        default=[],
    ),
    option("--callback-host", "private host of users' callbacks", action="append", default=[]),
    option(
        "--speed",
        "seconds that pass on its clock in one real second, in front of an emulated Kling of "
        "that speed, which must be running: its clock is read at the start",
        type=float,
    ),
    number(
        "--max-connections",
        "open connections (default: the limit of open files less 384, at most 10000)",
        "N",
    ),
    *(
        option(f"--{name}", f"{text} (default {default})", "N", type=kind, default=default)
        for name, (default, kind, text) in _RELAY_LIMITS.items()
    ),
    *(option(f"--{name}-timeout", text, "SECONDS", type=float) for name, text in _TIMEOUTS.items()),
)
_RECONCILE: Final = (
    switch(
        "--repair",
        "print the ledger entries and corrections that would make the tables keep the rules; "
        "nothing is changed without --yes",
    ),
    switch(
        "--release-deleted",
        "with --repair: release what is held for open tasks whose rows were deleted from "
        "`videos`; a row that comes back, as from a backup, can no longer be charged",
    ),
    switch("--yes", "with --repair: make these changes"),
)
_STATS: Final = (
    number("--days", "days to look back (default 7)", default=7),
    number("--stuck-after", "seconds; older open tasks are stuck (3600)", default=3600),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Give `relay`, `reconcile` or `stats` its description and its options."""
    {"relay": _add_relay, "reconcile": _add_reconcile, "stats": _add_stats}[name](parser)


def _add_relay(relay: argparse.ArgumentParser) -> None:
    relay.description = (
        "Serve the relay in front of a real Kling until SIGTERM or Ctrl-C. The key is "
        "taken from KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. An empty database "
        "gets a channel with it, and a user with the token KLING_MOCK_RELAY_TOKEN or a new one; a "
        "database that is in use is not changed at start. KLING_MOCK_ADMIN_TOKEN and "
        "KLING_MOCK_CALLBACK_SECRET are taken if set; else the first is made at each start, and "
        "the other one is that of the database, made at its first start. Prints one line "
        "of JSON with the URL and tokens once it accepts connections."
    )
    relay.set_defaults(run=_relay)
    add_arguments_of(relay, _ADDRESS)
    add_database_option(
        relay, "database URL; sqlite:// is in memory, gone when the process ends", required=False
    )
    add_arguments_of(relay, _RELAY)
    if domain := os.environ.get("CALLBACK_DOMAIN"):
        relay.set_defaults(callback_domain=domain)
    add_log_option(relay)


def _add_reconcile(reconcile: argparse.ArgumentParser) -> None:
    reconcile.description = (
        "Print, for each user, opening, credits, charged, held, balance and the "
        "difference, and the rows that break a rule. The exit status is 1 on any difference."
    )
    reconcile.set_defaults(run=_reconcile)
    add_database_option(reconcile)
    add_arguments_of(reconcile, _RECONCILE)


def _add_stats(stats: argparse.ArgumentParser) -> None:
    stats.description = (
        "Print how many tasks each day had and how they ended, the tasks that have "
        "been open for too long, the slow statements that the database has recorded, those that "
        "have been running for 5 seconds, and counts; one JSON object per line. Where the "
        "database records no slow statements, the line `slow_statements` says what to switch on."
    )
    stats.set_defaults(run=_stats)
    add_database_option(stats)
    add_arguments_of(stats, _STATS)


def _return_large_blocks() -> None:
    """Make the allocator return the memory of a large body to the system when it is freed.

    Otherwise glibc keeps blocks of up to 32 MiB once it has seen some, in parts of its heap that
    smaller blocks then fragment.
    """
    if sys.platform == "linux":
        import ctypes  # only this command needs it

        with contextlib.suppress(AttributeError):  # a C library without `mallopt`
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def _relay(options: argparse.Namespace) -> int:
    def start() -> RelayServer:
        from kling_mock.relay.settings import RelaySettings
        from kling_mock.relay.standalone import RelayServer

        upstream = _upstream(options)
        settings = RelaySettings(
            upstream_url=upstream,
            upstream_key=_keys(),
            port=options.port,
            database=_database(options),
            public_url=options.callback_domain,
            pricing=options.pricing,
            callback_hosts=options.callback_host,
            admin_hosts=options.admin_host,
            limits=_limits(options),
            **{name: vars(options)[name] for name in map(_setting_of, _RELAY_LIMITS)},
            token=os.environ.get("KLING_MOCK_RELAY_TOKEN", ""),
            admin_token=os.environ.get("KLING_MOCK_ADMIN_TOKEN", ""),
            callback_secret=os.environ.get("KLING_MOCK_CALLBACK_SECRET", "").encode(),
        )
        clock = None if options.speed is None else _emulated_clock(options.speed, upstream)
        server = RelayServer(settings, host=options.host, clock=clock)
        log_to_stderr(options.log_level)
        server.start()
        _return_large_blocks()
        sys.setswitchinterval(_SWITCH)
        return server

    def refuse(error: Exception) -> None:
        is_setting = isinstance(error, ValueError)
        print_error(ValueError(_with_option(str(error), options)) if is_setting else error)

    return serve_until_signal(
        start,
        lambda server: print_json(server.ready()),
        lambda server: server.stop(_DRAIN),
        refuse,
    )


def _emulated_clock(speed: float, upstream: str) -> ScaledClock:
    """Return a clock that shows the same time as the emulated Kling's clock.

    At any speed except 1 the time depends on when the emulator was started, so it is read from the
    date of a reply. The relay's clock is behind it by the duration of one reply, times the speed.

    Args:
        speed: Seconds on both clocks in one real second.
        upstream: Base URL of the emulated Kling, which must be running.

    Raises:
        OSError: The emulator does not reply, or its reply has no date.
        ValueError: *speed* is not a positive number, or the upstream is not an emulator.
    """
    from kling_mock.clock import ScaledClock

    ScaledClock(speed)  # checks *speed* before the request
    return ScaledClock(speed, _date_of(upstream))


def _date_of(upstream: str) -> float:
    """Return the date of a reply of *upstream*, in Unix seconds."""
    import http.client
    from email.utils import parsedate_to_datetime

    parts = urlsplit(upstream)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", parts.path or "/")
        reply = connection.getresponse()
        if not any(name.lower().startswith(_MARK) for name in reply.headers):
            raise ValueError(
                "--speed: the server at --upstream is not an emulated Kling; in front of a real one"
                " a relay runs in real time, so leave --speed out"
            )
        date = reply.getheader("Date", "")
    except (OSError, http.client.HTTPException) as error:
        raise OSError(
            "--speed: the clock of the emulated Kling at --upstream cannot be read"
            f" ({type(error).__name__}). Start `kling-mock serve --speed N` first; without --speed"
            " the relay runs in real time"
        ) from error
    finally:
        connection.close()
    return parsedate_to_datetime(date).timestamp()


def _upstream(options: argparse.Namespace) -> str:
    url: str = options.upstream or os.environ.get("KLING_BASE_URL", "")
    if not url:
        raise ValueError(
            "no upstream; give --upstream URL, such as https://api-singapore.klingai.com, or set "
            "KLING_BASE_URL"
        )
    return url


def _database(options: argparse.Namespace) -> str:
    if options.db is None:
        raise ValueError(_NO_DATABASE)
    url: str = options.db
    return url


def _setting_of(option: str) -> str:
    return option.replace("-", "_")


def _with_option(problem: str, options: argparse.Namespace) -> str:
    """Return *problem* with the name of the option instead of the setting."""
    name, colon, rest = problem.partition(": ")
    if _OPTIONS.get(name) == "--upstream" and not options.upstream:
        return f"KLING_BASE_URL{colon}{rest}"
    known = _OPTIONS | {_setting_of(option): f"--{option}" for option in _RELAY_LIMITS}
    known |= {f"{name}_seconds": f"--{name}-timeout" for name in _TIMEOUTS}
    return f"{known.get(name, name)}{colon}{rest}"


def _limits(options: argparse.Namespace) -> Any:
    from kling_mock.web.limits import Limits

    limits = {f"{name}_seconds": getattr(options, f"{name}_timeout") for name in _TIMEOUTS}
    limits["connections"] = options.max_connections
    return Limits(**{name: value for name, value in limits.items() if value is not None})


def _keys() -> str:
    """Return the keys in the environment, one per line; all belong to one account."""
    access, secret = os.environ.get("KLING_ACCESS_KEY"), os.environ.get("KLING_SECRET_KEY")
    keys = [f"{access}|{secret}" if access and secret else "", os.environ.get("KLING_API_KEY", "")]
    if not any(keys):
        raise ValueError(
            "no key; set KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY, which models "
            "such as kling-3.0 need, or all three"
        )
    return "\n".join(filter(None, keys))


def _reconcile(options: argparse.Namespace) -> int:
    from kling_mock.relay.domain.stored_values import stated_quota
    from kling_mock.relay.operator.views import show_reconciliation, show_repair

    if not options.repair and (options.yes or options.release_deleted):
        alone = "--yes" if options.yes else "--release-deleted"
        print_error(ValueError(f"{alone}: only with --repair"))
        return 2

    async def work(storage: Any) -> Any:
        now, repairs = int(time.time()), ()
        if options.repair:
            repairs = await storage.repair(
                now=now, commit=options.yes, release_deleted=options.release_deleted
            )
        return repairs, await storage.reconcile(now=now, stated=stated_quota)

    done = run_on_database(options.db, work)
    if done is None:
        return 2
    repairs, reconciliations = done
    for repair in repairs:
        print_json(show_repair(repair, done=options.yes))
    for row in reconciliations:
        print_json(show_reconciliation(row))
    return 0 if all(row.is_explained for row in reconciliations) else 1


def _stats(options: argparse.Namespace) -> int:
    async def work(storage: Any) -> Any:
        from kling_mock.cli.operator import operator_on
        from kling_mock.relay.domain.errors import RelayError
        from kling_mock.relay.operator.operations import run

        service = operator_on(storage)
        query = {"days": options.days, "stuck_after": options.stuck_after}
        try:
            return await run(service, "get_stats", query), await run(service, "get_overview", {})
        except RelayError as error:
            raise ValueError(error.message) from None

    figures = run_on_database(options.db, work)
    if figures is None:
        return 2
    stats, overview = figures
    for day in stats["data"]:
        print_json(day | {"day": time.strftime("%Y-%m-%d", time.gmtime(day["day"]))})
    for row in stats["stuck"]:
        print_json(row)
    slow = stats["slow"]
    for statement in slow.pop("statements"):
        print_json({"slow": statement.pop("text")} | statement)
    for statement in slow.pop("running"):
        print_json({"running": statement.pop("text")} | statement)
    print_json({"slow_statements": slow})
    print_json(overview)
    return 0
