"""The calls of the emulated Kling, as rows of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kling_mock.kling.endpoints.capabilities import CAPABILITIES, ENDPOINTS, Capability
from kling_mock.kling.endpoints.examples import EXAMPLES
from kling_mock.kling.endpoints.schemas import envelope_of, reference, refused
from kling_mock.kling.media.urls import MEDIA, PATHS
from kling_mock.kling.service import PAGING
from kling_mock.kling.service_codes import CODES
from kling_mock.web.facts import Fact, assumed, documented
from kling_mock.web.openapi_rows import Answer, Operation, Parameter, Schema

__all__ = ["OPERATIONS", "answers"]

_V1 = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")
_OWN = assumed("this document is the emulator's own; the vendor publishes none")

# Which refusals an operation may answer with. Those of 5xx come only from injected faults.
_AUTHENTICATION = (1000, 1001, 1002, 1003, 1004)
_ACCOUNT = (1100, 1101, 1102, 1103, 1302, 1303, 1304)
_SERVER = (5000, 5001, 5002)
_QUERY_CODES = (*_AUTHENTICATION, 1100, 1103, 1201, 1302, 1304, *_SERVER)
_CREATE_CODES = (*_AUTHENTICATION, *_ACCOUNT, 1200, 1201, 1203, 1300, 1301, *_SERVER)

_ID = Parameter(
    "id",
    "path",
    {"type": "string", "minLength": 1},
    "The task id, or the external task id, percent-encoded.",
)
_PAGES = tuple(
    Parameter(
        name,
        "query",
        {"type": "integer", "minimum": low, "maximum": high, "default": default},
        "Number of the page, from 1." if name == "pageNum" else "Tasks on a page.",
    )
    for name, (low, high, default) in PAGING.items()
)
_TOO_LARGE = Answer("The body is too large (1200).", refused(1200))


def answers(data: Schema, codes: tuple[int, ...]) -> dict[int, Answer]:
    """Return the answers of a call that brings *data* or is refused with one of *codes*.

    Args:
        data: What the envelope of a success carries.
        codes: Keys of `CODES`.
    """
    made = {200: Answer("SUCCEED", envelope_of(dict(data)))}
    by_status: dict[int, list[int]] = {}
    for code in codes:
        by_status.setdefault(CODES[code].http, []).append(code)
    for status, found in by_status.items():
        text = "; ".join(f"{code}: {CODES[code].message}" for code in found)
        made[status] = Answer(text, refused(*found))
    return made


def _rows() -> Iterator[Operation]:
    for endpoint in ENDPOINTS:
        yield from _endpoint(endpoint)
    yield from _media()
    yield Operation(
        "GET",
        "/openapi.json",
        "openapi",
        "documents",
        "Get this document",
        _OWN,
        {200: Answer("This document.", {"type": "object"})},
    )


def _endpoint(endpoint: str) -> Iterator[Operation]:
    path = f"/v1/videos/{endpoint}"
    yield Operation(
        "POST",
        path,
        f"create-{endpoint}",
        endpoint,
        "Create a task",
        _V1,
        answers(reference("CreatedTask"), _CREATE_CODES) | {413: _TOO_LARGE},
        body=reference(f"create-{endpoint}"),
        examples=EXAMPLES[endpoint],
        security="key",
        extra={"x-kling-capabilities": [_capability(row) for row in _of(endpoint)]},
    )
    yield Operation(
        "GET",
        path,
        f"list-{endpoint}",
        endpoint,
        "List tasks",
        _V1,
        answers({"type": "array", "items": reference("Task"), "maxItems": 500}, _QUERY_CODES),
        parameters=_PAGES,
        security="key",
    )
    yield Operation(
        "GET",
        f"{path}/{{id}}",
        f"get-{endpoint}",
        endpoint,
        "Query a task",
        _V1,
        answers(reference("Task"), _QUERY_CODES),
        parameters=(_ID,),
        security="key",
    )


def _of(endpoint: str) -> Iterator[Capability]:
    return (row for row in CAPABILITIES.values() if row.endpoint == endpoint)


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


def _media() -> Iterator[Operation]:
    headers: Mapping[str, Schema] = {
        "ETag": {"type": "string"},
        "Accept-Ranges": {"const": "bytes"},
    }
    video = Answer("The file.", {"type": "string", "format": "binary"}, "video/mp4", headers)
    every = {
        200: video,
        206: Answer("The range.", video.schema, "video/mp4", headers),
        304: Answer("The client has it already.", headers=headers),
        404: Answer("No such result, or its 30 days are over (1203).", refused(1203)),
        416: Answer("The range begins behind the end."),
    }
    name = Parameter(
        "file",
        "path",
        {"type": "string", "pattern": "^[0-9]{18}(-watermark)?[.]mp4$"},
        "As in the `url` of a task's result.",
    )
    byte_range = Parameter("Range", "header", {"type": "string"}, "One range of bytes.")
    for method in ("GET", "HEAD"):
        yield Operation(
            method,
            f"{MEDIA}{{file}}",
            f"{method.lower()}-result",
            "results",
            "Download a result" if method == "GET" else "Ask for the headers of a result",
            PATHS,
            every if method == "GET" else {status: _bare(row) for status, row in every.items()},
            parameters=(name, byte_range),
        )


def _bare(answer: Answer) -> Answer:
    return Answer(answer.description, headers=answer.headers)


OPERATIONS = tuple(_rows())
