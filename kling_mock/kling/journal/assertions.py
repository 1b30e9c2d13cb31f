"""Checks of assertions: an assertion that no call of the server could match is refused.

Such an assertion proves nothing. The Python assertions and the admin API share these checks, and
so their error texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from kling_mock.kling.journal.calls import Call
from kling_mock.kling.journal.entries import RESULTS
from kling_mock.kling.journal.patterns import may_overlap
from kling_mock.web.values import as_whole

_DOWNLOADS: Final = (f"GET {RESULTS}*", f"HEAD {RESULTS}*")
_NEVER: Final = (
    "An assertion about it checks nothing. A call that Kling does not serve fails a test anyway, "
    "as an unexpected call"
)
_SHOWN: Final = 30  # names in a message


@attrs.frozen
class PossibleCalls:
    """The possible calls of one server; there may be more of them while the server runs.

    Attributes:
        served: The calls that are served: methods and paths, `*` for an id.
        fields: The keys of all bodies.
        codes: The service codes.
        statuses: The HTTP statuses.
        faults: The kinds of faults that are noted in the journal.
        reported: The kinds of faults that happen to callbacks, and so never to a call.
        accounts: The names of the accounts.
        declared: Further statuses: those of the faults that were ever declared.
    """

    served: Sequence[str]
    fields: Collection[str]
    codes: Collection[int]
    statuses: Collection[int]
    faults: Collection[str]
    reported: Collection[str]
    accounts: Iterable[str]
    declared: Collection[int]

    def check(self, call: Call) -> None:
        """Check that a call may match *call*.

        Raises:
            ValueError: No call can match; the text names what is wrong, and what is nearest.
        """
        reason = next(self._reasons(call), "")
        if reason:
            raise ValueError(f"{reason} ({_NEVER})")

    def _reasons(self, call: Call) -> Iterator[str]:
        yield from self._why_never_called(call)
        for name, known in (
            ("code", self.codes),
            ("status", {*self.statuses, *self.declared}),
            ("account", {"", *self.accounts}),
            ("fault", {"", *self.faults}),
        ):
            value = call.filters.get(name)
            if name in call.filters and value not in known:
                yield self._why_unknown(name, value, known)
        for path in _keys(call.body):
            name = path.rpartition(".")[2].partition("[")[0]
            if name not in self.fields:
                yield f"body.{path}: no endpoint has this key{_nearest(name, self.fields)}"

    def _why_unknown(self, name: str, value: object, known: Collection[Any]) -> str:
        if name == "fault" and value in self.reported:
            return f"fault: {value!r} happens to callbacks, which are in mock.deliveries"
        if len(known) > _SHOWN or isinstance(value, str):
            return f"{name}: there is no {value!r}{_nearest(value, known)}"
        return f"{name}: must be one of {', '.join(map(str, sorted(known)))}; got {value!r}"

    def _why_never_called(self, call: Call) -> Iterator[str]:
        calls = [*(self.served if call.takes("api") else ())]
        calls += _DOWNLOADS if call.takes("download") else ()
        pairs = [(method, path) for method, path in map(str.split, calls)]
        methods = {method for method, _ in pairs}
        if call.method not in {"*", *methods}:
            yield (
                f"method: no endpoint has the method {call.method}; it must be "
                f"{' or '.join(sorted(methods))}"
            )
        fitting = [method for method, path in pairs if _is_served(call.path, path)]
        if not fitting:
            query = ", and a path has no query" if "?" in call.path else ""
            near = _nearest(call.path, [path for _, path in pairs])
            yield f"path: no endpoint matches {call.path}{near}{query}"
        elif call.method not in {"*", *fitting}:
            served = " and ".join(sorted(set(fitting)))
            yield f"method: {call.path} has the method {served} only, not {call.method}"


def _is_served(pattern: str, path: str) -> bool:
    return may_overlap(pattern, path, of_one_part=not path.startswith(RESULTS))


def _keys(body: object, within: str = "") -> Iterator[str]:
    """Yield the paths of the keys in a JSON value, such as `options.callback_url`."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield f"{within}{name}"
            yield from _keys(value, f"{within}{name}.")
    elif isinstance(body, Sequence) and not isinstance(body, str):
        for number, value in enumerate(body):
            yield from _keys(value, f"{within.rstrip('.')}[{number}].")


def _nearest(name: object, known: Collection[Any]) -> str:
    from difflib import get_close_matches  # only needed for the error of a mistaken test

    names = [str(other) for other in known if other != ""]
    near = get_close_matches(str(name), names, n=1, cutoff=0.0)
    return f"; the nearest is {near[0]}" if near else ""


def read_times(times: object) -> int | None:
    """Return the number of calls that is required; `None` is one or more.

    Raises:
        ValueError: It is not a whole number of 0 or more.
    """
    return None if times is None else as_whole("times", times, 0)


def read_sequence(calls: Any, *, exact: bool) -> list[Call]:
    """Return the calls of a sequence.

    Args:
        calls: Matches as in `where`, or `Call`s.
        exact: Whether no other calls are allowed.

    Raises:
        ValueError: It is not a list of them, is empty, or matches any calls.
    """
    if isinstance(calls, str | bytes | Mapping | Call):
        raise ValueError(f"calls: must be a list of matches or Call(...), got {calls!r}")  # noqa: TRY004 - one kind for all
    try:
        items: list[Any] = [*calls]
    except TypeError:
        raise ValueError(f"calls: must be a list of matches or Call(...), got {calls!r}") from None
    sequence = [call if isinstance(call, Call) else Call(call) for call in items]
    if not sequence:
        raise ValueError(
            "calls: must not be empty; to check that there were no calls, use assert_not_called()"
        )
    if not exact and all(call.is_any for call in sequence):
        raise ValueError(
            "calls: must say which calls, as '*' matches all of them; to check how many there "
            "were, use assert_called(times=...)"
        )
    return sequence
