"""`kling.solutions`: the resources of `/solutions`, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_sdk.attributes import resource

if TYPE_CHECKING:
    from kling_sdk import _signatures as typed
    from kling_sdk.runner import AsyncRunner, SyncRunner

__all__ = ["AsyncSolutions", "Solutions"]


class _Group:
    """Resources that are attributes of a client's attribute."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Solutions(_Group):
    """The vendor's ready-made products, such as a video in which a person presents goods.

    Beta: the vendor's pages exist in one copy each, and no reply was observed. They need an API
    key. `get` and `wait` of each resource find the tasks of all of them, and `list` and `iter` show
    those of all: the vendor's query has one path, and does not tell which product a task is of, so
    `Task.endpoint` is "" in what they return. A relay does not serve them.

    Attributes:
        virtual_try_on: A person in other clothes.
        clothing_dupe: A video again, with other clothes in it.
        goods_studio: An advertisement from pictures of goods.
        talking_agent: A person who speaks, about goods or about something else.
        drama_subtitle: A Chinese video with English subtitles.
    """

    _runner: SyncRunner

    virtual_try_on: typed.SolutionVirtualTryOnResource = resource("solutions-virtual-try-on")
    clothing_dupe: typed.ClothingDupeResource = resource("solutions-clothing-dupe")
    goods_studio: typed.GoodsStudioResource = resource("solutions-goods-studio")
    talking_agent: typed.TalkingAgentResource = resource("solutions-talking-agent")
    drama_subtitle: typed.DramaSubtitleResource = resource("solutions-drama-subtitle")


class AsyncSolutions(_Group):
    """The vendor's ready-made products, of an `AsyncKling` client; see `Solutions`."""

    _runner: AsyncRunner

    virtual_try_on: typed.AsyncSolutionVirtualTryOnResource = resource("solutions-virtual-try-on")
    clothing_dupe: typed.AsyncClothingDupeResource = resource("solutions-clothing-dupe")
    goods_studio: typed.AsyncGoodsStudioResource = resource("solutions-goods-studio")
    talking_agent: typed.AsyncTalkingAgentResource = resource("solutions-talking-agent")
    drama_subtitle: typed.AsyncDramaSubtitleResource = resource("solutions-drama-subtitle")
