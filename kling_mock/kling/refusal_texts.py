"""The texts of refusals and of failed tasks, verbatim where one was observed."""

from __future__ import annotations

from typing import NamedTuple

from kling_mock.web.facts import Fact, assumed, documented, observed

_PROBES = observed("probe-2026-10", as_of="2026-10-07")
_LIP_SYNC = observed("probe-2026-10", as_of="2026-09-28", note="seen on lip-sync")


class Message(NamedTuple):
    """The text of one situation, with `{}` where values of the request go."""

    code: int
    template: str
    fact: Fact


_SOLUTIONS = documented("solutions-2026-09", as_of="2026-09-15", confidence="medium")
#: The texts of `/solutions`, as its pages list them.
_OF_SOLUTIONS: dict[str, str] = {
    "no_source_video": "Source video is missing. Please provide a source video URL.",
    "source_video_count": "Only one source_video item is allowed in contents.",
    "source_video_url": "source_video is missing. Please provide exactly one source_video.",
    "glossary_count": "Glossary exceeds the limit of 200 entries.",
    "glossary_entry": "Each glossary entry must be non-empty and no longer than 100 characters.",
    "subtitle_integers": "margin_v, font_size and target_cps must be positive integers.",
    "subtitle_range": "{param} out of range. Please provide a value between {low} and {high}.",
    "no_reference_video": "Reference video is missing. Please upload a reference video.",
    "no_product_image": "Product image is missing. Please upload a product image.",
    "no_product_info": ("Product description is missing. Please provide a product description."),
    "bgm_count": "Only one bgm item is allowed in contents.",
    "bgm_url": (
        "bgm is provided but url is empty. Please provide a BGM file URL or remove bgm to use the "
        "system default BGM."
    ),
    "dupe_voice": "Invalid voice_id. Please select a valid voice from the voice library.",
    "voice_count": "Only one voice item is allowed in contents.",
    "dupe_resolution": "Unsupported resolution. Only 720P and 1080P are supported.",
    "dupe_ratio": "aspect_ratio only supports 9:16, 2:3, 3:4, 1:1, 4:3, 3:2, 16:9 and 21:9.",
    "no_goods_title": "Product title is missing. Please provide a product title.",
    "ref_image_count": "At most 5 ref_image items are allowed in contents.",
    "product_image": (
        "Unsupported product image. Please check the image format, size and dimensions."
    ),
    "goods_title_count": "Only one goods_title item is allowed in contents.",
    "goods_title_long": "goods_title exceeds the 200-character limit.",
    "goods_description_count": "Only one goods_description item is allowed in contents.",
    "goods_description_long": "goods_description exceeds the 2000-character limit.",
    "solution_resolution": "Unsupported resolution. Only 720p and 1080p are supported.",
    "goods_ratio": "aspect_ratio only supports 9:16, 1:1 and 16:9.",
    "goods_duration": "Unsupported duration. Only 15, 30 and 60 seconds are supported.",
    "avatar_source": (
        "Exactly one avatar source is required: provide avatar_image (with voiceId) or avatar_id, "
        "not both."
    ),
    "avatar_voice": "voiceId is required when uploading an avatar_image.",
    "no_speech": "speech_script is required for single-person videos.",
    "no_ref_image": "Product image is missing. Please upload at least one product image.",
    "goods_title_needed": "goods_title is required when product content is provided.",
    "speech_rate": "speechRate only supports 0.8, 1.0 and 1.2.",
    "speech_rate_goods": "Speech rate adjustment not supported in Video Commerce.",
    "agent_ratio": "aspect_ratio only supports 9:16 and 16:9.",
    "agent_image": "Unsupported image. Please check the image format, size and dimensions.",
}

# Texts seen on the wire, verbatim, since clients compare them. A note says what would be valid.
MESSAGES: dict[str, Message] = {
    "task_not_found": Message(
        1201,
        "Task not found by id/external id: {}",
        observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high"),
    ),
    "parameter_missing": Message(
        1200,
        "Missing Request Parameter",
        observed(
            "clients",
            as_of="2026-09-20",
            note="seen of /account/costs with startTime and endTime for start_time and end_time",
        ),
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
    "only_image_tail": Message(
        1201,
        "model/mode/duration({}/{}/{}) is not supported with only image_tail",
        observed("clients", as_of="2026-08-01", note="seen of kling-v1-6 std"),
    ),
    "not_of_model": Message(
        1201,
        "{} is not supported by the current model",
        observed(
            "clients",
            as_of="2026-08-21",
            note="seen on image2video of models since kling-v2 without the feature in any mode: "
            "image tail, camera control, motion brush",
        ),
    ),
    "no_4k": Message(
        1201,
        "4k mode is not supported by the current model: {}",
        observed("clients", as_of="2026-08-21", note="seen of kling-v2-1-master on image2video"),
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
    "bad_shape": Message(
        1201,
        "The resolution or aspect ratio of the input image is invalid. Please ensure it meets the "
        "required specifications.",
        observed(
            "clients",
            as_of="2025-12-01",
            note="the message of a failed task that a client compares; that a ratio which is too "
            "long causes it is assumed",
        ),
    ),
    "o1_seconds": Message(
        1201,
        "Duration only supports 5 or 10 seconds when no refer_image is provided",
        observed("clients", as_of="2026-07-27", note="seen of frames alone on kling-o1"),
    ),
    "risk_control": Message(
        1301,
        "Failure to pass the risk control system",
        observed(
            "clients",
            as_of="2026-09-01",
            confidence="high",
            note="the message of a task whose content is found later, in ten projects",
        ),
    ),
    "above": Message(
        1201,
        "{shown}: must be less than or equal to {bound}",
        observed(
            "probe-2026-10",
            "clients",
            as_of="2026-10-01",
            note="seen on lip-sync, and of cfg_scale on image2video",
        ),
    ),
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
        "Authentication error. The current API does not support AK/SK; please go to the console "
        "(https://kling.ai/dev/api-key) to create API key.",
        observed(
            "probe-2026-09", as_of="2026-09-22", note="also of a credential that is not a token"
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
    "no_person_image": Message(
        1201,
        "Person image is missing. Please upload a person image.",
        assumed("worded like the refusal of a product image that is missing"),
    ),
    "content_conflict": Message(
        1201,
        "content item of type '{}' is not supported with {}",
        assumed("worded like the refusal of image_tail"),
    ),
    # ------------------------------------------------------------ /solutions
    **{name: Message(1201, text, _SOLUTIONS) for name, text in _OF_SOLUTIONS.items()},
}
