"""JSON Schemas of the replies of the /v1 interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.plan import OUTPUT_TYPES
from kling_mock.kling.service_codes import CODES, SUCCEED
from kling_mock.kling.wire.interface import InterfaceSchemas
from kling_mock.web.facts import documented
from kling_mock.web.openapi import Parameter, Schema

# name -> minimum, maximum, default. It is assumed that a value outside is refused.
PAGING = {"pageNum": (1, 1000, 1), "pageSize": (1, 500, 30)}
PAGES = documented("pages-2026-04", "pages-2026-09", as_of="2026-09-20")


def reference(name: str) -> dict[str, Any]:
    """Return the schema that stands for the one called *name*."""
    return {"$ref": f"#/components/schemas/{name}"}


def _envelope(data: Schema) -> dict[str, Any]:
    return closed(
        code={"const": 0},
        message={"const": SUCCEED},
        request_id={"type": "string"},
        data=data,
    )


def _refused(*codes: int) -> dict[str, Any]:
    return {
        "allOf": [reference("Refusal")],
        "properties": {"code": {"enum": sorted(codes)}},
    }


def closed(optional: tuple[str, ...] = (), /, **members: Schema) -> dict[str, Any]:
    """Return the schema of an object with these members and no others.

    Args:
        optional: Names of members that may be missing.
        members: Their schemas.
    """
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


_ID: Schema = {"type": "string", "pattern": "^[0-9]{18}$"}
_MILLISECONDS: Schema = {"type": "integer", "description": "Unix time in milliseconds."}
_EXTERNAL_ID: Schema = {"type": "string"}
_INFO = closed(("external_task_id",), external_task_id=_EXTERNAL_ID)
_INFO_WITH_PARENT = closed(
    ("external_task_id", "parent_video"),
    external_task_id=_EXTERNAL_ID,
    parent_video={
        **closed(
            id=_ID,
            url={"type": "string", "format": "uri"},
            duration={"type": "string", "pattern": "^[0-9]+$", "description": "Seconds."},
        ),
        "description": "The earlier video that the task works on.",
    },
)
_WATERMARK_URL: Schema = {
    "type": "string",
    "description": "Empty unless a watermark was requested.",
}
_VIDEO = closed(
    ("duration", "session_id", "watermark_url"),
    id=_ID,
    session_id={**_ID, "description": "Of multi-elements."},
    url={"type": "string", "format": "uri"},
    watermark_url=_WATERMARK_URL,
    duration={"type": "string", "pattern": "^[0-9]+$", "description": "Seconds."},
)
_URL: Schema = {"type": "string", "format": "uri"}
_IMAGE: Schema = {
    "oneOf": [
        closed(
            ("watermark_url",),
            index={"type": "integer", "minimum": 0, "description": "Its number, from 0."},
            url=_URL,
            watermark_url=_WATERMARK_URL,
        ),
        {
            **closed(
                index={"type": "integer", "minimum": 0, "description": "Number of the set."},
                url_1=_URL,
                url_2=_URL,
                url_3=_URL,
            ),
            "description": "Of ai-multi-shot.",
        },
    ]
}
#: Seconds of a sound, as text.
SOUND_SECONDS: Schema = {
    "type": "string",
    "pattern": "^[0-9]+([.][0-9]{1,3})?$",
    "description": "Seconds.",
}
_AUDIO = closed(
    id=_ID,
    url_mp3=_URL,
    duration_mp3=SOUND_SECONDS,
    url_wav=_URL,
    duration_wav=SOUND_SECONDS,
)
_TEXT: Schema = {"type": "string"}
VOICE: dict[str, Schema] = {
    "voice_id": {"type": "string", "minLength": 1},
    "voice_name": _TEXT,
    "trial_url": {"type": "string", "description": "Where to listen to it."},
    "owned_by": {"type": "string", "description": "`kling` for what every account has."},
}
ELEMENT: dict[str, Schema] = {
    "element_id": {"type": "integer", "description": "An int64."},
    "element_name": _TEXT,
    "element_description": _TEXT,
    "reference_type": {"enum": ["image_refer", "video_refer"]},
    "element_image_list": closed(
        frontal_image=_TEXT, refer_images={"type": "array", "items": closed(image_url=_TEXT)}
    ),
    "element_video_list": closed(refer_videos={"type": "array", "items": closed(video_url=_TEXT)}),
    "element_voice_info": closed(**VOICE),
    "tag_list": {"type": "array", "items": closed(id=_TEXT, name=_TEXT, description=_TEXT)},
    "owned_by": _TEXT,
    "status": {"enum": ["succeed", "deleted"]},
}
#: The optional members of an element.
OPTIONAL = ("element_image_list", "element_video_list", "element_voice_info")
#: The schemas of items, by type.
_ITEMS: Mapping[OutputType, Schema] = {
    "video": _VIDEO,
    "image": _IMAGE,
    "audio": _AUDIO,
    "voice": closed(**VOICE),
    "element": closed(OPTIONAL, **ELEMENT),
}
_RESULT_LISTS: Mapping[str, Schema] = {
    key: {"type": "array", "minItems": 1, "items": _ITEMS[item]}
    for key, item in OUTPUT_TYPES.items()
    if item in _ITEMS
}
#: A page of the library items that every account has.
PRESETS: Schema = {
    "type": "array",
    "items": closed(
        task_id=_ID,
        task_status={"const": "succeed"},
        task_status_msg=_TEXT,
        task_result=closed(tuple(_RESULT_LISTS), **_RESULT_LISTS),
        created_at=_MILLISECONDS,
        updated_at=_MILLISECONDS,
    ),
}
_STATUS: Schema = {"enum": ["submitted", "processing", "succeed", "failed"]}


def paging(max_page_size: int) -> tuple[Parameter, ...]:
    """Return the parameters of a list, whose pages have at most *max_page_size* tasks."""
    return tuple(
        Parameter(
            name,
            "query",
            {
                "type": "integer",
                "minimum": low,
                "maximum": high if name == "pageNum" else max_page_size,
                "default": default,
            },
            "Number of the page, from 1." if name == "pageNum" else "Tasks on a page.",
        )
        for name, (low, high, default) in PAGING.items()
    )


SCHEMAS = InterfaceSchemas(
    components={
        "Absent": {"enum": ["", None], "description": "Counts as not given."},
        "Refusal": {
            **closed(
                code={"enum": [code for code in CODES if code]},
                message={"type": "string", "minLength": 1},
                request_id={"type": "string"},
            ),
            "description": "There is no `data` in it.",
        },
        "UnknownPath": {
            **closed(
                timestamp={"type": "string"},
                status={"const": 404},
                error={"const": "Not Found"},
                message={"type": "string"},
                path={"type": "string"},
            ),
            "description": "There is no envelope.",
        },
        "CreatedTask": closed(
            task_id=_ID,
            task_status={"const": "submitted"},
            task_info=_INFO,
            created_at=_MILLISECONDS,
            updated_at=_MILLISECONDS,
        ),
        "Task": closed(
            ("final_unit_deduction", "watermark_info"),
            task_id=_ID,
            task_status=_STATUS,
            task_status_msg={"type": "string", "description": "Why it failed; else empty."},
            task_info=_INFO_WITH_PARENT,
            task_result=closed(
                (*_RESULT_LISTS, "result_type"),
                **_RESULT_LISTS,
                result_type={"enum": ["single", "series"]},
            ),
            watermark_info=closed(enabled={"type": "boolean"}),
            created_at=_MILLISECONDS,
            updated_at=_MILLISECONDS,
            final_unit_deduction={
                "type": "string",
                "pattern": "^[0-9]+([.][0-9]+)?$",
                "description": "Kling units; once the task has ended.",
            },
        ),
    },
    envelope=_envelope,
    refused=_refused,
    created="CreatedTask",
    task="Task",
    paging=paging(PAGING["pageSize"][1]),
)
