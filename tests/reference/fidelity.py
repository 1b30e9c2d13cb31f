"""The page on fidelity: what is documented, observed and assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from kling_mock.kling.endpoints.fields import Field, FieldShape
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.typical_times import FACT as TIMES
from kling_mock.kling.refusal_texts import MESSAGES
from kling_mock.kling.service_codes import CODES
from kling_mock.server.openapi import OPERATIONS
from kling_mock.web.facts import SOURCES, Behaviour, Fact
from kling_mock.web.openapi import ApiOperation
from kling_sdk.facts.models import RETIRED_ENDPOINTS, RETIRED_MODELS
from tests.reference.behaviours import BEHAVIOURS
from tests.reference.changes import CHANGES

_HEAD = """\
# Fidelity

Written by `python -m tests.reference` from the records that the emulator runs on.

There is no public specification of the service, and the vendor's pages contradict each other in
places. So every row states how far it is known:

- **documented**: the vendor's pages state it;
- **observed**: it was seen on the wire;
- **assumed**: this emulator had to decide. The note names what is not known.

The date is that of the newest source. Confidence is high with two sources or more.

Whoever has a key can settle a row that is assumed: see [recording.md](recording.md).
"""

_ORIGIN = ("kind", "sources", "as of", "confidence", "note")
Row = Sequence[str]


def page() -> str:
    """Return the page."""
    parts = [
        _HEAD,
        _counts(OPERATIONS, BEHAVIOURS, ENDPOINTS.values()),
        _section("Sources", ("key", "what"), SOURCES.items()),
        _section("What changed", ("before", "now", "why"), CHANGES),
        _section("Calls", ("call", *_ORIGIN), _calls(OPERATIONS)),
        "## Behaviour\n",
        *_behaviours(BEHAVIOURS),
        *(part for record in ENDPOINTS.values() for part in _endpoint(record)),
        _section("Service codes", ("code", "HTTP", "text", "retry", *_ORIGIN), _codes()),
        _section("Texts of refusals", ("code", "text", *_ORIGIN), _messages()),
        _section("Seen refused", ("model or endpoint", "since", *_ORIGIN), _retired()),
        _section(
            "Typical times", ("model", "seconds for 5 s, std", *_ORIGIN), _times(ENDPOINTS.values())
        ),
    ]
    return "\n".join(parts)


def _counts(
    operations: Sequence[ApiOperation],
    behaviours: Sequence[Behaviour],
    records: Collection[EmulatedEndpoint],
) -> str:
    of_records = [fact for record in records for _, fact in record.behaviours]
    facts: list[tuple[str, Iterable[Fact]]] = [
        ("calls", (row.fact for row in operations if row.fact is not None)),
        ("behaviour", [*(row.fact for row in behaviours), *of_records]),
        ("fields", (field.fact for row in records for _, field in _walk(row.fields))),
        ("models and modes", (row.fact for record in records for row in record.capabilities)),
        ("prices", (row.fact for record in records for row in record.prices.values())),
        ("service codes", (row.fact for row in CODES.values())),
        ("texts of refusals", (row.fact for row in MESSAGES.values())),
    ]
    rows: list[Row] = []
    for name, group in facts:
        kinds = Counter(fact.kind for fact in group)
        counted = (str(kinds[kind]) for kind in ("documented", "observed", "assumed"))
        rows.append((name, *counted))
    return _section("In numbers", ("rows", "documented", "observed", "assumed"), rows)


def _calls(operations: Iterable[ApiOperation]) -> Iterator[Row]:
    for row in operations:
        if row.fact is not None:
            yield f"`{row.method} {row.path}`", *_origin(row.fact)


def _behaviours(behaviours: Sequence[Behaviour]) -> Iterator[str]:
    for area in dict.fromkeys(row.area for row in behaviours):
        rows = [(row.what, *_origin(row.fact)) for row in behaviours if row.area == area]
        yield _section(area, ("what", *_ORIGIN), rows, level=3)


def _endpoint(record: EmulatedEndpoint) -> Iterator[str]:
    yield f"## {record.name}\n"
    if record.behaviours:
        known = ((what, *_origin(fact)) for what, fact in record.behaviours)
        yield _section("Rules", ("what", *_ORIGIN), known, level=3)
    if record.fields.fields:
        fields = (
            (
                f"`{path}`",
                _values(field),
                *(_origin(field.fact) if field.fact != record.fact else ()),
            )
            for path, field in _walk(record.fields)
        )
        yield _section("Fields", ("field", "values", *_ORIGIN), fields, level=3)
        origin = "; ".join(text for text in _origin(record.fact) if text)
        yield f"Unless a row states its own source: {origin}.\n"
    if record.models:
        models = (
            (
                row.model,
                _mode(row.mode),
                _seconds(row.durations),
                ", ".join(_feature(name, row.narrowed) for name in sorted(row.features)),
                f"{row.resolution}, {row.fps} fps" if row.fps else "PNG",
                *_origin(row.fact),
            )
            for row in record.capabilities
        )
        about = ("model", "mode", "seconds", "features", "result", *_ORIGIN)
        yield _section("Models", about, models, level=3)
    if record.prices:
        prices = (
            (model, _mode(mode), use, f"{price.amount:f}", price.per, *_origin(price.fact))
            for (model, mode, use), price in record.prices.items()
        )
        costs = ("model", "mode", "use", "units", "per", *_ORIGIN)
        yield _section("Prices", costs, prices, level=3)


def _walk(shape: FieldShape, path: str = "") -> Iterator[tuple[str, Field]]:
    for name, field in shape.fields.items():
        yield f"{path}{name}", field
        if field.members is not None:
            inside = "[]." if field.type == "array" else "."
            yield from _walk(field.members, f"{path}{name}{inside}")


def _values(field: Field) -> str:
    if field.ignored:
        return "anything; ignored"
    texts = [", ".join(field.enum) if field.enum else field.type]
    units = {"string": " characters", "array": " items"}.get(field.type, "")
    if field.low is not None and field.high is not None:
        texts.append(f"{field.low} to {field.high}{units}")
    elif field.high is not None:
        texts.append(f"at most {field.high}{units}")
    elif field.low is not None:
        texts.append(f"{field.low}{units} or more")
    if field.required:
        texts.append("required")
    if field.default is not None:
        texts.append(f"default {str(field.default).lower()}")
    return "; ".join(texts)


def _mode(mode: str) -> str:
    return "" if mode == "none" else mode


def _seconds(seconds: tuple[int, ...]) -> str:
    if not seconds:
        return "as its video"
    whole = seconds == tuple(range(seconds[0], seconds[-1] + 1))
    return f"{seconds[0]}-{seconds[-1]}" if whole else ", ".join(map(str, seconds))


def _feature(name: str, narrowed: Mapping[str, tuple[int, ...]]) -> str:
    return f"{name} ({_seconds(narrowed[name])} s)" if name in narrowed else name


def _codes() -> Iterator[Row]:
    for row in CODES.values():
        retry = "yes" if row.retryable else ""
        yield str(row.code), str(row.http), row.message, retry, *_origin(row.fact)


def _messages() -> Iterator[Row]:
    for row in MESSAGES.values():
        yield str(row.code), row.template, *_origin(row.fact)


def _retired() -> Iterator[Row]:
    for name, retirement in (RETIRED_MODELS | RETIRED_ENDPOINTS).items():
        yield name, retirement.seen, *_origin(retirement.fact)


def _times(records: Iterable[EmulatedEndpoint]) -> Iterator[Row]:
    times = {model: record.typical_seconds[model] for record in records for model in record.models}
    for model, seconds in sorted(times.items()):
        yield model, f"{seconds:g}", *_origin(TIMES)


def _origin(fact: Fact) -> Row:
    return fact.kind, ", ".join(fact.sources), fact.as_of, fact.confidence, fact.note


def _section(title: str, names: Row, rows: Iterable[Row], level: int = 2) -> str:
    lines = [
        f"{'#' * level} {title}",
        "",
        _line(names),
        _line(["---"] * len(names)),
        *(_line(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _line(cells: Row) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
