"""`kling.tasks`: tasks of any product, at Kling and on a relay, sync and async."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from kling_sdk import AsyncKling, Kling, NotFoundError, RequestValidationError
from kling_sdk.flows.any_task import get_several, search, wait_any
from kling_sdk.flows.get import get_any
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock, context, in_turn, play


@attrs.frozen
class Client:
    """A client of either colour of a server that has tasks of both interfaces."""

    server: FaultyKling
    is_async: bool

    def use(self, work: Callable[[Any], Any], key: str = "an-api-key") -> Any:
        options: Any = {"base_url": self.server.url, "clock": FakeClock()}
        if not self.is_async:
            with Kling(key, **options) as kling:
                returned = work(kling.tasks)
                return list(returned) if isinstance(returned, Iterator) else returned

        async def main() -> Any:
            async with AsyncKling(key, **options) as kling:
                pending = work(kling.tasks)
                return (
                    [task async for task in pending]
                    if hasattr(pending, "__aiter__")
                    else await pending
                )

        return asyncio.run(main())


def getting(name: Any) -> Callable[[Any], Any]:
    return lambda tasks: tasks.get(name)


def waiting(name: Any) -> Callable[[Any], Any]:
    return lambda tasks: tasks.wait(name)


def make_tasks(kling: HonestKling, path: str, count: int) -> list[str]:
    before = len(kling.tasks)
    for number in range(before, before + count):
        sent = {"external_task_id": f"order-{number}"}
        body = sent if path.startswith("/v1") else {"options": sent}
        kling.answer("POST", path, {}, {}, body)
    return list(kling.tasks)[before:]


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with FaultyKling() as server:
        yield Client(server, request.param == "async")


NEW, OLD = "/text-to-video/kling-3.0", "/v1/videos/image2video"


@pytest.mark.parametrize("key", ["an-api-key", "AK|SK"])
def test_a_task_is_got_by_either_id_whatever_made_it(client: Client, key: str) -> None:
    """A key pair reaches the endpoints of /v1 alone."""
    (old,) = make_tasks(client.server.kling, OLD, 1)
    (new,) = make_tasks(client.server.kling, NEW, 1)
    for name in (old, "order-0"):
        assert client.use(getting(name), key).task_id == old
    for name in (new, "order-1"):
        if "|" in key:
            with pytest.raises(NotFoundError):
                client.use(getting(name), key)
        else:
            assert client.use(getting(name), key).task_id == new


def test_a_task_is_got_again_by_itself(client: Client) -> None:
    """It is found as by its id; also by the resource that made it."""
    for path in (OLD, NEW):
        (name,) = make_tasks(client.server.kling, path, 1)
        task = client.use(getting(name))
        assert client.use(getting(task)).task_id == name
        with Kling("an-api-key", base_url=client.server.url) as kling:
            assert kling.image2video.get(task).task_id == name


async def test_a_resource_of_the_async_client_takes_a_task_too() -> None:
    """Given something else, it says what it takes."""
    with FaultyKling() as server:
        make_tasks(server.kling, OLD, 1)
        async with AsyncKling("AK|SK", base_url=server.url) as kling:
            task = await kling.image2video.get("order-0")
            assert (await kling.image2video.get(task)).task_id == task.task_id
            with pytest.raises(TypeError, match="get takes a task or its id, not a int"):
                await kling.image2video.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_many_are_got_in_calls_of_20(client: Client) -> None:
    """Under the ids that were given, in their order; what is not known is left out."""
    ids = [*make_tasks(client.server.kling, NEW, 30), *make_tasks(client.server.kling, OLD, 15)]
    names = ["order-3", *ids[4:], "nobody-s", "order-0"]
    by_name = client.use(lambda tasks: tasks.get_many(names))
    assert list(by_name) == [name for name in names if name != "nobody-s"]
    assert by_name["order-0"].task_id == ids[0]
    by_ids = [request for request in client.server.requests if request.path == "/tasks"]
    assert len(by_ids) == 3 + 1 + 1  # 41 task ids, the other names, and the unknown one once more


def test_many_are_fetched_separately_with_a_key_pair(client: Client) -> None:
    """There the endpoints of /v1 are asked."""
    ids = make_tasks(client.server.kling, OLD, 2)
    assert list(client.use(lambda tasks: tasks.get_many(ids), "AK|SK")) == ids


def test_a_page_has_what_was_asked_for(client: Client) -> None:
    """The server's filters, and times in milliseconds."""
    make_tasks(client.server.kling, NEW, 3)
    make_tasks(client.server.kling, OLD, 2)
    page = client.use(
        lambda tasks: tasks.list(
            status="succeed",
            product_type="video",
            start=datetime(2026, 9, 1, tzinfo=UTC),
            end=1_790_000_000_000,
            page_size=4,
        )
    )
    (sent,) = client.server.requests
    assert (sent.method, sent.path) == ("POST", "/tasks")
    assert sent.body == {
        "filters": [
            {"key": "status", "values": ["succeeded"]},
            {"key": "product_type", "values": ["video"]},
        ],
        "start_time": 1_788_220_800_000,
        "end_time": 1_790_000_000_000,
        "limit": 4,
    }
    assert (len(page), page.has_next) == (4, True)
    rest = client.use(lambda tasks: tasks.list(cursor=page.next_cursor))
    assert (len(rest), rest.next_cursor) == (1, None)


