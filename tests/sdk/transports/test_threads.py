"""Work of an async client beside its event loop, and loops that are not asyncio's."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import AsyncKling, Kling, TextToVideo
from kling_sdk.transports import httpx_shared
from kling_sdk.transports.threads import refuse_trio
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + bytes(1_000_000)


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling() as server:
        yield server


class NotingFile(io.BytesIO):
    """A file that notes which thread reads it."""

    thread = 0

    def read(self, size: int | None = -1) -> bytes:
        self.thread = threading.get_ident()
        return super().read(size)


@pytest.mark.parametrize("library", ["httpx", "aiohttp"])
async def test_a_picture_is_read_and_encoded_beside_the_event_loop(
    server: FaultyKling, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten megabytes would block every other task for a quarter of a second."""
    path, file, threads = tmp_path / "a.png", NotingFile(PNG), set[int]()
    path.write_bytes(PNG)
    write = httpx_shared.json_text

    def noted(value: Any) -> str:
        if httpx_shared.is_large(value):
            threads.add(threading.get_ident())
        return write(value)

    monkeypatch.setattr(httpx_shared, "json_text", noted)
    session = aiohttp.ClientSession() if library == "aiohttp" else httpx.AsyncClient()
    async with session, AsyncKling("a|b", base_url=server.url, http_client=session) as kling:
        await kling.image2video.create(image=file)
        await kling.image2video.run(image=path)
        await kling.image2video.submit(
            {"model_name": "kling-v2-6", "extra": [{"a": "A" * 600_000}]}
        )

    loop_thread = threading.get_ident()
    assert file.thread not in {0, loop_thread}
    assert threads
    assert loop_thread not in threads
    sent = [request.body for request in server.sent("POST")]
    assert sent[0]["image"] == sent[1]["image"]
    assert sent[2]["extra"] == [{"a": "A" * 600_000}]


def test_a_stream_of_outcomes_may_be_made_before_its_event_loop_runs(server: FaultyKling) -> None:
    """It may be an argument of the coroutine that is given to `asyncio.run`."""

    async def count(outcomes: Any) -> int:
        collected = [outcome async for outcome in outcomes]
        await kling.close()
        return len(collected)

    kling = AsyncKling("a|b", base_url=server.url, clock=FakeClock())
    assert asyncio.run(count(kling.run_many([TextToVideo(prompt="x")]))) == 1


async def test_a_mistake_in_a_large_request_is_the_same_error(server: FaultyKling) -> None:
    """A thread changes nothing about what is raised, and nothing is sent."""
    async with AsyncKling("a|b", base_url=server.url) as kling:
        with pytest.raises(ValueError, match="neither a JPEG nor a PNG"):
            await kling.image2video.create(image=bytes(1_000_000))
        with pytest.raises(ValueError, match="promt"):
            await kling.image2video.create(image=PNG, promt="x")  # type: ignore[call-arg]
    assert server.requests == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.lists(inner).map(tuple)
            | st.dictionaries(st.text() | st.integers() | st.none(), inner)
        ),
        max_leaves=8,
    )
)
def test_long_texts_are_written_as_short_ones(value: Any) -> None:
    """The JSON of several steps is that of one step, wherever a step ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx_shared, "LARGE", 4)
        patch.setattr(httpx_shared, "_STEP", 3)
        written = httpx_shared.json_text(value)

    assert written == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_a_picture_is_large_and_a_prompt_is_not() -> None:
    """So most bodies are handled as before."""
    assert httpx_shared.is_large({"image": "A" * 1_000_000})
    assert httpx_shared.is_large({"image_list": [{"image": "A" * 1_000_000}]})
    assert not httpx_shared.is_large({"prompt": "x" * 2500, "image_list": [None, 5]})


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("parameters", [{"prompt": "a kitten"}, {"image": PNG}])
def test_under_trio_an_async_client_refuses_at_once(
    server: FaultyKling, parameters: dict[str, Any], *, own: bool
) -> None:
    """Nothing is sent, and the outcome is not unknown."""

    async def create() -> None:
        http = httpx.AsyncClient() if own else None
        kling = AsyncKling("a|b", base_url=server.url, http_client=http)
        await kling.image2video.create(**parameters, image_tail="https://example.com/a.png")

    with pytest.raises(RuntimeError, match=r"this is a task of trio.*trio\.to_thread") as caught:
        trio.run(create)
    assert server.requests == []
    assert "accepted" not in str(caught.value)


def test_a_client_that_was_used_before_refuses_under_trio_as_well() -> None:
    """Its connections are open already, so it has to check at each call."""
    envelope = {"code": 0, "message": "SUCCEED", "data": []}
    http = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=envelope))
    )
    kling = AsyncKling("a|b", http_client=http)

    assert len(asyncio.run(kling.text2video.list())) == 0
    with pytest.raises(RuntimeError, match="this is a task of trio"):
        trio.run(kling.text2video.list)


def test_while_another_thread_loads_trio_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A module is in `sys.modules` before it has its attributes."""
    monkeypatch.setitem(sys.modules, "trio", ModuleType("trio"))
    refuse_trio()


def test_under_trio_the_sync_client_works_in_a_thread(server: FaultyKling) -> None:
    """The error of the async client advises this."""

    async def create() -> Any:
        with Kling("a|b", base_url=server.url) as kling:
            return await trio.to_thread.run_sync(lambda: kling.text2video.create(prompt="x"))

    assert trio.run(create).status in {"submitted", "succeed"}


def test_many_event_loops_may_be_run_one_after_the_other(server: FaultyKling) -> None:
    """The check is for a loop of asyncio, not for the same one."""
    kling = AsyncKling("a|b", base_url=server.url)

    async def create() -> str:
        # A create has a separate connection, so none outlives its event loop.
        return (await kling.text2video.create(prompt="x")).task_id

    assert asyncio.run(create()) != asyncio.run(create())
    asyncio.run(kling.close())
