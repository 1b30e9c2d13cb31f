"""The options of a client, and those that a single call takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import AsyncKling, Kling, Options, TextToVideo, VideoExtend
from tests.sdk.clients import CLIENTS, KEY, PROMPT, over
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock, reply_of

HEADERS = {"X-Trace": "abc-1", "user-agent": "shop/2"}


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling()) as server:
        yield server


@pytest.mark.parametrize("client", CLIENTS)
def test_extra_headers_go_with_each_call(server: FaultyKling, client: str) -> None:
    """Over every transport, beside the key and without a trace in the body."""

    def use(kling: Any) -> Any:
        return kling.text2video.create(prompt=PROMPT)

    over(client, use, server.url, FakeClock(), extra_headers=HEADERS)

    (sent,) = server.requests
    assert sent.headers["x-trace"] == "abc-1"
    assert sent.headers["user-agent"] == "shop/2"
    assert sent.headers["authorization"].startswith("Bearer ey")
    assert set(sent.body) == {"prompt", "model_name", "external_task_id"}


def test_a_call_has_headers_of_its_own(server: FaultyKling) -> None:
    """Those of the call replace the client's, for that call and its repeats."""
    with Kling(KEY, base_url=server.url, extra_headers={"x-shop": "1"}) as kling:
        kling.text2video.create(prompt=PROMPT, extra_headers={"x-order": "7"})
        kling.submit(TextToVideo(prompt=PROMPT), extra_headers={"x-order": "8"})
        task = kling.text2video.run(prompt=PROMPT, extra_headers={"x-order": "9"})
        kling.text2video.get(task.task_id)

    headers = [
        (request.headers.get("x-order"), request.headers.get("x-shop"))
        for request in server.requests
    ]
    assert headers == [("7", None), ("8", None), ("9", None), (None, "1")]


def test_no_extra_header_goes_to_the_host_of_a_file(server: FaultyKling, tmp_path: Path) -> None:
    """It may be a secret of the API's host."""
    with Kling(KEY, base_url=server.url, extra_headers={"x-secret": "s"}) as kling:
        kling.download(f"{server.url}/clip.mp4", tmp_path / "a.mp4")
    assert "x-secret" not in server.requests[-1].headers


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Request-Id", "content-type", "Content-Length", "host", "connection"],
)
def test_the_client_s_own_headers_are_refused_by_name(name: str) -> None:
    """The key, the id that proves whose reply it is, and what describes the body."""
    with pytest.raises(ValueError, match=f"extra_headers has {name}, which the client sets"):
        Options(extra_headers={name: "x"})


@pytest.mark.parametrize(
    ("headers", "error", "words"),
    [
        ({"x a": "1"}, ValueError, "printable ASCII"),
        ({"": "1"}, ValueError, "printable ASCII"),
        ({"x-a": "1\r\nx-b: 2"}, ValueError, "cannot send 'x-a'"),
        ({"x-a": "\u00e9"}, ValueError, "printable ASCII"),
        ({"x-a": 1}, TypeError, "must have names and values that are text"),
        ([("x-a", "1")], TypeError, "extra_headers is a list"),
    ],
)
def test_what_http_cannot_carry_is_refused(
    headers: Any, error: type[Exception], words: str
) -> None:
    """A line break cannot add a header, and no value is quoted."""
    with pytest.raises(error, match=words) as caught:
        Options(extra_headers=headers)
    assert "x-b" not in str(caught.value)


def test_the_value_of_a_header_is_not_shown() -> None:
    """It may be a secret."""
    options = Options(extra_headers={"x-secret": "s3cret"})
    assert "s3cret" not in repr(options)
    assert "x-secret" in repr(options)


CALLS: list[Callable[[Any], Any]] = [
    lambda kling: kling.text2video.create(prompt=PROMPT, timeout=7),
    lambda kling: kling.text2video.submit(TextToVideo(prompt=PROMPT), timeout=7),
    lambda kling: kling.submit(TextToVideo(prompt=PROMPT), timeout=7),
    lambda kling: kling.text2video.run(prompt=PROMPT, timeout=7),
    lambda kling: kling.text2video.get("mine", timeout=7),
    lambda kling: kling.text2video.list(timeout=7),
]


class Timed:
    """A transport that notes how long each attempt may take."""

    def __init__(self) -> None:
        self.kling = HonestKling()
        self.kling.answer("POST", "/v1/videos/text2video", {}, {}, {"external_task_id": "mine"})
        self.timeouts: list[float] = []

    def perform(self, effect: Any) -> Any:
        self.timeouts.append(effect.timeout)
        return effect.read(reply_of(self.kling, effect)._replace(fresh=effect.fresh))

    def close(self) -> None:
        """Do nothing: no connection is open."""


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_a_call_has_a_timeout_of_its_own(call: Callable[[Any], Any]) -> None:
    """Seconds per attempt, for each attempt of this call alone."""
    kling, transport = Kling(KEY, clock=FakeClock()), Timed()
    kling._runner.open_transport = lambda: transport

    call(kling)
    kling.text2video.get("mine")

    assert set(transport.timeouts[:-1]) == {7}
    assert transport.timeouts[-1] == 30


async def test_the_async_calls_take_the_same(server: FaultyKling) -> None:
    """Each names the timeout that is not a number before anything is sent."""
    async with AsyncKling(KEY, base_url=server.url) as kling:
        for call in CALLS:
            with pytest.raises(TypeError, match="timeout is a str"):
                await call(_Worded(kling))
    assert server.requests == []


class _Worded:
    """Passes each call on with a timeout that is text."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return _Worded(getattr(self._target, name))

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._target(*args, **{**options, "timeout": "7"})


def test_any_request_can_be_submitted(server: FaultyKling) -> None:
    """The request knows its endpoint; a body as a mapping does not."""
    with Kling(KEY, base_url=server.url) as kling:
        assert kling.submit(VideoExtend(video_id="1")).endpoint == "video-extend"
        assert server.requests[0].path == "/v1/videos/video-extend"
        with pytest.raises(TypeError, match=r"such as kling\.text2video\.submit"):
            kling.submit({"prompt": PROMPT})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_any_request_can_be_submitted_and_awaited(server: FaultyKling) -> None:
    """The twin of the sync method."""
    async with AsyncKling(KEY, base_url=server.url) as kling:
        assert (await kling.submit(TextToVideo(prompt=PROMPT))).endpoint == "text2video"


@pytest.mark.parametrize("retries", [1.5, 1.0, "1", True, float("nan")])
def test_retries_are_counted_in_whole_numbers(retries: Any) -> None:
    """A half of a repeat is a mistake, whichever way it would be rounded."""
    with pytest.raises(TypeError, match=r"retries is a .*; it must be a whole number, or None"):
        Options(retries=retries)


def test_a_misspelt_option_is_answered_with_the_nearest() -> None:
    """The message is like that for a misspelt parameter."""
    with pytest.raises(TypeError, match=r"unknown option 'timout'; did you mean 'timeout'\?"):
        Kling(KEY, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="unknown option 'colour'; expected timeout, deadline"):
        Options().changed({"colour": 1})
