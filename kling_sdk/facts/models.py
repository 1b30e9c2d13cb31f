"""Facts about models on all endpoints: their names, and since when they are refused."""

from __future__ import annotations

from typing import Final, Literal

from kling_sdk.facts.sources import Fact, Retirement

#: `mode` -> `resolution`: two names for one thing.
RESOLUTIONS: Final[dict[str, str]] = {"std": "720p", "pro": "1080p", "4k": "4k"}

#: Models of the model path -> the same model on /v1, at the same price. `kling-3.0-turbo` has
#: none. Source: the vendor's pages and its migration guide of 2026-07-15 (several copies agree).
V1_NAMES: Final[dict[str, str]] = {
    "kling-2.5-turbo": "kling-v2-5-turbo",
    "kling-2.6": "kling-v2-6",
    "kling-3.0": "kling-v3",
    "kling-3.0-omni": "kling-v3-omni",
    "kling-o1": "kling-video-o1",
}

_NO_IDS: Final = Fact(
    "documented",
    ("comfy-2026-11",),
    "2026-11-29",
    "low",
    "the partner says that the model does not support it, and may mean its own service",
)
#: Models that refuse an `external_task_id`, or of which it is not known whether they take one. All
#: others take one.
EXTERNAL_IDS: Final[dict[str, tuple[Literal["refused", "unknown"], Fact]]] = {
    "kling-4.0": ("unknown", _NO_IDS),
    "kling-4.0-flash": ("unknown", _NO_IDS),
}

_GONE: Final = Fact(
    "observed",
    ("probe-2026-10",),
    "2026-09-28",
    "medium",
    "one account; announced since 09-15",
)
#: Video models that the real service was seen to refuse; of the same name, some make pictures
#: still. Each was seen with one account, `kling-v1` with two.
RETIRED_MODELS: Final[dict[str, Retirement]] = {
    "kling-v1": Retirement(
        "2026-09-20",
        Fact(
            "observed",
            ("probe-2026-09", "probe-2026-10"),
            "2026-09-28",
            "medium",
            "served on 2026-04-28",
        ),
    ),
    "kling-v1-5": Retirement("2026-09-28", _GONE),
    "kling-v1-6": Retirement("2026-09-28", _GONE),
    "kling-v2-1": Retirement("2026-09-28", _GONE),
    "kling-v2-master": Retirement("2026-09-28", _GONE),
    "kling-v2-1-master": Retirement("2026-09-28", _GONE),
}
#: The same of endpoints.
RETIRED_ENDPOINTS: Final[dict[str, Retirement]] = {
    "multi-image2video": Retirement(
        "2026-09-28",
        Fact("observed", ("probe-2026-10",), "2026-09-28", "medium", "one account"),
    ),
}
