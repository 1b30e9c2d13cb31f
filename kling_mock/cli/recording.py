"""The commands that record, play back and compare sessions. Their code is loaded late."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kling_mock.cli.ending import serve_until_signal
from kling_mock.cli.options import add_arguments_of, add_log_option, number, option, switch
from kling_mock.cli.output import print_error, print_json, print_line

if TYPE_CHECKING:
    from kling_mock.recording.comparison import ComparedSession
    from kling_mock.recording.player import Player
    from kling_mock.recording.recorder import Recorder

_DRAIN = 3.0  # seconds that requests in progress get after SIGTERM


def _units(text: str) -> Decimal:
    try:
        units = Decimal(text)
    except InvalidOperation:
        units = Decimal(-1)
    if not (units.is_finite() and units >= 0):
        raise argparse.ArgumentTypeError(f"must be a number of units of 0 or more, got {text!r}")
    return units


_FILE: Final = option("file", "file of the session", type=Path)
_RECORD: Final = (
    option("--upstream", "base URL of the real service", required=True),
    option("--out", "file of the session; an existing one is continued", required=True, type=Path),
    option(
        "--max-units",
        "units that may be spent, including the cost of the file's earlier creates",
        "N",
        required=True,
        type=_units,
    ),
    switch("--allow-unpriced", "forward creates whose price is not known; they do not count"),
    number("--port", "port; 0 for any free port (default 3010)", default=3010),
    option("--ca", "PEM certificates to trust, not the system's", "FILE", type=Path),
)
_REPLAY: Final = (_FILE, number("--port", "port; 0 for any free port", default=3010))
_COMPARE: Final = (_FILE, switch("--json", "print one JSON object"))


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Give `record`, `replay` or `compare` its description and its arguments."""
    {"record": _add_record, "replay": _add_replay, "compare": _add_compare}[name](parser)


def _add_record(record: argparse.ArgumentParser) -> None:
    record.description = (
        "Serve a proxy in front of the real service on this computer until SIGTERM or "
        "Ctrl-C, and append each request and its response to a file, without keys, prompts, ids "
        "and signed URLs. Your client uses its own keys. Prints one line of JSON with the URL once "
        "it accepts connections. See docs/recording.md."
    )
    record.set_defaults(run=_record)
    add_arguments_of(record, _RECORD)
    add_log_option(record)


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.description = (
        "Serve the responses of a recorded session on this computer until SIGTERM or "
        "Ctrl-C. Any key is accepted. Prints one line of JSON with the URL once it accepts "
        "connections."
    )
    replay.set_defaults(run=_replay)
    add_arguments_of(replay, _REPLAY)
    add_log_option(replay)


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.description = (
        "Send the requests of a recorded session to the emulator and print every "
        "difference in status, code, message and shape. The exit status is 1 on any difference, "
        "2 if the file cannot be read."
    )
    compare.set_defaults(run=_compare)
    add_arguments_of(compare, _COMPARE)


def _record(options: argparse.Namespace) -> int:
    def start() -> Recorder:
        from kling_mock.recording.recorder import Recorder

        _log_to_stderr(options.log_level)
        return Recorder(
            options.upstream,
            options.out,
            options.max_units,
            allows_unpriced=options.allow_unpriced,
            port=options.port,
            certificates=options.ca,
        ).start()

    def announce(recorder: Recorder) -> None:
        left = options.max_units - recorder.spent
        print_json({"url": recorder.url, "file": str(options.out), "units_left": f"{left:f}"})

    return serve_until_signal(start, announce, lambda recorder: recorder.stop(_DRAIN))


def _replay(options: argparse.Namespace) -> int:
    def start() -> Player:
        from kling_mock.recording.player import Player

        _log_to_stderr(options.log_level)
        return Player(options.file, port=options.port).start()

    def announce(player: Player) -> None:
        print_json({"url": player.url, "file": str(options.file)})

    return serve_until_signal(start, announce, lambda player: player.stop(_DRAIN))


def _compare(options: argparse.Namespace) -> int:
    try:
        from kling_mock.recording.comparison import compare
        from kling_mock.recording.session import read_session

        comparison = compare(read_session(options.file))
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        return 2
    lines = [json.dumps(_as_json(comparison))] if options.json else _as_text(comparison)
    print_line("\n".join(lines))
    return 1 if comparison.differences else 0


def _as_json(comparison: ComparedSession) -> dict[str, Any]:
    return {
        "compared": comparison.compared,
        "differences": [
            {"line": exchange.line, "method": exchange.method, "path": exchange.path}
            | exchange.difference._asdict()
            for exchange in comparison.differences
        ],
        "skipped": [exchange._asdict() for exchange in comparison.skipped],
    }


def _as_text(comparison: ComparedSession) -> list[str]:
    lines = [
        f"line {line}  {method} {path}  {difference.kind} at {difference.at or 'the body'}: "
        f"recorded {difference.recorded or 'nothing'}, emulated {difference.emulated or 'nothing'}"
        for line, method, path, difference in comparison.differences
    ]
    lines += [
        f"line {exchange.line}  {exchange.method} {exchange.path}  not compared: {exchange.reason}"
        for exchange in comparison.skipped
    ]
    count = len(comparison.differences)
    lines.append(
        f"{comparison.compared} compared, {len(comparison.skipped)} not, {count} differences"
    )
    return lines


def _log_to_stderr(level: str | None) -> None:
    logger = logging.getLogger("kling_mock.recording")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [handler]
    if level is not None:
        logger.setLevel(level.upper())
    logger.propagate = False
