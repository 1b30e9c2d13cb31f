"""JSON Schemas of the replies of the model-path interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.plan import PackType
from kling_mock.kling.wire.interface import InterfaceSchemas
from kling_mock.kling.wire.v1_schemas import (
    ELEMENT,
    OPTIONAL,
    SOUND_SECONDS,
    VOICE,
    closed,
    reference,
)
from kling_mock.kling.wire.v1_schemas import SCHEMAS as V1_SCHEMAS
from kling_mock.web.facts import documented
from kling_mock.web.openapi import Parameter, Schema

BY_IDS: Final = documented(
    "pages-2026-09",
    "probe-2026-09",
    as_of="2026-09-22",
    note="that unknown ids are left out, and 21 ids refused, was seen",
)
TASKS: Final = "/tasks"
MAX_IDS: Final = 20

#: The interface's own words for the states of a task.
STATUSES: Final[Mapping[Status, str]] = {
    "submitted": "submitted",
    "processing": "processing",
    "succeed": "succeeded",
    "failed": "failed",
}


_MILLISECONDS: Schema = {"type": "integer", "description": "Unix time in milliseconds."}
URL: Schema = {"type": "string", "format": "uri"}
WATERMARK_URL: Schema = {
    "type": "string",
    "description": "Empty unless a watermark was requested.",
}
_AMOUNT: Schema = {
    "type": "string",
    "pattern": "^[0-9]+([.][0-9]+)?$",
    "description": "Kling units; 0 for a failed task.",
}
SECONDS: Schema = {
    "type": "string",
    "pattern": "^[0-9]+([.][0-9]+)?$",
    "description": "Seconds.",
}
TASK: dict[str, Any] = {
    "id": {"type": "string", "pattern": "^[0-9]{18}$"},
    "status": {"enum": [*STATUSES.values()]},
    "message": {"type": "string", "description": "Why it failed; else empty."},
    "create_time": _MILLISECONDS,
    "update_time": _MILLISECONDS,
    "external_id": {"type": "string", "description": "Left out if none was given."},
}
_OUTPUT: Schema = {
    "oneOf": [
        closed(
            type={"const": "video"},
            id={"type": "string", "minLength": 1},
            url=URL,
            watermark_url=WATERMARK_URL,
            duration=SECONDS,
        ),
        closed(type={"const": "image"}, url=URL, watermark_url=WATERMARK_URL),
        closed(
            type={"const": "audio"},
            id={"type": "string", "minLength": 1},
            mp3_url=URL,
            mp3_duration=SOUND_SECONDS,
            wav_url=URL,
            wav_duration=SOUND_SECONDS,
        ),
        closed(type={"const": "voice"}, **VOICE),
        closed(OPTIONAL, type={"const": "element"}, **ELEMENT),
    ]
}
BILLING = closed(
    ("charge_type", "package_type"),
    charge_type={"const": "unit"},
    amount=_AMOUNT,
    package_type={"enum": [*get_args(PackType)]},
)


def page_of(task: str) -> Schema:
    """Return the `data` of a list of tasks in pages, by the name of a task."""
    return closed(
        ("result", "next_cursor"),
        result={"type": "array", "items": reference(task), "minItems": 1, "maxItems": 500},
        count={"type": "integer", "minimum": 0, "description": "Tasks in this response."},
        next_cursor={"type": "string"},
        has_more={"type": "boolean"},
    )


#: The `data` of `POST /tasks`.
PAGE: Schema = page_of("PathTask")

SCHEMAS = InterfaceSchemas(
    components={
        **{name: V1_SCHEMAS.components[name] for name in ("Absent", "Refusal", "UnknownPath")},
        "CreatedPathTask": closed(
            ("external_id",), **TASK | {"status": {"const": "submitted"}, "message": {"const": ""}}
        ),
        "PathTask": closed(
            ("external_id", "outputs", "billing"),
            **TASK,
            outputs={"type": "array", "minItems": 1, "items": _OUTPUT},
            billing={"type": "array", "minItems": 1, "maxItems": 1, "items": BILLING},
        ),
    },
    envelope=V1_SCHEMAS.envelope,
    refused=V1_SCHEMAS.refused,
    created="CreatedPathTask",
    task="PathTask",
    paging=(
        Parameter(
            "task_ids",
            "query",
            {"type": "string"},
            f"Task ids with commas between, {MAX_IDS} at most.",
        ),
        Parameter(
            "external_task_ids",
            "query",
            {"type": "string"},
            "External task ids in the same form, instead of `task_ids`.",
        ),
    ),
    shared_list="tasks",
    shared_list_fact=BY_IDS,
)
