"""The settings of one test: those of the ini file, overridden by its markers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from kling_mock.kling.journal.notes import IgnoredFields, NoteKind, NotePolicy
from kling_mock.web.values import is_one_of

Undelivered = Literal["answered", "fail", "report"]
_CLOCKS: Final = "'manual', 'real' or a speed such as 60"


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The settings of the emulated Kling of a test.

    Attributes:
        clock: `manual`, `real` or a speed.
        seed: The seed of ids, times and chances; `None` derives it from the test's name.
        strict: Whether an unexpected call fails the test.
        faults: The faults from the beginning, as a JSON profile, or "".
        lines: Maximum number of lines of calls in the report of a failed test.
        journal_size: How many requests the journal keeps.
        ignored_fields: The treatment of keys in a body that the real service ignores: `note` or
            `refuse`.
        unexpected_notes: The kinds of notes that make a call unexpected.
        unused_faults: The effect of a fault or rule that never applied: `report` shows it in the
            report of a test that fails and at the end of a run, `fail` fails the test.
        undelivered: The effect of callbacks that were not taken: `answered` fails the test if the
            receiver was its own or answered something other than 2xx, `fail` fails it in any
            case, `report` shows them, as above.
        refused: The effect of requests that were refused and not asserted: `fail` or `report`, as
            above.
    """

    clock: Literal["manual", "real"] | float = "manual"
    seed: int | None = None
    strict: bool = True
    faults: str = ""
    lines: int = 20
    journal_size: int = 2000
    unused_faults: Literal["report", "fail"] = "report"
    undelivered: Undelivered = "answered"
    refused: Literal["report", "fail"] = "fail"
    ignored_fields: IgnoredFields = "note"
    unexpected_notes: tuple[NoteKind, ...] = ("unknown",)


def of_ini(get: Callable[[str], Any]) -> PluginSettings:
    """Return the settings of the ini file.

    Args:
        get: Returns the value of an option.

    Raises:
        ValueError: An option is out of range.
    """
    clock, seed = get("kling_mock_clock"), get("kling_mock_seed")
    lines, size = get("kling_mock_journal_lines"), get("kling_mock_journal_size")
    try:
        return PluginSettings(
            clock=_clock(_number(float, clock)),
            seed=_seed(_number(int, seed) if seed else None),
            strict=get("kling_mock_strict"),
            lines=_lines(_number(int, lines)),
            journal_size=_journal_size(_number(int, size)),
            unused_faults=_effect("unused_faults")(get("kling_mock_unused_faults")),
            undelivered=_undelivered(get("kling_mock_undelivered")),
            refused=_effect("refused")(get("kling_mock_refused")),
            ignored_fields=_ignored_fields(get("kling_mock_ignored_fields")),
            unexpected_notes=_unexpected_notes(get("kling_mock_unexpected_notes").split()),
        )
    except ValueError as error:
        raise ValueError(f"ini file: kling_mock_{error}") from None


def with_marker(
    settings: PluginSettings, positional: Sequence[Any], named: Mapping[str, Any]
) -> PluginSettings:
    """Return *settings* with the changes of one marker.

    Args:
        settings: The settings to change.
        positional: The marker's positional arguments, which are not allowed.
        named: Its keyword arguments.

    Raises:
        ValueError: An argument is out of range.
    """
    if positional:
        known = ", ".join(_READ)
        raise ValueError(f"arguments must be given by name ({known}), got {positional[0]!r}")
    for name in named:
        if name not in _READ:
            raise ValueError(f"{name}: unknown; the arguments are {', '.join(_READ)}")
    return replace(settings, **{name: _READ[name](value) for name, value in named.items()})


def _number(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text


def _clock(clock: Any) -> Any:
    speed = isinstance(clock, int | float) and not isinstance(clock, bool)
    if clock not in {"manual", "real"} and not (speed and 0 < clock < math.inf):
        raise ValueError(f"clock: must be {_CLOCKS}; got {clock!r}")
    return clock


def _seed(seed: Any) -> int | None:
    if seed is not None and type(seed) is not int:
        raise ValueError(f"seed: must be a whole number, got {seed!r}")
    return seed


def _strict(strict: Any) -> bool:
    if not isinstance(strict, bool):
        text = f"strict: must be True or False, got {strict!r}"
        raise ValueError(text)  # noqa: TRY004 - one type for all
    return strict


def _lines(lines: Any) -> int:
    if type(lines) is not int or lines < 0:
        raise ValueError(f"journal_lines: must be a whole number of 0 or more, got {lines!r}")
    return lines


def _journal_size(size: Any) -> int:
    if type(size) is not int or size < 1:
        raise ValueError(f"journal_size: must be a whole number of 1 or more, got {size!r}")
    return size


def _effect(name: str) -> Callable[[Any], Literal["report", "fail"]]:
    def read(value: Any) -> Literal["report", "fail"]:
        if value == "report":
            return "report"
        if value == "fail":
            return "fail"
        raise ValueError(f"{name}: must be 'report' or 'fail', got {value!r}")

    return read


def _undelivered(value: Any) -> Undelivered:
    if not is_one_of(value, get_args(Undelivered)):
        raise ValueError(f"undelivered: must be 'answered', 'fail' or 'report', got {value!r}")
    setting: Undelivered = value
    return setting


def _ignored_fields(ignored_fields: Any) -> Any:
    NotePolicy.of(ignored_fields, ())
    return ignored_fields


def _unexpected_notes(unexpected_notes: Any) -> Any:
    NotePolicy.of("note", unexpected_notes)
    return (unexpected_notes,) if isinstance(unexpected_notes, str) else tuple(unexpected_notes)


def _faults(faults: Any) -> str:
    """Return faults as a profile: each is a kind, or a mapping as in a profile."""
    from kling_mock.kling.faults.declaring import read_profile  # rarely needed

    if isinstance(faults, str | Mapping) or not isinstance(faults, Iterable):
        text = f"faults: must be a list of kinds or mappings, got {faults!r}"
        raise ValueError(text)  # noqa: TRY004 - one type for all
    rows = [{"kind": row} if isinstance(row, str) else row for row in faults]
    try:
        profile = json.dumps(rows)
        read_profile(profile)
    except (TypeError, ValueError) as error:
        raise ValueError(f"faults: {error}") from None
    return profile


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "clock": _clock,
    "seed": _seed,
    "strict": _strict,
    "faults": _faults,
    "journal_size": _journal_size,
    "unused_faults": _effect("unused_faults"),
    "undelivered": _undelivered,
    "refused": _effect("refused"),
    "ignored_fields": _ignored_fields,
    "unexpected_notes": _unexpected_notes,
}
