"""`kling.solutions`: the resources of `/solutions`, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_sdk.client.attributes import resources
from kling_sdk.client.resources import Held
from kling_sdk.client.runner import AsyncRunner, SyncRunner

if TYPE_CHECKING:
    from kling_sdk.client.signatures import AsyncSolutionResources, SolutionResources
else:
    SolutionResources = resources("", "solutions-")
    AsyncSolutionResources = resources("Async", "solutions-")


class Solutions(SolutionResources, Held):
    """The vendor's ready-made products, such as a video in which a person presents goods.

    Beta: the vendor's pages exist in one copy each, and no response was observed. They need an API
    key. `get` and `wait` of each resource find the tasks of all of them, and `list` and `iter` show
    those of all: the vendor's query has one path, and does not say which product a task is of, so
    `Task.endpoint` is "" in what they return. A relay does not serve them.

    Attributes:
        virtual_try_on: A person in other clothes.
        clothing_dupe: A video again, with other clothes in it.
        goods_studio: An advertisement from pictures of goods.
        talking_agent: A person who speaks, about goods or about something else.
        drama_subtitle: A Chinese video with English subtitles.
    """

    _runner: SyncRunner


class AsyncSolutions(AsyncSolutionResources, Held):
    """The vendor's ready-made products, of an `AsyncKling` client; see `Solutions`."""

    _runner: AsyncRunner
