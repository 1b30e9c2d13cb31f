"""The commands that record, play back and compare sessions. What they need is loaded late."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_mock.cli.output import print_error, print_json

if TYPE_CHECKING:
    from kling_mock.recording.comparison import ComparedSession

__all__ = ["add_recording_commands"]

_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM


def add_recording_commands(commands: Any) -> None:
    """Add `record`, `replay` and `compare` to the command line."""
    record = commands.add_parser(
        "record",
        help="write a session with the real service, without keys and prompts",
        description="Serve a proxy in front of the real service on this computer until SIGTERM or "
        "Ctrl-C, and append each request and its reply to a file, without keys, prompts, ids and "
        "signed URLs. Your client uses its own keys. Prints one line of JSON with the URL once it "
        "accepts connections. See docs/recording.md.",
    )
    record.set_defaults(run=_record)
    option = record.add_argument
    option("--upstream", required=True, help="base URL of the real service")
    option("--out", required=True, type=Path, help="file of the session; one that is there goes on")
    option(
        "--max-units",
        required=True,
        type=_units,
        metavar="N",
        help="units that may be spent, what the file's earlier creates cost included",
    )
    option(
        "--allow-unpriced",
        action="store_true",
        help="forward creates whose price is not known; they do not count",
    )
    option("--port", type=int, default=3010, help="port; 0 is any free one (default 3010)")
    option("--ca", type=Path, metavar="FILE", help="PEM certificates to trust, not the system's")

    replay = commands.add_parser(
        "replay",
        help="serve a recorded session",
        description="Serve the replies of a recorded session on this computer until SIGTERM or "
        "Ctrl-C. Any key is taken. Prints one line of JSON with the URL once it accepts "
        "connections.",
    )
    replay.set_defaults(run=_replay)
    replay.add_argument("file", type=Path, help="file of the session")
    replay.add_argument("--port", type=int, default=3010, help="port; 0 is any free one")

    compare = commands.add_parser(
        "compare",
        help="compare the emulator with a recorded session; exit status 1 on a difference",
        description="Send the requests of a recorded session to the emulator and print every "
        "difference in status, code, message and shape. The exit status is 1 on any difference, "
        "2 if the file cannot be read.",
    )
    compare.set_defaults(run=_compare)
    compare.add_argument("file", type=Path, help="file of the session")
    compare.add_argument("--json", action="store_true", help="print one JSON object")


def _units(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not (found.is_finite() and found >= 0):
        raise argparse.ArgumentTypeError(f"must be a number of units of 0 or more, got {text!r}")
    return found


def _record(options: argparse.Namespace) -> int:
    ended = _ended()
    try:
        from kling_mock.recording.recorder import Recorder

        _log_to_stderr()
        recorder = Recorder(
            options.upstream,
            options.out,
            options.max_units,
            allows_unpriced=options.allow_unpriced,
            port=options.port,
            certificates=options.ca,
        ).start()
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        return 1
    left = options.max_units - recorder.spent
    print_json({"url": recorder.url, "file": str(options.out), "units_left": f"{left:f}"})
    ended.wait()
    recorder.stop(_DRAIN)
    return 0


def _replay(options: argparse.Namespace) -> int:
    ended = _ended()
    try:
        from kling_mock.recording.player import Player

        _log_to_stderr()
        player = Player(options.file, port=options.port).start()
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        return 1
    print_json({"url": player.url, "file": str(options.file)})
    ended.wait()
    player.stop(_DRAIN)
    return 0


def _compare(options: argparse.Namespace) -> int:
    try:
        from kling_mock.recording.comparison import compare
        from kling_mock.recording.session import read_session

        found = compare(read_session(options.file))
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        return 2
    lines = [json.dumps(_as_json(found))] if options.json else _as_text(found)
    print("\n".join(lines), flush=True)  # noqa: T201 - the output of a command
    return 1 if found.differences else 0


def _as_json(found: ComparedSession) -> dict[str, Any]:
    return {
        "compared": found.compared,
        "differences": [
            {"line": one.line, "method": one.method, "path": one.path} | one.difference._asdict()
            for one in found.differences
        ],
        "skipped": [one._asdict() for one in found.skipped],
    }


def _as_text(found: ComparedSession) -> list[str]:
    lines = [
        f"line {line}  {method} {path}  {one.kind} at {one.at or 'the body'}: "
        f"recorded {one.recorded or 'nothing'}, emulated {one.emulated or 'nothing'}"
        for line, method, path, one in found.differences
    ]
    lines += [
        f"line {one.line}  {one.method} {one.path}  not compared: {one.reason}"
        for one in found.skipped
    ]
    count = len(found.differences)
    lines.append(f"{found.compared} compared, {len(found.skipped)} not, {count} differences")
    return lines


def _ended() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _log_to_stderr() -> None:
    logger = logging.getLogger("kling_mock.recording")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [handler]
    logger.propagate = False
