"""JSON Schema of bodies and parameters: making it, and checking values by it.

Only what the tables of calls use is supported: `type` (one or several), `enum`, `minimum`,
`maximum`, `exclusiveMinimum`, `minLength`, `maxLength`, `pattern`, `items`, `maxItems`,
`properties`, `required`, `additionalProperties: false`. A schema without `type` or `enum`, as a
`$ref`, accepts anything: the call itself checks it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from kling_mock.web.errors import ApiError

__all__ = [
    "EVERY",
    "Schema",
    "array",
    "check",
    "closed",
    "flag",
    "integer",
    "number",
    "optional",
    "read_query",
    "text",
]

Schema = Mapping[str, Any]

EVERY = ("*",)  # for `closed`: no member is needed

_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}
_TYPE_NAMES: Mapping[str, str] = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_WHOLE = re.compile(r"-?[0-9]{1,18}")


# ---------------------------------------------------------------- making


def closed(optional: Sequence[str] = (), /, **members: Schema) -> Schema:
    """Return the schema of an object with these members and no others.

    Args:
        optional: Names of members that may be missing, or `EVERY`.
        members: Their schemas.
    """
    needed = [name for name in members if optional is not EVERY and name not in optional]
    made: dict[str, Any] = {"type": "object", "properties": members}
    if needed:
        made["required"] = needed
    return made | {"additionalProperties": False}


def integer(low: int | None = None, high: int | None = None, about: str = "") -> Schema:
    """Return the schema of a whole number from *low* to *high*."""
    return _made("integer", {"minimum": low, "maximum": high}, about)


def number(
    low: float | None = None,
    high: float | None = None,
    about: str = "",
    *,
    above: float | None = None,
) -> Schema:
    """Return the schema of a number from *low* to *high*, or of more than *above*."""
    return _made("number", {"minimum": low, "maximum": high, "exclusiveMinimum": above}, about)


def text(
    about: str = "",
    *,
    least: int | None = None,
    most: int | None = None,
    pattern: str | None = None,
    enum: Sequence[str] | None = None,
) -> Schema:
    """Return the schema of a string of *least* to *most* characters, or of one of *enum*."""
    chosen = None if enum is None else list(enum)
    limits = {"minLength": least, "maxLength": most, "pattern": pattern, "enum": chosen}
    return _made("string", limits, about)


def flag(about: str = "") -> Schema:
    """Return the schema of true or false."""
    return _made("boolean", {}, about)


def array(items: Schema, most: int | None = None, about: str = "") -> Schema:
    """Return the schema of an array."""
    return _made("array", {"items": items, "maxItems": most}, about)


def optional(schema: Schema) -> Schema:
    """Return *schema*, with null for "none" besides."""
    made = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        made["enum"] = [*schema["enum"], None]
    return made


def _made(kind: str, limits: Mapping[str, object], about: str) -> Schema:
    made = {"type": kind, **{name: value for name, value in limits.items() if value is not None}}
    return {**made, "description": about} if about else made


# ---------------------------------------------------------------- checking


def check(schema: Schema, value: object, name: str = "") -> Any:
    """Return *value*, checked; 5.0 becomes 5 where the schema has a whole number.

    Args:
        schema: What it must be.
        value: A JSON value.
        name: What it is called in the text of an error.

    Raises:
        ApiError: 400, naming the field and what it must be.
    """
    value = _typed(schema, value, name)
    for limit, holds in _LIMITS.items():
        if limit in schema and not holds(value, schema[limit]):
            raise _refuse(schema, value, name)
    if isinstance(value, dict) and "properties" in schema:
        return _members(schema, cast("dict[str, object]", value), name)
    if isinstance(value, list) and "items" in schema:
        items = cast("list[object]", value)
        return [check(schema["items"], item, f"{name}[{at}]") for at, item in enumerate(items)]
    return value


def read_query(
    schemas: Mapping[str, Schema], given: Iterable[tuple[str, object]]
) -> dict[str, Any]:
    """Return the parameters of a query string; of one that is given twice the last one counts.

    Raises:
        ApiError: 400, naming the parameter and what it must be.
    """
    values: dict[str, object] = dict(given)
    for name, schema in schemas.items():
        value = values.get(name)
        if isinstance(value, str) and schema.get("type") == "integer" and _WHOLE.fullmatch(value):
            values[name] = int(value)
    made: dict[str, Any] = check(closed(EVERY, **schemas), values)
    return made


def _typed(schema: Schema, value: object, name: str) -> object:
    wanted = schema.get("type")
    if wanted is None:
        return value
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, float) and value.is_integer() and "number" not in kinds:
        value = int(value)
    kind = _kind(value)
    if kind not in kinds and not (kind == "integer" and "number" in kinds):
        raise _refuse(schema, value, name)
    return value


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "object")


def _members(schema: Schema, value: Mapping[str, object], name: str) -> dict[str, Any]:
    known = schema["properties"]
    inside = f"{name}." if name else ""
    for given in value:
        if given not in known:
            accepted = ", ".join(known) or "none"
            shown = given[:50] + ("..." if len(given) > 50 else "")
            raise ApiError(
                400, "unknown_field", f"{inside}{shown}: unknown; the fields are {accepted}"
            )
    for needed in schema.get("required", ()):
        if needed not in value:
            requirement = _requirement(known[needed])
            raise ApiError(
                400, "missing_field", f"{inside}{needed}: required; must be {requirement}"
            )
    return {given: check(known[given], one, f"{inside}{given}") for given, one in value.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Each holds for values of other types, too: those are judged by `type`.
_LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, known: value in known,
    "minimum": lambda value, low: not _is_number(value) or value >= low,
    "maximum": lambda value, high: not _is_number(value) or value <= high,
    "exclusiveMinimum": lambda value, low: not _is_number(value) or low < value < math.inf,
    "minLength": lambda value, low: not isinstance(value, str) or len(value) >= low,
    "maxLength": lambda value, high: not isinstance(value, str) or len(value) <= high,
    "pattern": lambda value, form: not isinstance(value, str) or bool(re.search(form, value)),
    "maxItems": lambda value, high: not isinstance(value, list) or len(value) <= high,
}


def _refuse(schema: Schema, value: object, name: str) -> ApiError:
    # A string may be a key or a prompt, and is not repeated.
    is_shown = isinstance(value, int | float)
    shown = json.dumps(value)[:50] if is_shown else _TYPE_NAMES[_kind(value)]
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        shown = f"{shown} of {len(value)} characters"
    requirement = f"must be {_requirement(schema)}; got {shown}"
    return ApiError(400, "invalid_field", f"{name}: {requirement}" if name else requirement)


def _requirement(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join("null" if one is None else str(one) for one in schema["enum"])
    kinds = schema["type"]
    kinds = [kinds] if isinstance(kinds, str) else kinds
    requirement = " or ".join(_TYPE_NAMES[kind] for kind in kinds)
    unit = {"string": " characters", "array": " items"}.get(kinds[0], "")
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength", schema.get("maxItems")))
    if low is not None:
        requirement += f" from {low}{unit}" if high is not None else f" of {low}{unit} or more"
    if "exclusiveMinimum" in schema:
        requirement += f" above {schema['exclusiveMinimum']}"
    if high is not None:
        requirement += f" to {high}{unit}" if low is not None else f" of up to {high}{unit}"
    return f"{requirement} like {schema['pattern']}" if "pattern" in schema else requirement
