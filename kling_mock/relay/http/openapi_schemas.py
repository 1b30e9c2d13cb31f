"""The schemas of the relay's bodies, which its OpenAPI document names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kling_mock.relay.domain.errors import KINDS
from kling_mock.relay.domain.replies import MAX_PAGE_SIZE
from kling_mock.relay.domain.wire import MAX_EXTERNAL_ID, MAX_NAME, MAX_SECONDS, MAX_URL, MAX_WORD
from kling_mock.web.json_schema import Schema, array, closed, integer, text

_PICTURES: Final = array(
    closed(
        ("index", "url", "url_1", "url_2", "url_3", "watermark_url"),
        index=integer(0),
        url=text("A picture of `ai-multi-shot` has three instead: `url_1` to `url_3`."),
        url_1=text(),
        url_2=text(),
        url_3=text(),
        watermark_url=text("Empty unless a watermark was requested."),
    )
)
_SOUNDS: Final = array(
    closed(
        ("url_wav", "duration_wav"),
        id=text(),
        url_mp3=text(),
        duration_mp3=text("Seconds."),
        url_wav=text(),
        duration_wav=text("Seconds."),
    )
)
_VIDEOS: Final = array(closed(id=text(), url=text(), duration=text("Seconds.")))
_LISTED: Final = closed(
    ("images", "series_images", "audios"),
    task_id=text("The relay's id of the task.", pattern="^[!-~]+$"),
    kling_task_id=text("Kling's; empty while it is not known."),
    status=text("`submitted`, `processing`, `succeed`, `failed`, or a new status."),
    video_url=text("The first result; empty until it has succeeded."),
    duration=text("Seconds; empty until it has succeeded."),
    fail_reason=text("Empty unless it has failed."),
    images=_PICTURES,
    series_images=_PICTURES,
    audios=_SOUNDS,
)
_MS: Final = integer(0)
_KLING_TASK: Final = {
    "task_id": text("As above.", pattern="^[!-~]+$"),
    "task_status": text("As `status`."),
    "task_info": closed(external_task_id=text("The user's own; empty if there is none.")),
    "created_at": _MS,
    "updated_at": _MS,
}


_ENVELOPE: Final = {
    "code": integer(0, 0),
    "message": text(enum=["SUCCEED"]),
    "request_id": text(min_length=1),
}


def _in_envelope(members: Schema, data: Schema) -> Schema:
    """Return the guide's members of a task with Kling's envelope beside them."""
    not_required = set(members["properties"]) - set(members["required"])
    return closed(tuple(sorted(not_required)), **members["properties"], **_ENVELOPE, data=data)


_RESULT: Final = closed(
    ("videos", "images", "series_images", "audios"),
    videos=_VIDEOS,
    images=_PICTURES,
    series_images=_PICTURES,
    audios=_SOUNDS,
)
_ENDED_TASK: Final = {
    **_KLING_TASK,
    "task_status_msg": text("As `fail_reason`."),
    "task_result": _RESULT,
}
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Error": closed(
        code=integer(1),
        message=text("As in `error`.", min_length=1),
        request_id=text(min_length=1),
        error=closed(
            message=text("What was wrong, what is expected, what to do.", min_length=1),
            type=text(enum=sorted({kind.type for kind in KINDS})),
            code={"type": ["string", "integer"], "description": "Its name, or Kling's number."},
        ),
    ),
    "Created": _in_envelope(
        closed(
            **{name: _LISTED["properties"][name] for name in ("task_id", "kling_task_id", "status")}
        ),
        closed(**_KLING_TASK),
    ),
    "Task": _in_envelope(_LISTED, closed(("task_result",), **_ENDED_TASK)),
    "ListedTask": _LISTED,
    "Page": closed(**_ENVELOPE, data=array(closed(("task_result",), **_ENDED_TASK), MAX_PAGE_SIZE)),
    "Create": {
        "type": "object",
        "description": "Kling's own body. Unknown fields are passed on.",
        "properties": {
            "model": text("Its name, or one with a mode.", max_length=MAX_NAME),
            "model_name": text("As `model`.", max_length=MAX_NAME),
            "mode": text(max_length=MAX_WORD),
            "prompt": text(),
            "duration": {
                "type": ["number", "string"],
                "exclusiveMinimum": 0,
                "maximum": int(MAX_SECONDS),
                "description": "Seconds, as number or text.",
            },
            "aspect_ratio": text(max_length=MAX_WORD),
            "resolution": text("For a video, another name for `mode`.", max_length=MAX_WORD),
            "n": {"type": ["number", "string"], "description": "How many pictures."},
            "external_task_id": text(
                "The user's own, unique among its tasks.",
                max_length=MAX_EXTERNAL_ID,
                pattern="^[!-~]*$",
            ),
            "callback_url": text("Gets a webhook when the task ends.", max_length=MAX_URL),
        },
    },
    "Callback": {
        "type": "object",
        "description": "What Kling posts: the task itself, or an envelope with it.",
    },
}


def named(name: str) -> Schema:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}
