"""Known paths of the vendor's API beyond those of the records.

The rows of all others are made of the emulator's records. The evidence of a row counts where there
is no record, with its sources.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

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
        state: `served`; `retired`: it was seen refused; `missing`: the path does not exist; or
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
    """Return a path, and others with the same known facts."""
    return (first, *(first._replace(path=name) for name in others))


#: Paths with more facts than the emulator's record of them has.
REMARKS: Final = (
    *_like(
        VendorPath(
            "/v1/videos/text2video",
            _TASK,
            "videos",
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
    VendorPath(
        "/v1/images/kolors-virtual-try-on",
        _TASK,
        "images",
        note="a partner says that it ended on 2026-09-15; it answered on 2026-09-28",
        note_zh="合作方称 2026-09-15 停用；2026-09-28 仍有应答",
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
