"""The settings of one test: those of the ini file, overridden by its markers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from kling_mock.journal.notes import IgnoredFields, NoteKind, NotePolicy

__all__ = ["PluginSettings", "of_ini", "with_marker"]

_CLOCKS: Final = "'manual', 'real' or a speed such as 60"


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """How the emulated Kling of a test is.

    Attributes:
        clock: `manual`, `real` or a speed.
        seed: What ids, times and chances are made from; `None` is the test's name.
        strict: Whether an unexpected call fails the test.
        faults: What goes wrong from the beginning, as a JSON profile; "" is nothing.
        lines: How many lines of calls the report of a failed test has, at most.
        journal_size: How many requests the journal keeps.
        ignored_fields: What becomes of keys in a body that the real service ignores: `note` or
            `refuse`.
        unexpected_notes: The kinds of notes that make a call unexpected.
        unused_faults: What a fault does that happened to nothing: `report` shows it in the report
            of a test that fails, `fail` fails the test.
    """

    clock: Literal["manual", "real"] | float = "manual"
    seed: int | None = None
    strict: bool = True
    faults: str = ""
    lines: int = 20
    journal_size: int = 2000
    unused_faults: Literal["report", "fail"] = "report"
    ignored_fields: IgnoredFields = "note"
    unexpected_notes: tuple[NoteKind, ...] = ("unknown",)


def of_ini(get: Callable[[str], Any]) -> PluginSettings:
    """Return the settings of the ini file.

    Args:
        get: Returns the value of an option.

    Raises:
        ValueError: One is out of range.
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
            unused_faults=_unused_faults(get("kling_mock_unused_faults")),
            ignored_fields=_ignored_fields(get("kling_mock_ignored_fields")),
            unexpected_notes=_unexpected_notes(get("kling_mock_unexpected_notes").split()),
        )
    except ValueError as error:
        raise ValueError(f"ini file: kling_mock_{error}") from None


def with_marker(
    settings: PluginSettings, positional: Sequence[Any], named: Mapping[str, Any]
) -> PluginSettings:
    """Return *settings* with what one marker changes.

    Args:
        settings: Those to change.
        positional: The marker's positional arguments; there have to be none.
        named: Its keyword arguments.

    Raises:
        ValueError: One is out of range.
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


def _clock(given: Any) -> Any:
    speed = isinstance(given, int | float) and not isinstance(given, bool)
    if given not in {"manual", "real"} and not (speed and 0 < given < math.inf):
        raise ValueError(f"clock: must be {_CLOCKS}; got {given!r}")
    return given


def _seed(given: Any) -> int | None:
    if given is not None and type(given) is not int:
        raise ValueError(f"seed: must be a whole number, got {given!r}")
    return given


def _strict(given: Any) -> bool:
    if not isinstance(given, bool):
        text = f"strict: must be True or False, got {given!r}"
        raise ValueError(text)  # noqa: TRY004 - one type for all
    return given


def _lines(given: Any) -> int:
    if type(given) is not int or given < 0:
        raise ValueError(f"journal_lines: must be a whole number of 0 or more, got {given!r}")
    return given


def _journal_size(given: Any) -> int:
    if type(given) is not int or given < 1:
        raise ValueError(f"journal_size: must be a whole number of 1 or more, got {given!r}")
    return given


def _unused_faults(given: Any) -> Literal["report", "fail"]:
    if given == "report":
        return "report"
    if given == "fail":
        return "fail"
    raise ValueError(f"unused_faults: must be 'report' or 'fail', got {given!r}")


def _ignored_fields(given: Any) -> Any:
    NotePolicy.of(given, ())
    return given


def _unexpected_notes(given: Any) -> Any:
    NotePolicy.of("note", given)
    return (given,) if isinstance(given, str) else tuple(given)


def _faults(given: Any) -> str:
    """Return faults as a profile: each is a kind, or a mapping as in a profile."""
    from kling_mock.kling.faults.declaring import read_profile  # few tests have any

    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        text = f"faults: must be a list of kinds or mappings, got {given!r}"
        raise ValueError(text)  # noqa: TRY004 - one type for all
    rows = [{"kind": row} if isinstance(row, str) else row for row in given]
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
    "unused_faults": _unused_faults,
    "ignored_fields": _ignored_fields,
    "unexpected_notes": _unexpected_notes,
}
