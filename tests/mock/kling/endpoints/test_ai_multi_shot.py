"""`ai-multi-shot`: three sets of three pictures, for one price."""

from __future__ import annotations

import base64
from decimal import Decimal

from kling_mock import KlingMock
from kling_mock.kling.media.picture import render
from kling_sdk import Kling
from tests.endpoints import URL
from tests.mock.kling.endpoints.requests import plan


def test_it_makes_three_sets_of_three(mock: KlingMock) -> None:
    """On the wire a set is an item with three URLs; the client shows each picture."""
    with mock.client() as kling:
        created = kling.ai_multi_shot.create(element_frontal_image=URL)
        mock.complete(created)
        task = kling.ai_multi_shot.get(created.task_id)

    assert [(image.index, image.view) for image in task.images] == [
        (index, view) for index in range(3) for view in range(1, 4)
    ]
    assert [set(item) for item in task.raw["task_result"]["images"]] == [
        {"index", "url_1", "url_2", "url_3"}
    ] * 3
    assert "watermark_info" not in task.raw
    assert task.units == 20


def test_it_is_shown_on_the_other_interface_too(mock: KlingMock) -> None:
    """It has nine pictures there."""
    with Kling(api_key=mock.api_key, base_url=mock.kling_url) as kling:
        created = kling.ai_multi_shot.create(element_frontal_image=URL)
        mock.complete(created)
        (listed,) = kling.tasks.list()
        queried = kling.ai_multi_shot.get(created.task_id)
    assert [image.url for image in listed.images] == [image.url for image in queried.images]


def test_the_pictures_have_the_shape_of_the_element() -> None:
    """1K; behind a URL is a square. One slot, one price."""
    tall = base64.b64encode(render(400, 800).read()).decode()
    for image, size in ((URL, (1024, 1024)), (tall, (720, 1456))):
        task_plan = plan("ai-multi-shot", {"element_frontal_image": image})
        (own,) = task_plan.result.lists
        assert (own.size, own.length, own.views) == (size, 3, 3)
        assert (task_plan.units, task_plan.slots, task_plan.pack) == (Decimal(20), 1, "image")
