"""The commands of `kling-mock` that are about the relay. What they need is loaded when they run."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from typing import Any

from kling_mock.cli.database_option import add_database_option
from kling_mock.cli.output import print_error, print_json, run_on_database
from kling_mock.storage.errors import StorageError
from kling_mock.web.request_log import log_to_stderr

__all__ = ["add_relay_commands", "settle_memory"]

# Seconds for which a thread may run while another one waits. The loop waits at each of its calls
# of the system while a large body is parsed in a thread, 5 ms each by Python's default.
_SWITCH = 0.0005
_MMAP_THRESHOLD = -3  # of `mallopt`, in glibc's malloc.h
_LARGE = 1024 * 1024  # bytes
_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM
_TIMEOUTS = {
    "header": "for the header of a connection's first request (default 20)",
    "idle": "between a reply and the next request (default 75)",
    "body": "for a body, and one more per 8192 bytes (default 30)",
    "send": "without the client reading any of a reply (default 60)",
}
_NO_DATABASE = (
    "no database; give --db URL, such as sqlite:///relay.db, or set KLING_MOCK_DB. --db sqlite://"
    " is one in memory: its users, tasks and balances are lost when the process ends"
)
#: Setting -> option, or the variables that it is taken from.
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
}
#: Option, which is also the setting: its default, its kind, and what it limits. A relay for tests
#: has no limits for tokens, one that serves others has.
_RELAY_LIMITS: dict[str, tuple[float, type, str]] = {
    "token-rate": (50.0, float, "requests of a token per second; 0 is any number"),
    "token-burst": (200, int, "requests of a token that may come at once"),
    "open-tasks-per-token": (1000, int, "open tasks of a token; 0 is any number"),
    "body-memory-mib": (192, int, "MiB of memory for large bodies of creates, 96 or more"),
    "reads-at-once": (64, int, "tasks that are polled at Kling concurrently"),
    "reads-per-channel": (8, int, "of these, those of one channel"),
    "calls-per-channel": (200, int, "calls that wait for a reply of one channel; 0 is any number"),
    "webhooks-at-once": (128, int, "webhooks that are sent concurrently"),
    "webhooks-per-receiver": (4, int, "of these, those to one receiver"),
    "receiver-off-days": (5.0, float, "days of failures after which a receiver is switched off"),
}


def add_relay_commands(commands: Any) -> None:
    """Add `relay`, `reconcile` and `stats` to the command line."""
    relay = commands.add_parser(
        "relay",
        help="serve the relay alone, in front of a real Kling",
        description="Serve the relay in front of a real Kling until SIGTERM or Ctrl-C. The key is "
        "taken from KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. An empty database "
        "gets a channel with it, and a user with the token KLING_MOCK_RELAY_TOKEN or a new one; a "
        "database that is in use is not changed at start. KLING_MOCK_ADMIN_TOKEN and "
        "KLING_MOCK_CALLBACK_SECRET are generated at each start if not set. Prints one line "
        "of JSON with the URL and tokens once it accepts connections.",
    )
    relay.set_defaults(run=_relay)
    option = relay.add_argument
    option("--upstream", required=True, help="base URL of Kling")
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, default=3000, help="port; 0 is any free one (default 3000)")
    add_database_option(
        relay, "database URL; sqlite:// is in memory, gone when the process ends", required=False
    )
    option(
        "--callback-domain",
        default=os.environ.get("CALLBACK_DOMAIN"),
        help="scheme, host and port by which Kling reaches this relay; without it tasks are polled",
    )
    option("--pricing", choices=("units", "guide"), default="units", help="the price list")
    option(
        "--admin-host",
        action="append",
        default=[],
        help="name by which the operator's API may be called, besides addresses, localhost and "
        "that of --callback-domain, * is any; may be repeated",
    )
    option("--callback-host", action="append", default=[], help="private host of users' callbacks")
    option(
        "--speed",
        type=float,
        default=None,
        help="seconds on its clock in one real second, in front of an emulated Kling of that "
        "speed, which must be running: its clock is read at the start",
    )

    option(
        "--max-connections",
        type=int,
        metavar="N",
        help="open connections (default: the limit of open files less 384, at most 10000)",
    )
    for name, (default, kind, text) in _RELAY_LIMITS.items():
        option(
            f"--{name}", type=kind, default=default, metavar="N", help=f"{text} (default {default})"
        )
    for name, text in _TIMEOUTS.items():
        option(f"--{name}-timeout", type=float, metavar="SECONDS", help=text)

    reconcile = commands.add_parser(
        "reconcile",
        help="compare balances with the ledger; exit status 1 on a difference",
        description="Print, for each user, opening, credits, charged, held, balance and the "
        "difference, and the rows that break a rule. The exit status is 1 on any difference.",
    )
    reconcile.set_defaults(run=_reconcile)
    add_database_option(reconcile)
    reconcile.add_argument(
        "--repair",
        action="store_true",
        help="print the ledger entries and corrections that would make the tables keep the rules; "
        "nothing is changed without --yes",
    )
    reconcile.add_argument("--yes", action="store_true", help="with --repair: make these changes")
    stats = commands.add_parser(
        "stats",
        help="tasks per day, tasks that are stuck, slow statements",
        description="Print how many tasks each day had and how they ended, the tasks that have "
        "been open for too long, the slow statements that the database has recorded, those that "
        "have been running for 5 seconds, and counts; one JSON object per line. Where the "
        "database records no slow statements, the line `slow_statements` says what to switch on.",
    )
    stats.set_defaults(run=_stats)
    add_database_option(stats)
    stats.add_argument("--days", type=int, default=7, help="days to look back (default 7)")
    stats.add_argument(
        "--stuck-after", type=int, default=3600, help="seconds; older open tasks are stuck (3600)"
    )


def settle_memory() -> None:
    """Keep what is loaded by now out of garbage collections, and collect less often."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _return_large_blocks() -> None:
    """Have the allocator return the memory of a large body to the system when it is freed.

    glibc keeps blocks of up to 32 MiB once it has seen some, in pieces of its heap that smaller
    ones then cut up.
    """
    if sys.platform == "linux":
        import ctypes  # no other command needs it

        with contextlib.suppress(AttributeError):  # of a C library without it
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def _relay(options: argparse.Namespace) -> int:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        from kling_mock.cli.emulated_clock import emulated_clock
        from kling_mock.relay.settings import RelaySettings
        from kling_mock.relay.standalone import RelayServer

        settings = RelaySettings(
            upstream_url=options.upstream,
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
        clock = None if options.speed is None else emulated_clock(options.speed, options.upstream)
        server = RelayServer(settings, host=options.host, clock=clock)
        log_to_stderr()
        server.start()
    except ValueError as error:
        print_error(ValueError(_with_option(str(error))))
        return 1
    except (ImportError, OSError, StorageError) as error:
        print_error(error)
        return 1
    settle_memory()
    _return_large_blocks()
    sys.setswitchinterval(_SWITCH)
    print_json(server.ready())
    ended.wait()
    server.stop(_DRAIN)
    return 0


def _database(options: argparse.Namespace) -> str:
    if options.db is None:
        raise ValueError(_NO_DATABASE)
    url: str = options.db
    return url


def _setting_of(option: str) -> str:
    return option.replace("-", "_")


def _with_option(problem: str) -> str:
    """Return *problem* with the name of the option instead of that of the setting."""
    name, colon, rest = problem.partition(": ")
    known = _OPTIONS | {_setting_of(option): f"--{option}" for option in _RELAY_LIMITS}
    known |= {f"{name}_seconds": f"--{name}-timeout" for name in _TIMEOUTS}
    return f"{known.get(name, name)}{colon}{rest}"


def _limits(options: argparse.Namespace) -> Any:
    from kling_mock.web.limits import Limits

    given = {f"{name}_seconds": getattr(options, f"{name}_timeout") for name in _TIMEOUTS}
    given["connections"] = options.max_connections
    return Limits(**{name: value for name, value in given.items() if value is not None})


def _keys() -> str:
    """Return the keys of the environment, which are of one account, one per line."""
    access, secret = os.environ.get("KLING_ACCESS_KEY"), os.environ.get("KLING_SECRET_KEY")
    keys = [f"{access}|{secret}" if access and secret else "", os.environ.get("KLING_API_KEY", "")]
    if not any(keys):
        raise ValueError(
            "no key; set KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY, which models "
            "such as kling-3.0 need, or all three"
        )
    return "\n".join(filter(None, keys))


def _reconcile(options: argparse.Namespace) -> int:
    from kling_mock.relay.operator.views import show_reconciliation, show_repair

    if options.yes and not options.repair:
        print_error(ValueError("--yes: only with --repair"))
        return 2

    async def work(storage: Any) -> Any:
        now = int(time.time())
        repairs = await storage.repair(now=now, commit=options.yes) if options.repair else ()
        return repairs, await storage.reconcile()

    done = run_on_database(options.db, work)
    if done is None:
        return 2
    repairs, found = done
    for repair in repairs:
        print_json(show_repair(repair, done=options.yes))
    for row in found:
        print_json(show_reconciliation(row))
    return 0 if all(row.is_explained for row in found) else 1


def _stats(options: argparse.Namespace) -> int:
    async def work(storage: Any) -> Any:
        from kling_mock.cli.operator import operator_on
        from kling_mock.relay.domain.errors import RelayError
        from kling_mock.relay.operator.operations import run

        service = operator_on(storage)
        query = {"days": options.days, "stuck_after": options.stuck_after}
        try:
            stats = await run(service, "get_stats", query=query)
            return stats, await run(service, "get_overview")
        except RelayError as error:
            raise ValueError(error.message) from None

    found = run_on_database(options.db, work)
    if found is None:
        return 2
    stats, overview = found
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
