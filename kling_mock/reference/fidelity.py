"""The page on fidelity, from the tables: what is documented, observed and assumed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kling_mock.kling.endpoints.capabilities import CAPABILITIES, DISCONTINUED, ENDPOINTS
from kling_mock.kling.endpoints.fields import FIELDS, Field, Shape
from kling_mock.kling.endpoints.prices import PRICES
from kling_mock.kling.model.durations import FACT as TIMES
from kling_mock.kling.model.durations import TYPICAL_SECONDS
from kling_mock.kling.service_codes import CODES, MESSAGES
from kling_mock.web.facts import Fact
from kling_mock.web.openapi_rows import Behaviour, Operation

__all__ = ["page"]

_HEAD = """\
# Fidelity

Written by `python -m kling_mock.reference`, from the tables that the emulator runs on; not by hand.

There is no public specification of the service, and the vendor's pages contradict each other in
places. So every row says how far it is known:

- **documented**: the vendor's pages say so;
- **observed**: it was seen on the wire;
- **assumed**: this emulator had to decide. The note says what is not known.

The date is that of the newest source. Confidence is high with two sources or more.
"""

_ORIGIN = ("kind", "sources", "as of", "confidence", "note")
Row = Sequence[str]


def page(
    operations: Sequence[Operation], behaviours: Sequence[Behaviour], sources: Mapping[str, str]
) -> str:
    """Return the page.

    Args:
        operations: The calls.
        behaviours: What is in no other table.
        sources: What the keys of sources stand for.
    """
    parts = [
        _HEAD,
        _counts(operations, behaviours),
        _section("Sources", ("key", "what"), sources.items()),
        _section("Calls", ("call", *_ORIGIN), _calls(operations)),
        "## Behaviour\n",
        *_behaviours(behaviours),
        *(part for endpoint in ENDPOINTS for part in _endpoint(endpoint)),
        _section("Service codes", ("code", "HTTP", "text", "retry", *_ORIGIN), _codes()),
        _section("Words of refusals", ("code", "words", *_ORIGIN), _messages()),
        _section("Models seen refused", ("model", *_ORIGIN), _discontinued()),
        _section("Typical times", ("model", "seconds for 5 s, std", *_ORIGIN), _times()),
    ]
    return "\n".join(parts)


def _counts(operations: Sequence[Operation], behaviours: Sequence[Behaviour]) -> str:
    facts: list[tuple[str, Iterable[Fact]]] = [
        ("calls", (row.fact for row in operations if row.fact is not None)),
        ("behaviour", (row.fact for row in behaviours)),
        ("fields", (field.fact for shape in FIELDS.values() for _, field in _walk(shape))),
        ("models and modes", (row.fact for row in CAPABILITIES.values())),
        ("prices", (row.fact for row in PRICES.values())),
        ("service codes", (row.fact for row in CODES.values())),
        ("words of refusals", (row.fact for row in MESSAGES.values())),
    ]
    rows: list[Row] = []
    for name, found in facts:
        kinds = Counter(fact.kind for fact in found)
        counted = (str(kinds[kind]) for kind in ("documented", "observed", "assumed"))
        rows.append((name, *counted))
    return _section("In numbers", ("rows", "documented", "observed", "assumed"), rows)


def _calls(operations: Iterable[Operation]) -> Iterator[Row]:
    for row in operations:
        if row.fact is not None:
            yield f"`{row.method} {row.path}`", *_origin(row.fact)


def _behaviours(behaviours: Sequence[Behaviour]) -> Iterator[str]:
    for area in dict.fromkeys(row.area for row in behaviours):
        rows = [(row.what, *_origin(row.fact)) for row in behaviours if row.area == area]
        yield _section(area, ("what", *_ORIGIN), rows, level=3)


def _endpoint(endpoint: str) -> Iterator[str]:
    yield f"## {endpoint}\n"
    fields = (
        (f"`{path}`", _accepts(field), *_origin(field.fact))
        for path, field in _walk(FIELDS[endpoint])
    )
    yield _section("Fields", ("field", "accepts", *_ORIGIN), fields, level=3)
    models = (
        (
            row.model,
            _mode(row.mode),
            _seconds(row.durations),
            ", ".join(_feature(name, row.narrowed) for name in sorted(row.features)),
            f"{row.resolution}, {row.fps} fps",
            *_origin(row.fact),
        )
        for row in CAPABILITIES.values()
        if row.endpoint == endpoint
    )
    about = ("model", "mode", "seconds", "features", "result", *_ORIGIN)
    yield _section("Models", about, models, level=3)
    prices = (
        (model, _mode(mode), use, f"{price.per_second:f}", *_origin(price.fact))
        for (at, model, mode, use), price in PRICES.items()
        if at == endpoint
    )
    costs = ("model", "mode", "use", "units per second", *_ORIGIN)
    yield _section("Prices", costs, prices, level=3)


def _walk(shape: Shape, path: str = "") -> Iterator[tuple[str, Field]]:
    for name, field in shape.fields.items():
        yield f"{path}{name}", field
        if field.members is not None:
            inside = "[]." if field.type == "array" else "."
            yield from _walk(field.members, f"{path}{name}{inside}")


def _accepts(field: Field) -> str:
    if field.ignored:
        return "anything; ignored"
    words = [", ".join(field.enum) if field.enum else field.type]
    units = {"string": " characters", "array": " items"}.get(field.type, "")
    if field.low is not None and field.high is not None:
        words.append(f"{field.low} to {field.high}{units}")
    elif field.high is not None:
        words.append(f"at most {field.high}{units}")
    elif field.low is not None:
        words.append(f"{field.low}{units} or more")
    if field.required:
        words.append("required")
    return "; ".join(words)


def _mode(mode: str) -> str:
    return "" if mode == "none" else mode


def _seconds(seconds: tuple[int, ...]) -> str:
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


def _discontinued() -> Iterator[Row]:
    for model, fact in DISCONTINUED.items():
        yield model, *_origin(fact)


def _times() -> Iterator[Row]:
    for model, seconds in TYPICAL_SECONDS.items():
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
