"""JSON Schemas of the replies of `/solutions`."""

from __future__ import annotations

from typing import Final

from kling_mock.kling.wire.interface import InterfaceSchemas
from kling_mock.kling.wire.model_path_schemas import (
    BILLING,
    SECONDS,
    STATUSES,
    TASK,
    URL,
    WATERMARK_URL,
)
from kling_mock.kling.wire.model_path_schemas import SCHEMAS as PATH_SCHEMAS
from kling_mock.kling.wire.v1_schemas import SCHEMAS as V1_SCHEMAS
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import documented
from kling_mock.web.openapi import Schema

PATH: Final = "/solutions"
PAGE_OF: Final = documented("solutions-2026-09", as_of="2026-09-15", confidence="medium")

_CREATED = TASK | {"status": {"const": "submitted"}, "message": {"const": ""}}
_OUTPUT: Schema = {
    "oneOf": [
        closed(
            ("watermark_url", "duration"),
            type={"enum": ["video", "product_video", "subbed_video"]},
            url=URL,
            watermark_url=WATERMARK_URL,
            duration=SECONDS,
        ),
        closed(
            type={"enum": ["image", "product_image", "model_images"]},
            url=URL,
            watermark_url=WATERMARK_URL,
        ),
        closed(type={"enum": ["srt", "ass"]}, url=URL),
    ]
}

SCHEMAS = InterfaceSchemas(
    components={
        **{name: V1_SCHEMAS.components[name] for name in ("Absent", "Refusal", "UnknownPath")},
        "CreatedSolution": {
            "oneOf": [
                closed(("external_id",), **_CREATED),
                closed(
                    ("external_id",),
                    task_id=_CREATED["id"],
                    **{name: schema for name, schema in _CREATED.items() if name != "id"},
                ),
            ]
        },
        "SolutionTask": closed(
            ("external_id", "outputs", "billing"),
            **TASK | {"status": {"enum": [*STATUSES.values(), "succeed"]}},
            outputs={"type": "array", "minItems": 1, "items": _OUTPUT},
            billing={"type": "array", "minItems": 1, "maxItems": 1, "items": BILLING},
        ),
    },
    envelope=V1_SCHEMAS.envelope,
    refused=V1_SCHEMAS.refused,
    created="CreatedSolution",
    task="SolutionTask",
    paging=PATH_SCHEMAS.paging,
    shared_list="solutions",
    shared_list_fact=PAGE_OF,
)
