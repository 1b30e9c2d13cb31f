"""Every path of the vendor's API that anybody here has read of: the one list of them.

What the client and the emulator have is not in it: it is computed from their records. The evidence
of a row counts where the emulator has no record of its own, with its sources.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["PATHS", "Evidence", "Group", "State", "VendorPath"]

State = Literal["served", "retired", "missing", "unknown"]
Evidence = Literal["documented", "observed", "assumed", "unknown"]
Group = Literal[
    "videos", "images", "audio", "library", "account", "model-path", "solutions", "none"
]


class VendorPath(NamedTuple):
    """One path.

    Attributes:
        path: The path; `{model}` and the like stand for what is not known.
        calls: What it takes: methods, each with what follows the path.
        group: The section of the page.
        state: `served`; `retired`: it was seen refused; `missing`: there is no such path; or
            `unknown`.
        evidence: How that is known.
        as_of: ISO date of the newest source; "" without one.
        note: What is left open, in English.
        note_zh: The same in Chinese.
    """

    path: str
    calls: tuple[tuple[str, str], ...]
    group: Group
    state: State = "served"
    evidence: Evidence = "documented"
    as_of: str = "2026-09-20"
    note: str = ""
    note_zh: str = ""


_TASK: Final = (("POST", ""), ("GET", ""), ("GET", "/{id}"))
_POST: Final = (("POST", ""),)
_GET: Final = (("GET", ""),)
_BOTH: Final = (("POST", ""), ("GET", ""))


def _like(first: VendorPath, *others: str) -> tuple[VendorPath, ...]:
    """Return a path, and others of which the same is known."""
    return (first, *(first._replace(path=name) for name in others))


#: In the order of the pages.
PATHS: Final = (
    *_like(
        VendorPath(
            "/v1/videos/text2video",
            _TASK,
            "videos",
            as_of="2026-04-01",
            note="without a page of its own since 2026-09; still served",
            note_zh="2026-09 起没有单独的页面；仍在服务",
        ),
        "/v1/videos/image2video",
        "/v1/videos/omni-video",
    ),
    VendorPath(
        "/v1/videos/multi-image2video",
        _TASK,
        "videos",
        "retired",
        "observed",
        "2026-09-28",
        "answers `This API is no longer available`, on one account",
        "一个账号得到 `This API is no longer available`",
    ),
    VendorPath(
        "/v1/videos/video-extend",
        _TASK,
        "videos",
        as_of="2026-01-01",
        note="answered on 2026-09-28; no model makes a usable source any more",
        note_zh="2026-09-28 仍有应答；已没有模型能生成可用的源视频",
    ),
    VendorPath("/v1/videos/motion-control", _TASK, "videos", as_of="2026-04-01"),
    *_like(
        VendorPath("/v1/videos/effects", _TASK, "videos"),
        "/v1/videos/avatar/image2video",
        "/v1/videos/advanced-lip-sync",
    ),
    VendorPath("/v1/videos/lip-sync", _TASK, "videos", "served", "observed", "2026-09-28"),
    *_like(VendorPath("/v1/videos/identify-face", _POST, "videos"), "/v1/videos/image-recognize"),
    VendorPath("/v1/videos/multi-elements", _TASK, "videos"),
    *_like(
        VendorPath("/v1/videos/multi-elements/init-selection", _POST, "videos"),
        "/v1/videos/multi-elements/add-selection",
        "/v1/videos/multi-elements/delete-selection",
        "/v1/videos/multi-elements/clear-selection",
        "/v1/videos/multi-elements/preview-selection",
    ),
    *_like(
        VendorPath("/v1/images/generations", _TASK, "images"),
        "/v1/images/omni-image",
        "/v1/images/multi-image2image",
        "/v1/images/editing/expand",
    ),
    VendorPath(
        "/v1/images/kolors-virtual-try-on",
        _TASK,
        "images",
        note="a partner says that it ended on 2026-09-15; it answered on 2026-09-28",
        note_zh="合作方称 2026-09-15 停用；2026-09-28 仍有应答",
    ),
    VendorPath("/v1/general/ai-multi-shot", _TASK, "images"),
    *_like(VendorPath("/v1/audio/text-to-audio", _TASK, "audio"), "/v1/audio/video-to-audio"),
    VendorPath("/v1/audio/tts", _POST, "audio"),
    VendorPath("/v1/general/custom-voices", _TASK, "library"),
    VendorPath("/v1/general/presets-voices", _GET, "library"),
    VendorPath("/v1/general/delete-voices", _POST, "library"),
    VendorPath("/v1/general/advanced-custom-elements", _TASK, "library"),
    VendorPath("/v1/general/advanced-presets-elements", _GET, "library"),
    *_like(
        VendorPath("/v1/general/delete-advanced-elements", _POST, "library"),
        "/v1/general/delete-elements",
    ),
    VendorPath(
        "/v1/general/custom-elements",
        _BOTH,
        "library",
        as_of="2026-04-01",
        note="the older library of elements, which answers at once",
        note_zh="旧的主体库，立即返回结果",
    ),
    VendorPath(
        "/v1/general/presets-elements",
        _GET,
        "library",
        as_of="2026-04-01",
        note="of the older library",
        note_zh="旧主体库",
    ),
    VendorPath("/account/costs", _GET, "account"),
    *_like(VendorPath("/account/billing/balance", _POST, "account"), "/account/billing/package"),
    *_like(
        VendorPath("/text-to-video/kling-3.0-turbo", _POST, "model-path"),
        "/text-to-video/kling-3.0",
        "/text-to-video/kling-2.6",
        "/text-to-video/kling-2.5-turbo",
        "/image-to-video/kling-3.0-turbo",
        "/image-to-video/kling-3.0",
        "/image-to-video/kling-2.6",
        "/image-to-video/kling-2.5-turbo",
        "/omni-video/kling-3.0-omni",
        "/omni-video/kling-o1",
        "/motion-control/kling-3.0",
        "/motion-control/kling-2.6",
    ),
    VendorPath(
        "/omni-video/kling-v3-omni",
        _POST,
        "model-path",
        "served",
        "observed",
        "2026-10-07",
        "the /v1 name of the model, on one account",
        "模型在 /v1 上的名称；一个账号",
    ),
    VendorPath("/tasks", _BOTH, "model-path"),
    *_like(
        VendorPath(
            "/solutions/virtual_try_on",
            _POST,
            "solutions",
            as_of="2026-09-15",
            note="the vendor's Chinese page, undated",
            note_zh="厂商的中文页面，未注明日期",
        ),
        "/solutions/e-commerce/clothing_dupe",
        "/solutions/e-commerce/goods_studio",
        "/solutions/talking_agent",
        "/solutions/drama_subtitle",
    ),
    VendorPath(
        "/solutions",
        _BOTH,
        "solutions",
        as_of="2026-09-15",
        note="the query of these; the vendor's Chinese pages, undated",
        note_zh="以上任务的查询；厂商的中文页面，未注明日期",
    ),
    *_like(
        VendorPath(
            "/{product}/kling-4.0",
            _POST,
            "none",
            "unknown",
            "unknown",
            "",
            "a partner serves the model; the vendor's own path is not known",
            "合作方已提供该模型；厂商自己的路径未知",
        ),
        "/{product}/kling-4.0-flash",
        "/{product}/kling-image-4.0",
        "/{product}/kling-long-image-4.0",
    ),
    *_like(
        VendorPath(
            "/v1/models",
            _BOTH,
            "none",
            "missing",
            "observed",
            "2026-09-28",
            "HTTP 404, on one account",
            "HTTP 404；一个账号",
        ),
        "/v1/videos/video2video",
        "/v1/videos/motion-brush",
        "/v1/videos/avatar",
        "/v1/videos/character",
        "/v1/videos/face-swap",
        "/v1/videos/omni",
        "/v1/videos/generations",
        "/v1/videos/edit",
    ),
    *_like(
        VendorPath(
            "/v1/images/expand",
            _BOTH,
            "none",
            "missing",
            "assumed",
            note="other clients have it, and no page of the vendor's",
            note_zh="见于其他客户端，厂商页面中没有",
        ),
        "/v1/images/recognize",
        "/v1/elements",
    ),
)