def test_all_are_iterated_over(client: Client) -> None:
    """Page by page, with the same filters."""
    make_tasks(client.server.kling, NEW, 5)
    client.server.kling.takes_of = lambda _prompt: 0.0
    assert len(client.use(lambda tasks: tasks.iter(page_size=2, status="succeed"))) == 5
    assert [request.body.get("filters") for request in client.server.requests] == [
        [{"key": "status", "values": ["succeeded"]}]
    ] * 3


def test_a_task_is_waited_for_by_its_id_alone(client: Client) -> None:
    """It may be of any endpoint."""
    for path in (OLD, NEW):
        (task_id,) = make_tasks(client.server.kling, path, 1)
        assert client.use(waiting(task_id)).is_succeed


def test_a_list_needs_an_api_key(client: Client) -> None:
    """A key pair is refused before anything is sent."""
    with pytest.raises(RequestValidationError, match="API key"):
        client.use(lambda tasks: tasks.list(), "AK|SK")
    assert client.server.requests == []


@pytest.mark.parametrize("size", [0, 501])
def test_a_page_has_1_to_500_tasks(client: Client, size: int) -> None:
    """The vendor's page says so."""
    with pytest.raises(RequestValidationError, match="1 to 500"):
        client.use(lambda tasks: tasks.list(page_size=size))


def test_mistakes_are_named(client: Client) -> None:
    """Text is a sequence, too."""
    with pytest.raises(TypeError, match="several ids"):
        client.use(lambda tasks: tasks.get_many("order-1"))
    with pytest.raises(TypeError, match="as text"):
        client.use(lambda tasks: tasks.get_many([1]))
    for call in (waiting, getting):
        with pytest.raises(TypeError, match="takes a task or its id, not a int"):
            client.use(call(1))


def test_the_old_host_has_v1_only() -> None:
    """`api.klingai.com` was seen to have no `/tasks`."""
    with Kling("an-api-key", base_url="https://api.klingai.com") as kling:
        with pytest.raises(RequestValidationError, match="/v1 only"):
            kling.tasks.list()
        with pytest.raises(RequestValidationError, match="region"):
            kling.text2video.create(prompt="a cat", model_name="kling-3.0")


# ---------------------------------------------------------------- on a relay


def on_a_relay(flow_of: Callable[[Any], Any], *replies: Any) -> Any:
    clock = FakeClock()
    ctx = attrs.evolve(context(clock), wire=RelayWire())
    return play(
        flow_of(ctx), clock, in_turn(Reply(200, {}, json.dumps(body).encode()) for body in replies)
    )


SHOWN = {"task_id": "kling_1", "kling_task_id": "873", "status": "succeed", "video_url": "http://x"}


def test_a_relay_lists_its_own_tasks() -> None:
    """The filters are the relay's own, under the relay's names."""
    played = on_a_relay(
        lambda ctx: search(ctx, {"status": "succeed", "cursor": "40"}, 1, 30),
        {"data": [SHOWN], "next_before": 7},
    )
    (send,) = played.sends
    assert (send.call.method, send.call.path) == ("GET", "/kling/v1/videos")
    assert send.call.params == {"limit": 30, "status": "succeed", "before": "40"}
    assert (played.result.next_cursor, played.result.tasks[0].interface) == ("7", "relay")
    with pytest.raises(RequestValidationError, match="product_type"):
        search(
            attrs.evolve(context(FakeClock()), wire=RelayWire()), {"product_type": "video"}, 1, 30
        )


def test_a_relay_is_asked_once_for_a_bare_id() -> None:
    """It has one path for the tasks of all endpoints."""
    for flow_of in (
        lambda ctx: get_any(ctx, "kling_1"),
        lambda ctx: get_several(ctx, ["kling_1"]),
        lambda ctx: wait_any(ctx, "kling_1"),
    ):
        played = on_a_relay(flow_of, SHOWN)
        assert played.sent == ["GET /kling/v1/videos/kling_1"]
        assert played.error is None
