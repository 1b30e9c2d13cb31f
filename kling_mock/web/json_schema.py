"""JSON Schemas: functions to make them, to check values by them, and to encode objects by them.

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
from decimal import Decimal
from typing import Any, cast

from kling_mock.web.errors import ApiError

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
    schema: dict[str, Any] = {"type": "object", "properties": members}
    if needed:
        schema["required"] = needed
    return schema | {"additionalProperties": False}


def integer(low: int | None = None, high: int | None = None, about: str = "") -> Schema:
    """Return the schema of a whole number from *low* to *high*."""
    return _schema("integer", {"minimum": low, "maximum": high}, about)


def number(
    low: float | None = None,
    high: float | None = None,
    about: str = "",
    *,
    above: float | None = None,
) -> Schema:
    """Return the schema of a number from *low* to *high*, or of more than *above*."""
    return _schema("number", {"minimum": low, "maximum": high, "exclusiveMinimum": above}, about)


def text(
    about: str = "",
    *,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    enum: Sequence[str] | None = None,
) -> Schema:
    """Return the schema of a string, which is one of *enum* if that is given."""
    chosen = None if enum is None else list(enum)
    limits = {"minLength": min_length, "maxLength": max_length, "pattern": pattern, "enum": chosen}
    return _schema("string", limits, about)


def flag(about: str = "") -> Schema:
    """Return the schema of true or false."""
    return _schema("boolean", {}, about)


def array(items: Schema, max_length: int | None = None, about: str = "") -> Schema:
    """Return the schema of an array."""
    return _schema("array", {"items": items, "maxItems": max_length}, about)


def optional(schema: Schema) -> Schema:
    """Return *schema*, extended to accept null for "none"."""
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _schema(kind: str, limits: Mapping[str, object], about: str) -> Schema:
    schema = {"type": kind, **{name: value for name, value in limits.items() if value is not None}}
    return {**schema, "description": about} if about else schema


# ---------------------------------------------------------------- encoding


def encode(schema: Schema, source: object, /, **members: Any) -> dict[str, Any]:
    """Return the JSON object with the members that *schema* names.

    Args:
        source: An object that has them as attributes.
        members: Members that it does not have, or not in this form, as JSON.
    """
    return {
        name: members[name] if name in members else _encode(inner, getattr(source, name))
        for name, inner in schema["properties"].items()
    }


def _encode(schema: Schema, value: Any) -> Any:
    if value is None:
        return None
    if "properties" in schema:
        return encode(schema, value)
    if "items" in schema:
        return [_encode(schema["items"], item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return dict(value) if isinstance(value, Mapping) else value


# ---------------------------------------------------------------- checking


def check(schema: Schema, value: object, name: str = "") -> Any:
    """Return *value*, checked; 5.0 becomes 5 where the schema has a whole number.

    Args:
        schema: The schema to check by.
        value: A JSON value.
        name: The value's name in the text of an error.

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
    schemas: Mapping[str, Schema], pairs: Iterable[tuple[str, object]]
) -> dict[str, Any]:
    """Return the parameters of a query string; if one is given twice, the last value counts.

    Raises:
        ApiError: 400, naming the parameter and what it must be.
    """
    values: dict[str, object] = dict(pairs)
    for name, schema in schemas.items():
        value = values.get(name)
        if isinstance(value, str) and schema.get("type") == "integer" and _WHOLE.fullmatch(value):
            values[name] = int(value)
    parameters: dict[str, Any] = check(closed(EVERY, **schemas), values)
    return parameters


def _typed(schema: Schema, value: object, name: str) -> object:
    schema_type = schema.get("type")
    if schema_type is None:
        return value
    kinds = [schema_type] if isinstance(schema_type, str) else schema_type
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
    for key in value:
        if key not in known:
            accepted = ", ".join(known) or "none"
            key_text = key[:50] + ("..." if len(key) > 50 else "")
            raise ApiError(
                400, "unknown_field", f"{inside}{key_text}: unknown; the fields are {accepted}"
            )
    for needed in schema.get("required", ()):
        if needed not in value:
            requirement = _requirement(known[needed])
            raise ApiError(
                400, "missing_field", f"{inside}{needed}: required; must be {requirement}"
            )
    return {key: check(known[key], member, f"{inside}{key}") for key, member in value.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Each accepts values of other types, which `type` judges.
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
    # A string may be a key or a prompt, so it is not repeated.
    is_shown = isinstance(value, int | float)
    got = json.dumps(value)[:50] if is_shown else _TYPE_NAMES[_kind(value)]
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        got = f"{got} of {len(value)} characters"
    near = ""
    if isinstance(value, str) and "enum" in schema:
        from difflib import get_close_matches  # only a mistake needs it

        got = "another string"
        words = get_close_matches(
            value[:50].lower(), [str(choice) for choice in schema["enum"]], 1, 0.4
        )
        near = "".join(f"; the nearest is {word}" for word in words)
    requirement = f"must be {_requirement(schema)}; got {got}{near}"
    return ApiError(400, "invalid_field", f"{name}: {requirement}" if name else requirement)


def _requirement(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(
            "null" if choice is None else str(choice) for choice in schema["enum"]
        )
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
