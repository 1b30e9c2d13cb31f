"""P7: no key, token, prompt or signed URL in a log, a repr, an error or a traceback.

Real calls on every transport, in good and in bad weather, with every logger at DEBUG.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kling_sdk import AsyncKling, Kling, KlingError, TextToVideo
from kling_sdk.flows.core import Send
from kling_sdk.flows.create import create
from tests.sdk.by_hand import FakeClock, context
from tests.sdk.clients import CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.faulty import Fault, FaultyKling
from tests.sdk.honest import HonestKling

SIGNATURES: Final = ("sig-of-the-file", "sig-of-the-redirect", "sig-of-the-picture")
LOGGERS: Final = ("kling_sdk", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "asyncio")
WEATHER: Final = {
    "good": None,
    "reset": Fault("unread"),
    "lost": Fault("accepted"),
    "torn": Fault("mid-reply"),
    "cut": Fault("cut", at=0.4),
    "500": Fault.page(500),
    "1301": Fault.code(400, 1301),
    "1002": Fault.code(401, 1002),
    "garbage": Fault.page(200),
    "no http": Fault.page(200, b"", content_length="nonsense"),
    "timeout": Fault("silent"),
}


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling()) as server:
        server.kling.file_url = f"{server.url}/files/a.mp4?Expires=1&Signature={SIGNATURES[0]}"
        server.redirects["/files/a.mp4"] = f"/cdn/a.mp4?x-signature={SIGNATURES[1]}#{SIGNATURES[1]}"
        yield server


def secrets(server: FaultyKling) -> list[str]:
    """Return what must not be seen, the tokens that were really sent included."""
    sent = (request.headers.get("authorization", "") for request in server.requests)
    tokens = {header.removeprefix("Bearer ") for header in sent if header}
    return [KEY.partition("|")[2], PROMPT, *SIGNATURES, *tokens]


def told(error: BaseException) -> list[str]:
    """Return everything that a program can print of an error."""
    return [str(error), repr(error), "".join(traceback.format_exception(error))]


def attempt(client: str, server: FaultyKling, call: Any, said: list[str], timeout: float) -> None:
    try:
        result = over(
            client,
            call,
            server.url,
            FakeClock(),
            on_event=lambda event: said.append(repr(event)),
            timeout=timeout,
            retries=1,
        )
        said += [repr(result), str(result)]
    except KlingError as error:
        said += told(error)


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_that_is_printed_holds_a_secret(
    server: FaultyKling,
    client: str,
    weather: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever breaks, logs at DEBUG, results, events, errors and tracebacks can be shared."""
    for name in ("", *LOGGERS):
        caplog.set_level(logging.DEBUG, name or None)
    fault, said, timeout = WEATHER[weather], list[str](), 0.02 if weather == "timeout" else 5.0
    calls = Calls("order-1", tmp_path / "a.mp4", server.kling.file_url)

    for call in (calls.create, calls.get, calls.list, calls.download):
        for faults, then in (((fault,), None), ((None, fault), None), ((), fault)):
            server.breaks(*faults, then=then)
            attempt(client, server, call, said, timeout)

    everything = "\n".join([*said, caplog.text])
    assert len(said) >= 12
    assert "order-1" in everything  # what is not secret is there: the check can see
    for secret in secrets(server):
        assert secret not in everything


def test_the_check_would_see_a_leak(server: FaultyKling, caplog: pytest.LogCaptureFixture) -> None:
    """The library below, used directly, logs the very signature that is looked for."""
    import httpx

    caplog.set_level(logging.DEBUG)
    with httpx.Client() as http:
        http.get(server.kling.file_url, follow_redirects=True)

    assert SIGNATURES[0] in caplog.text
    assert SIGNATURES[1] in caplog.text


def test_other_users_of_the_http_library_keep_their_log(
    server: FaultyKling, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What this package keeps out of the log is its own downloads' headers, nothing else."""
    import httpx

    over(
        "httpx",
        Calls(None, tmp_path / "a", server.kling.file_url).download,
        server.url,
        FakeClock(),
    )
    caplog.set_level(logging.DEBUG)
    with httpx.Client() as http:
        http.get(f"{server.url}/v1/videos/text2video")

    assert "application/json" in caplog.text


def test_what_is_held_in_memory_shows_no_secret() -> None:
    """Clients, requests and calls can be printed by a debugger or an error reporter."""
    picture = f"https://files.test/a.png?Signature={SIGNATURES[2]}"
    request = TextToVideo(prompt=PROMPT, callback_url=picture, negative_prompt=PROMPT)
    effect = next(create(context(FakeClock()), request))
    assert isinstance(effect, Send)
    signed = effect.call.headers["authorization"]
    client = Kling(KEY)
    held = [client, AsyncKling(KEY), client.text2video, client._settings, request, effect]

    shown = "\n".join(f"{thing!r} {thing}" for thing in held)

    for secret in (KEY.partition("|")[2], PROMPT, SIGNATURES[2], signed, "key-1"):
        assert secret not in shown
