"""`POST /solutions/talking_agent`: a person who speaks, about goods or about something else."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import ContentItem, EndpointRecord, InputLength
from kling_sdk.endpoints.solution_fields import (
    VideoResolution,
    ref_images,
    to_goods_audience,
    to_selling_points,
)
from kling_sdk.facts.products.talking_agent import REQUEST
from kling_sdk.facts.voices import AgentAvatar, AgentVoice

__all__ = ["AgentAspectRatio", "TalkingAgent"]

AgentAspectRatio = Literal["9:16", "16:9"]

_GOODS: Final = (
    "ref_image_list",
    "goods_title",
    "goods_price",
    "goods_target_audience_list",
    "goods_selling_point_list",
)

_RECORD: Final = EndpointRecord(
    name="solutions-talking-agent",
    path=REQUEST.path,
    fields=REQUEST.settings,
    interface="solutions",
    # No page limits the length of a speech. The longest text takes less, even if spoken slowly.
    input_length=InputLength("speech", 900),
    solution=REQUEST,
    contents=(
        ContentItem("avatar_image", "avatar_image", "url"),
        ContentItem("avatar_id", "avatar_id", "text"),
        ContentItem("ref_image_list", "ref_image", "url"),
        ContentItem("goods_title", "goods_title", "text"),
        ContentItem("goods_price", "goods_price", "text"),
        ContentItem("goods_target_audience_list", "goods_target_audience", "text"),
        ContentItem("goods_selling_point_list", "goods_selling_point", "text"),
        ContentItem("speech_script", "speech_script", "text"),
    ),
)


def _voice(request: Any) -> checks.Problems:
    """Your own person needs a voice; the vendor's have their own."""
    if request.avatar_image is not None and request.voice_id is None:
        yield "voice_id", "is missing with avatar_image", "a voice"
    if request.avatar_id is not None and request.voice_id is not None:
        yield "voice_id", "is given with avatar_id, which has a voice", "None"


def _goods(request: Any) -> checks.Problems:
    """Goods have a title and a picture, and are not spoken of faster or slower."""
    goods = [name for name in _GOODS if getattr(request, name)]
    if not goods:
        return
    for name in ("ref_image_list", "goods_title"):
        if name not in goods:
            yield name, f"is missing with {goods[0]}", "a value"
    if request.speech_rate is not None:
        yield "speech_rate", f"is given with {goods[0]}", "None"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class TalkingAgent(Request):
    """A person who speaks, about goods or something else: `POST /solutions/talking_agent`.

    How long the video gets is decided by what is said; with any parameter of goods it shows them.

    Beta. Source: one copy of the vendor's Chinese page, undated, of 2026-09-15 or later (confidence
    medium); a client sends it, but its responses were not published. It takes an API key, not a
    key pair. With goods it costs 1.4 units per second (one reseller, 2026-10-04; confidence low);
    without them the price is not known.

    Attributes:
        speech_script: What the person says, 1 to 2000 characters.
        avatar_image: The person, with a clear face: a path object, bytes, binary file, URL,
            data-URI or base64 of a JPEG, PNG or WebP, at most 50 MB and at least 300 px a side,
            ratio 1:2.5 to 2.5:1. Either this or `avatar_id`.
        avatar_id: One of the vendor's persons; there may be more by now. Known:
            `avatar_vivian_female`, `avatar_lee_male`, `avatar_chenjing_female`,
            `avatar_zhaochen_male`, `avatar_wanglei_male`, `avatar_eva_female`,
            `avatar_oliver_male`, `avatar_elena_female`, `avatar_adam_male`, `avatar_anna_female`,
            `avatar_rajput_male`, `avatar_mia_female`, `avatar_river_male`, `avatar_marcus_male`,
            `avatar_toto_cartoon`.
        voice_id: One of the vendor's voices; needed with `avatar_image`, and not taken with
            `avatar_id`. Known: `male_calm_informative`, `female_clear_rational`,
            `female_gentle_soothing`, `female_bright_engaging`, `male_crisp_persuasive`,
            `female_intelligent_narrative`, `male_clear_professional`, `male_energetic_sporty`,
            `female_warm_rich`.
        ref_image_list: 1 to 5 pictures of the goods, as `avatar_image`. Needed with any other
            parameter of goods.
        goods_title: The name of the goods, at most 500 characters. Needed with any other
            parameter of goods.
        goods_price: What they cost, as text, at most 256 characters.
        goods_target_audience_list: The target audience: 1 to 20 texts of at most 200 characters.
        goods_selling_point_list: Why to buy them: 1 to 20 texts of at most 500 characters.
        resolution: `720p` or `1080p`. None: `720p`.
        aspect_ratio: `9:16` or `16:9`. None: `9:16`.
        allow_polish: True to let the vendor change the words of `speech_script`. None: no.
        speech_rate: How fast it is said: 0.8, 1.0 or 1.2; not with goods. None: 1.0.
        action_prompt: How the person moves, at most 2500 characters.
        bgm_enabled: True to add music. None: no.
        external_task_id: Your own id of the task, unique in the account and without a comma; None
            generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body (`contents`, `settings`, `options`), merged in last.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark. None: no.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("avatar_image", "avatar_id"), _voice, _goods)

    speech_script: str
    avatar_image: str | None = attrs.field(default=None, converter=converters.optional_image)
    avatar_id: AgentAvatar | str | None = None
    voice_id: AgentVoice | str | None = None
    ref_image_list: tuple[str, ...] | None = attrs.field(default=None, converter=ref_images)
    goods_title: str | None = None
    goods_price: str | None = None
    goods_target_audience_list: tuple[str, ...] | None = attrs.field(
        default=None, converter=to_goods_audience
    )
    goods_selling_point_list: tuple[str, ...] | None = attrs.field(
        default=None, converter=to_selling_points
    )
    resolution: VideoResolution | str | None = None
    aspect_ratio: AgentAspectRatio | str | None = None
    allow_polish: bool | None = None
    speech_rate: float | None = None
    action_prompt: str | None = None
    bgm_enabled: bool | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
