"""The calls of the emulated Kling, as rows of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kling_mock.kling.endpoints.library_parts import delete_fields
from kling_mock.kling.endpoints.record import Capability, EmulatedEndpoint, EmulatedLibrary
from kling_mock.kling.endpoints.registry import ENDPOINTS, EndpointRegistry
from kling_mock.kling.http.request_schemas import request_schema, schema_of
from kling_mock.kling.media.urls import FILES, MEDIA, PATHS, FileForm
from kling_mock.kling.service_codes import CODES
from kling_mock.kling.wire.interface import EndpointRoute, InterfaceSchemas
from kling_mock.kling.wire.v1_schemas import PRESETS, closed, paging, reference
from kling_mock.web.facts import Fact, assumed
from kling_mock.web.json_schema import integer, number, optional, text
from kling_mock.web.openapi import ApiOperation, ApiReply, Parameter, Schema

_OWN = assumed("this document is the emulator's own; the vendor publishes none")

# The refusals that each operation may reply with. Those of 5xx come only from injected faults.
_AUTHENTICATION = (1000, 1001, 1002, 1003, 1004)
_ACCOUNT = (1100, 1101, 1102, 1103, 1302, 1303, 1304)
_SERVER = (5000, 5001, 5002)
_QUERY_CODES = (*_AUTHENTICATION, 1100, 1103, 1201, 1302, 1304, *_SERVER)
#: Also of a query with required parameters.
_BODY_CODES = (*_QUERY_CODES, 1200)
_CREATE_CODES = (*_AUTHENTICATION, *_ACCOUNT, 1200, 1201, 1203, 1300, 1301, *_SERVER)

_HEALTH = closed(
    status=text(enum=("ok",)),
    version=text(about="The version of kling_mock."),
    clock=closed(
        now=number(about="Unix seconds."),
        kind=text(enum=("manual", "scaled", "real")),
        speed=optional(
            number(0, about="Seconds that pass on it in a real second; null if it stands still.")
        ),
    ),
    tasks=integer(0, about="Tasks that it knows."),
    open_tasks=integer(0, about="Tasks that have not ended."),
    requests=integer(0, about="Requests since its start or the last reset, without this one."),
    unexpected=integer(0, about="How many of them the real service would refuse or ignore."),
    callbacks=integer(0, about="Callbacks that were made, delivered or not."),
)

_ID = Parameter(
    "id",
    "path",
    {"type": "string", "minLength": 1},
    "The task id, or the external task id, percent-encoded.",
)


def _answers(known: InterfaceSchemas, data: Schema, codes: tuple[int, ...]) -> dict[int, ApiReply]:
    """Return the replies of a call that returns *data* or is refused with one of *codes*."""
    name = data["$ref"].rpartition("/")[2] if "$ref" in data else ""
    replies = {200: ApiReply("SUCCEED", known.envelope(data), name=name)}
    by_status: dict[int, list[int]] = {}
    for code in codes:
        by_status.setdefault(CODES[code].http, []).append(code)
    for status, group in by_status.items():
        text = "; ".join(f"{code}: {CODES[code].message}" for code in group)
        replies[status] = _refusal(known, text, group)
    return replies


def _refusal(known: InterfaceSchemas, about: str, codes: Sequence[int]) -> ApiReply:
    return ApiReply(about, known.refused(*codes), name="-".join(["Refused", *map(str, codes)]))


def _too_large(known: InterfaceSchemas) -> dict[int, ApiReply]:
    return {413: _refusal(known, "The body is too large (1200).", [1200])}


def operations(endpoints: EndpointRegistry) -> Iterator[ApiOperation]:
    """Yield the operations of a server with these endpoints."""
    documented: set[tuple[str, str]] = set()
    for record in endpoints.values():
        for route in record.routes:
            if (route.method, route.path) not in documented:  # a shared route is listed once
                documented.add((route.method, route.path))
                yield _operation(record, route)
    for form in FILES.values():
        for suffix in form.media_types:
            yield from _media(form, suffix)
    yield ApiOperation(
        "GET",
        "/openapi.json",
        "openapi",
        "documents",
        "Get this document",
        _OWN,
        {200: ApiReply("This document.", {"type": "object"})},
    )
    yield ApiOperation(
        "GET",
        "/health",
        "health",
        "documents",
        "Ask whether the server is up",
        None,
        {200: ApiReply("It is up; what it is, and how much it has done.", _HEALTH)},
    )


def schemas(endpoints: EndpointRegistry) -> dict[str, Schema]:
    """Return the schemas that the operations refer to, by name."""
    components: dict[str, Schema] = {}
    for record in endpoints.values():
        components |= record.interface.schemas.components
        if record.fields.fields:
            components[f"create-{record.name}"] = request_schema(record)
        if record.library is not None:
            components[f"delete-from-{record.name}"] = schema_of(delete_fields(record.library))
    return components


def _operation(record: EmulatedEndpoint, route: EndpointRoute) -> ApiOperation:
    known, name = record.interface.schemas, record.name
    if route.operation == "create":
        return _create(record, route)
    if route.operation in {"presets", "delete"} and record.library is not None:
        return _of_library(record, record.library, route)
    max_page_size = record.max_page_size
    tasks: Schema = {"type": "array", "items": reference(known.task), "maxItems": max_page_size}
    shared = route.operation == "list" and known.shared_list != ""
    group = known.shared_list if shared else name
    name, summary, data, parameters = {
        "list": (f"list-{group}", "List tasks", tasks, _paging(record)),
        "get": (f"get-{name}", "Query a task", reference(known.task), (_ID,)),
        "reply": (name, record.summary, record.reply_schema, record.parameters),
    }[route.operation]
    is_required = any(parameter.required for parameter in parameters if parameter.where == "query")
    return ApiOperation(
        route.method,
        route.path,
        name,
        group,
        summary,
        known.shared_list_fact if shared else record.fact,
        _answers(known, data, _BODY_CODES) | _too_large(known)
        if route.method == "POST"
        else _answers(known, data, _BODY_CODES if is_required else _QUERY_CODES),
        parameters=parameters,
        body=reference(f"create-{record.name}") if route.method == "POST" else None,
        examples=record.examples if route.method == "POST" else {},
        security="api-key" if record.interface.api_key_only else "key",
    )


def _paging(record: EmulatedEndpoint) -> tuple[Parameter, ...]:
    return (
        record.interface.schemas.paging if record.library is None else paging(record.max_page_size)
    )


def _of_library(
    record: EmulatedEndpoint, library: EmulatedLibrary, route: EndpointRoute
) -> ApiOperation:
    """Return the operation that lists the items that every account has, or one that deletes."""
    known, group = record.interface.schemas, record.name
    if route.operation == "presets":
        presets = {**PRESETS, "maxItems": library.max_page_size}
        return ApiOperation(
            "GET",
            route.path,
            f"preset-{group}",
            group,
            f"List the {group} that every account has",
            library.fact,
            _answers(known, presets, _QUERY_CODES),
            parameters=_paging(record),
            security="key",
        )
    reply = closed(task_id={"type": "string"}, task_status={"enum": ["succeed"]})
    name = route.path.rpartition("/")[2]
    return ApiOperation(
        "POST",
        route.path,
        name,
        group,
        f"Delete one of the account's own {group}",
        library.fact,
        _answers(known, reply, _BODY_CODES) | _too_large(known),
        body=reference(f"delete-from-{group}"),
        examples={"one": {library.id_field: "829836802793406553"}},
        security="key",
    )


def _create(record: EmulatedEndpoint, route: EndpointRoute) -> ApiOperation:
    known = record.interface.schemas
    return ApiOperation(
        "POST",
        route.path,
        f"create-{record.name}",
        record.name,
        record.summary,
        record.fact,
        _answers(known, reference(known.created), _CREATE_CODES) | _too_large(known),
        parameters=(_model(record),) if route.path.endswith("}") else (),
        body=reference(f"create-{record.name}"),
        examples=record.examples,
        security="api-key" if record.interface.api_key_only else "key",
        extra={"x-kling-capabilities": [_capability(row) for row in record.capabilities]},
    )


def _model(record: EmulatedEndpoint) -> Parameter:
    names = [*record.models, *record.aliases]
    return Parameter("model", "path", {"type": "string", "enum": names}, "The model.")


def _capability(row: Capability) -> dict[str, Any]:
    return {
        "model_name": row.model,
        "mode": None if row.mode == "none" else row.mode,
        "durations": [str(seconds) for seconds in row.durations],
        "features": sorted(row.features),
        "only_durations": {
            name: [str(seconds) for seconds in only] for name, only in sorted(row.narrowed.items())
        },
        "fidelity": _origin(row.fact),
    }


def _origin(fact: Fact) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "sources": list(fact.sources),
        "as_of": fact.as_of,
        "confidence": fact.confidence,
    }


def _media(form: FileForm, suffix: str) -> Iterator[ApiOperation]:
    """Yield the calls that download files with this suffix."""
    number, media_type = "-[0-9]+" if form.is_numbered else "", form.media_types[suffix]
    # No two operations may share a path, so a form with two suffixes has the suffix in the path.
    ending, file_name = f"[.]{suffix}", "{file}"
    if len(form.media_types) > 1:
        ending, file_name = "", f"{{file}}.{suffix}"
    headers: Mapping[str, Schema] = {
        "ETag": {"type": "string"},
        "Accept-Ranges": {"const": "bytes"},
    }
    content: Schema = {"type": "string", "format": "binary"}
    every = {
        200: ApiReply("The file.", content, media_type, headers),
        206: ApiReply("The range.", content, media_type, headers),
        304: ApiReply("The client has it already.", headers=headers),
        404: ApiReply("No such result, or its 30 days are over.", reference("UnknownPath")),
        416: ApiReply("The range begins behind the end."),
    }
    name = Parameter(
        "file",
        "path",
        {"type": "string", "pattern": f"^[0-9]{{18}}{number}(-watermark)?{ending}$"},
        "As in the `url` of a task's result.",
    )
    byte_range = Parameter("Range", "header", {"type": "string"}, "One range of bytes.")
    for method in ("GET", "HEAD"):
        yield ApiOperation(
            method,
            f"{MEDIA}{form.folder}/{file_name}",
            f"{method.lower()}-{form.folder.removesuffix('s')}-{suffix}",
            "results",
            "Download a result" if method == "GET" else "Get the headers of a result",
            PATHS,
            every if method == "GET" else {status: _bare(row) for status, row in every.items()},
            parameters=(name, byte_range),
        )


def _bare(answer: ApiReply) -> ApiReply:
    return ApiReply(answer.description, headers=answer.headers)


OPERATIONS = tuple(operations(ENDPOINTS))
SCHEMAS = schemas(ENDPOINTS)
