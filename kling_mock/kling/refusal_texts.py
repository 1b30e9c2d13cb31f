"""The texts of refusals and of failed tasks, to the letter where one was seen."""

from __future__ import annotations

from dataclasses import dataclass

from kling_mock.web.facts import Fact, assumed, observed

__all__ = ["MESSAGES", "Message"]

_PROBES = observed("probe-2026-10", as_of="2026-10-07")
_LIP_SYNC = observed("probe-2026-10", as_of="2026-09-28", note="seen on lip-sync")


@dataclass(frozen=True, slots=True)
class Message:
    """The text of one situation, with `{}` where values of the request go."""

    code: int
    template: str
    fact: Fact


# Texts seen on the wire, to the letter: clients compare them. What would be valid is a note.
MESSAGES: dict[str, Message] = {
    "task_not_found": Message(
        1201,
        "Task not found by id/external id: {}",
        observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high"),
    ),
    "external_id_exists": Message(
        1201,
        "External_task_id {} already exists",
        observed("probe-2026-09", as_of="2026-09-22"),
    ),
    "token_parts": Message(
        1002,
        "The token was expected to have 3 parts, but got {}",
        observed("probe-2026-09", as_of="2026-09-22", note="only the count 0 was seen"),
    ),
    "image_tail": Message(
        1201,
        "model/mode/duration({}/{}/{}) is not supported with image_tail",
        observed("wire", as_of="2026-04-28"),
    ),
    "sound": Message(
        1201,
        "model/mode({}/{}) is not supported with sound on",
        observed("wire", as_of="2026-04-28"),
    ),
    "motion_brush": Message(
        1201,
        "{} is not supported with motion brush",
        observed("wire", as_of="2026-04-28"),
    ),
    "model_retired": Message(
        1201,
        "The model '{}' has been discontinued and is no longer available.",
        observed(
            "probe-2026-09",
            as_of="2026-09-20",
            note="seen once, of kling-v1; its code and HTTP status were not recorded. Another "
            "prober saw 1203, `model_name '...' is not supported for this API`",
        ),
    ),
    "value": Message(
        1201,
        "{path} value '{value}' is invalid",
        observed(
            "clients", as_of="2026-08-01", confidence="high", note="seen of mode and model_name"
        ),
    ),
    "other_endpoint": Message(
        1201,
        "model is not supported",
        observed(
            "clients",
            "probe-2026-10",
            as_of="2026-10-07",
            note="of a model that another endpoint has, and of any unknown one in a path",
        ),
    ),
    "unreadable": Message(
        1201,
        "Failed to resolve the request body",
        observed("clients", as_of="2026-08-01", note="seen of `sound: true`; others are assumed"),
    ),
    "base64": Message(
        1201,
        "File is not in a valid base64 format",
        observed("clients", as_of="2026-08-01", confidence="high"),
    ),
    "no_image": Message(
        1201,
        "image can not be null",
        observed("clients", as_of="2026-08-01", confidence="high"),
    ),
    "small_image": Message(
        1201,
        "Image pixel is invalid",
        observed(
            "wire",
            as_of="2026-08-01",
            note="since the middle of 2026 the message of a failed task, before that a refusal",
        ),
    ),
    "above": Message(1201, "{shown}: must be less than or equal to {bound}", _LIP_SYNC),
    "below": Message(
        1201,
        "{shown}: must be greater than or equal to {bound}",
        assumed("worded as that of a number that is too large"),
    ),
    "null": Message(1201, "{}: must not be null", _LIP_SYNC),
    "no_text": Message(1201, "text is required", _LIP_SYNC),
    "no_voice_language": Message(1201, "Voice language not found", _LIP_SYNC),
    "no_voice": Message(
        1201,
        "Voice id not found",
        observed(
            "probe-2026-09",
            "probe-2026-10",
            as_of="2026-09-28",
            note="on tts and lip-sync; elsewhere, and of a delete, assumed",
        ),
    ),
    "no_element": Message(
        1201,
        "Element id not found: {}",
        observed(
            "probe-2026-10",
            as_of="2026-10-07",
            note="seen on the model-path interface; on /v1 and of a delete assumed",
        ),
    ),
    "already_deleted": Message(
        1201,
        "{} {} already be deleted",
        observed(
            "probe-2026-09",
            as_of="2026-09-22",
            note="the end of the text was recorded, of an element; of a voice assumed",
        ),
    ),
    "no_audio_type": Message(1201, "Audio type is null", _LIP_SYNC),
    "no_video": Message(1201, "video_id or video_url is required", _LIP_SYNC),
    "camera": Message(
        1201,
        "camera_control is only supported in std mode with 5s duration and kling-v1",
        observed("clients", as_of="2026-08-01", note="seen of kling-v1-6 on text2video"),
    ),
    "combination": Message(
        1201,
        "model/mode/duration({}/{}/{}) is not supported",
        assumed("worded like the refusal of image_tail"),
    ),
    "unsupported": Message(
        1201,
        "model/mode/duration({}/{}/{}) is not supported with {}",
        assumed("worded like the refusal of image_tail"),
    ),
    "api_retired": Message(
        1201,
        "This API is no longer available",
        observed(
            "probe-2026-10",
            as_of="2026-09-28",
            note="seen of multi-image2video; its code and HTTP status were not recorded",
        ),
    ),
    # ------------------------------------------------------------ why a task fails later
    "unreachable_media": Message(
        1201,
        "Something went wrong when we tried to get the contents of the file.",
        observed(
            "probe-2026-10",
            as_of="2026-09-28",
            note="the message of a failed task of the model-path interface; on /v1 assumed",
        ),
    ),
    # ------------------------------------------------------------ the model-path interface
    "api_key_only": Message(
        1002,
        "The current API does not support AK/SK",
        observed(
            "probe-2026-09",
            as_of="2026-09-22",
            note="the beginning of the text; also of a credential that is no token at all",
        ),
    ),
    "ids_required": Message(1201, "task_ids or external_task_ids is required", _PROBES),
    "too_many_ids": Message(
        1201,
        "task_ids and external_task_ids cannot exceed {} in total",
        observed("probe-2026-09", as_of="2026-09-22", note="the end of the text was recorded"),
    ),
    "both_ids": Message(
        1201,
        "only one of task_ids and external_task_ids can be given",
        assumed("the pages allow one of them; the text is not known", "pages-2026-09"),
    ),
    "empty": Message(1201, "{path} cannot be empty", _PROBES),
    "wrong_type": Message(
        1201,
        "{path} value type is invalid, expected {expected}",
        observed("probe-2026-10", as_of="2026-10-07", note="seen of contents; others assumed"),
    ),
    "choice": Message(
        1201, "{path} value '{value}' is invalid, allowed values: {choices}", _PROBES
    ),
    "aspect_ratio": Message(
        1201, "aspect_ratio value '{value}' is invalid, supported values: {choices}", _PROBES
    ),
    "aspect_ratio_required": Message(
        1201,
        "Aspect ratio must be specified unless a first frame is provided or the task is video "
        "editing",
        _PROBES,
    ),
    "resolution": Message(
        1201,
        "video resolution value '{}' is invalid",
        observed("probe-2026-10", as_of="2026-10-07", note="seen of 480p; others assumed"),
    ),
    "audio": Message(
        1201,
        "audio mode '{}' is not supported by the current model",
        observed("probe-2026-10", as_of="2026-10-07", note="seen of original without a video"),
    ),
    "blank_text": Message(1201, "content item of type '{}' must have non-blank text", _PROBES),
    "blank_url": Message(
        1201,
        "content item of type '{}' must have a non-blank url",
        observed("probe-2026-10", as_of="2026-10-07", note="seen of first_frame"),
    ),
    "video_url": Message(1201, "Video URL is invalid", _PROBES),
    "element_id": Message(1201, "Invalid element id: {}", _PROBES),
    "content_required": Message(
        1201,
        "content item of type '{}' is required",
        assumed("the text of a content item that is missing"),
    ),
    "content_id": Message(
        1201,
        "content item of type '{}' must have a unique id",
        assumed("the text of an id that is missing or given twice"),
    ),
    "content_count": Message(
        1201,
        "content items of type {} cannot exceed {}",
        assumed("worded like the refusal of too many ids"),
    ),
    "content_unsupported": Message(
        1201,
        "content item of type '{}' is not supported by the current model",
        assumed("worded like the refusal of an audio mode"),
    ),
    "content_conflict": Message(
        1201,
        "content item of type '{}' is not supported with {}",
        assumed("worded like the refusal of image_tail"),
    ),
}
