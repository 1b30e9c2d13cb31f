"""Requests of the interface with the model in the path: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import ONE_COPY, Fact

_SERVED: Final = Fact(
    "documented", ("pages-2026-09", "probe-2026-09", "probe-2026-10"), "2026-10-07", "high"
)
_SEEN: Final = Fact("observed", ("probe-2026-10", "pages-2026-09"), "2026-10-07", "medium")
_ANY_DURATION: Final = Fact(
    "observed",
    ("probe-2026-10",),
    "2026-10-07",
    "low",
    "0, 1, 20 and text are taken at create; the pages have a range for each model",
)
_UNLISTED: Final = Fact(
    "observed", ("probe-2026-10",), "2026-10-07", "low", "on no page; it changes nothing here"
)
_CHECKED_URL: Final = Fact(
    "assumed",
    ("none",),
    "2026-09-20",
    "low",
    "that a callback_url is refused if it is not http or https",
)

_RESOLUTION: Final = FieldFacts(
    "resolution", "string", enum=("480p", "720p", "1080p", "4k"), fact=_SEEN, default="720p"
)
_ASPECT_RATIO: Final = FieldFacts(
    "aspect_ratio", "string", enum=("16:9", "9:16", "1:1"), fact=_SEEN
)
_DURATION: Final = FieldFacts("duration", "integer", fact=_ANY_DURATION, default=5)
_AUDIO: Final = FieldFacts(
    "audio", "string", enum=("native", "off", "original"), fact=_SEEN, default="off"
)
_MULTI_SHOT: Final = FieldFacts("multi_shot", "boolean", fact=ONE_COPY, default=True)
_SEED: Final = FieldFacts("seed", "integer", fact=_UNLISTED)
_OPTIONS: Final = FieldFacts(
    "options",
    "object",
    members=(
        FieldFacts("callback_url", "url", fact=_CHECKED_URL),
        FieldFacts("external_task_id", "string", fact=ONE_COPY),
        FieldFacts(
            "watermark_info",
            "object",
            members=(FieldFacts("enabled", "boolean", fact=ONE_COPY),),
            fact=ONE_COPY,
        ),
    ),
    fact=ONE_COPY,
)
_ITEM: Final = (
    FieldFacts(
        "type",
        "string",
        required=True,
        enum=(
            "prompt",
            "image",
            "video",
            "element",
            "first_frame",
            "last_frame",
            "voice",
            "refer_image",
            "base_video",
            "feature_video",
        ),
        fact=_SEEN,
    ),
    FieldFacts("text", "string", fact=_SEEN, private=True),
    FieldFacts("url", "string", fact=_SEEN),
    FieldFacts("id", "string", fact=ONE_COPY),
    FieldFacts("element_id", "string", fact=_SEEN),
)
_VOICE_ID: Final = FieldFacts("voice_id", "string", fact=ONE_COPY)
_ORIENTATION: Final = FieldFacts(
    "character_orientation", "string", required=True, enum=("image", "video"), fact=ONE_COPY
)

#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "model-path-text-to-video": RequestFacts(
        "/text-to-video/{model}",
        _SERVED,
        (
            FieldFacts("prompt", "string", high=3072, fact=ONE_COPY, private=True),
            FieldFacts(
                "settings",
                "object",
                members=(
                    _RESOLUTION,
                    _ASPECT_RATIO,
                    _DURATION,
                    _AUDIO,
                    _MULTI_SHOT,
                    _SEED,
                ),
                fact=ONE_COPY,
            ),
            _OPTIONS,
        ),
    ),
    "model-path-image-to-video": RequestFacts(
        "/image-to-video/{model}",
        _SERVED,
        (
            FieldFacts(
                "contents",
                "array",
                members=(
                    *_ITEM,
                    _VOICE_ID,
                ),
                fact=_SEEN,
            ),
            FieldFacts(
                "settings",
                "object",
                members=(
                    _RESOLUTION,
                    _DURATION,
                    _AUDIO,
                    _MULTI_SHOT,
                    _SEED,
                ),
                fact=ONE_COPY,
            ),
            _OPTIONS,
        ),
    ),
    "model-path-omni-video": RequestFacts(
        "/omni-video/{model}",
        _SERVED,
        (
            FieldFacts("contents", "array", members=(*_ITEM,), fact=_SEEN),
            FieldFacts(
                "settings",
                "object",
                members=(
                    _RESOLUTION,
                    _DURATION,
                    _AUDIO,
                    _MULTI_SHOT,
                    _ASPECT_RATIO,
                    _SEED,
                ),
                fact=ONE_COPY,
            ),
            _OPTIONS,
        ),
    ),
    "model-path-motion-control": RequestFacts(
        "/motion-control/{model}",
        _SERVED,
        (
            FieldFacts("contents", "array", members=(*_ITEM,), fact=_SEEN),
            FieldFacts(
                "settings",
                "object",
                required=True,
                members=(
                    _ORIENTATION,
                    FieldFacts(
                        "audio",
                        "string",
                        enum=("native", "off", "original"),
                        fact=_SEEN,
                        default="original",
                    ),
                    _RESOLUTION,
                    _SEED,
                ),
                fact=ONE_COPY,
            ),
            _OPTIONS,
        ),
    ),
}
