"""Every fault x every call x every transport x both interfaces: the right result, or error.

The table below is the specification. A fault happens once, or forever; either way the
number of tasks upstream is the number that the answers account for.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from kling_sdk import (
    AccountError,
    ConcurrencyLimitError,
    Download,
    DownloadError,
    KlingError,
    NotFoundError,
    OutcomeUnknownError,
    Page,
    RateLimitError,
    ServerError,
    Task,
    TransportError,
    UnreachableError,
)
from tests.sdk.clients import CLIENTS, PROMPT, Calls, over
from tests.sdk.fake_kling import VIDEO
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

pytestmark = pytest.mark.slow

ID: Final = "order-1"
GARBAGE: Final = b"<html>all is well</html>"
Error = type[KlingError]


@attrs.frozen
class Row:
    """The effects of a fault on each call.

    Attributes:
        fault: What happens; None means a port that refuses connections.
        create: What a create raises when the fault lasts.
        tasks: How many tasks there are upstream then.
        read: What get and list raise when the fault lasts.
        download: What a download raises when the fault lasts.
        at_once: True when the first occurrence is final, so nothing is repeated.
    """

    fault: Fault | None
    create: Error
    tasks: int
    read: Error
    download: Error = DownloadError
    at_once: bool = False


TABLE: Final = {
    "connect refused": Row(None, UnreachableError, 0, UnreachableError),
    "reset before it is read": Row(Fault("unread"), OutcomeUnknownError, 0, TransportError),
    "reset after half of it": Row(Fault("torn"), OutcomeUnknownError, 0, TransportError),
    "reset after acceptance": Row(Fault("accepted"), OutcomeUnknownError, 1, TransportError),
    "reset in the reply": Row(Fault("mid-reply"), OutcomeUnknownError, 1, TransportError),
    "closed in the reply": Row(Fault("cut", at=0.3), OutcomeUnknownError, 1, TransportError),
    "no answer": Row(Fault("silent"), OutcomeUnknownError, 1, TransportError),
    "500": Row(Fault.page(500), OutcomeUnknownError, 0, ServerError),
    "503": Row(Fault.code(503, 5001, retry_after="7"), OutcomeUnknownError, 0, ServerError),
    "1302": Row(Fault.code(429, 1302), RateLimitError, 0, RateLimitError),
    "1303": Row(Fault.code(429, 1303), ConcurrencyLimitError, 0, ConcurrencyLimitError),
    "1102": Row(Fault.code(429, 1102), AccountError, 0, AccountError, at_once=True),
    "garbage": Row(Fault.page(200, GARBAGE), OutcomeUnknownError, 1, TransportError),
    "gzip bomb": Row(Fault.bomb(), OutcomeUnknownError, 1, TransportError),
}

rows = pytest.mark.parametrize("name", TABLE)
clients = pytest.mark.parametrize("client", CLIENTS)
calls = pytest.mark.parametrize("call", ["create", "get", "list", "download"])


@attrs.frozen
class Bench:
    """A server, a clock and the calls to make."""

    server: FaultyKling
    clock: FakeClock
    calls: Calls

    def do(self, client: str, call: str, **options: Any) -> Any:
        use, key = getattr(self.calls, call), self.calls.key
        returned = over(client, use, self.server.url, self.clock, key=key, **options)
        return returned.get(ID) if isinstance(returned, dict) else returned


@pytest.fixture(params=["v1", "model-path"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    row = TABLE[request.getfixturevalue("name")] if "name" in request.fixturenames else None
    with FaultyKling(listening=row is None or row.fault is not None) as server:
        url = f"{server.url}/files/clip.mp4?signature=s3cret"
        calls = Calls(ID, tmp_path / "clip.mp4", url, is_new=request.param == "model-path")
        yield Bench(server, FakeClock(), calls)


def existing(bench: Bench) -> None:
    body: dict[str, Any]
    path, body = "/v1/videos/text2video", {"external_task_id": ID, "prompt": PROMPT}
    if bench.calls.is_new:
        path = "/text-to-video/kling-3.0"
        body = {"options": {"external_task_id": ID}, "prompt": PROMPT}
    bench.server.kling.answer("POST", path, {}, {}, body)


def is_right(call: str, result: Any, bench: Bench) -> bool:
    if call == "list":
        return isinstance(result, Page) and [task.external_task_id for task in result] == [ID]
    if call == "download":
        assert isinstance(result, Download)
        return result.sha256 == hashlib.sha256(bench.calls.place.read_bytes()).hexdigest()
    (upstream,) = bench.server.kling.tasks
    return isinstance(result, Task) and result.task_id == upstream


@rows
@calls
@clients
def test_a_fault_that_passes_leaves_no_trace_in_the_result(
    bench: Bench, name: str, call: str, client: str
) -> None:
    """After one fault, each call still gives its result, and a create makes one task."""
    row, server = TABLE[name], bench.server
    if call != "create":
        existing(bench)
    server.breaks(row.fault)
    bench.clock.on_sleep = lambda _seconds: server.listen()
    timeout = 0.15 if name == "no answer" else 30.0

    if row.at_once and call != "download":
        with pytest.raises(row.create):
            bench.do(client, call, timeout=timeout)
        assert len(server.requests) == 1
        assert not bench.clock.slept
        return
    if name == "gzip bomb" and call == "download":
        with pytest.raises(DownloadError, match="compressed"):
            bench.do(client, call)
        return
    result = bench.do(client, call, timeout=timeout)

    assert is_right(call, result, bench)
    assert len(server.kling.tasks) == (0 if call == "download" and not server.kling.tasks else 1)
    if name == "503":
        assert max(bench.clock.slept) >= 7


@rows
@calls
@clients
def test_a_fault_that_lasts_ends_in_the_error_that_says_what_is_known(
    bench: Bench, name: str, call: str, client: str, tmp_path: Path
) -> None:
    """A create that may have been accepted is `OutcomeUnknownError`, never a plain failure."""
    row, server = TABLE[name], bench.server
    error = {"create": row.create, "download": row.download}.get(call, row.read)
    server.breaks(then=row.fault)
    options = {"timeout": 0.03 if name == "no answer" else 30.0, "retries": 2}

    with pytest.raises(error) as caught:
        bench.do(client, call, **options)

    assert type(caught.value) is error
    assert list(tmp_path.iterdir()) == []
    if call == "create":
        assert caught.value.external_task_id == ID
        assert len(server.kling.tasks) == row.tasks
        asked_later(bench, client, row)


def asked_later(bench: Bench, client: str, row: Row) -> None:
    """Ask with the id of the error, once the fault is over: the answer shows the outcome."""
    bench.server.heal()
    if row.tasks:
        assert is_right("get", bench.do(client, "get"), bench)
    elif bench.calls.is_new:
        assert bench.do(client, "get") is None
    else:
        with pytest.raises(NotFoundError):
            bench.do(client, "get")


@clients
def test_a_host_that_takes_no_connection_has_received_nothing(client: str) -> None:
    """A connection that times out is not an unknown outcome: the request was never sent."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # its queue is full then, and further connections hang
            caller = stack.enter_context(socket.socket())
            caller.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                caller.connect(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"

        # Long enough that a busy machine comes to connecting within a tenth of it.
        with pytest.raises(TransportError) as caught:
            over(client, Calls(ID).create, url, FakeClock(), timeout=1.5, retries=0)

    assert caught.value.external_task_id == ID
    assert not caught.value.maybe_sent


@pytest.mark.parametrize("call", ["create", "get", "list"])
@clients
def test_a_reply_that_inflates_to_400_megabytes_costs_little_memory(
    bench: Bench, call: str, client: str
) -> None:
    """A hostile or broken proxy cannot fill the memory with a small compressed reply."""
    existing(bench)
    bench.server.breaks(then=Fault.bomb())
    tracemalloc.start()
    try:
        with pytest.raises((TransportError, OutcomeUnknownError)):
            bench.do(client, call, retries=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64 * 1024 * 1024


@clients
def test_without_a_limit_on_repeats_the_deadline_ends_a_call(bench: Bench, client: str) -> None:
    """A create gives up after 120 s and a get after 60 s, however quick each failure is."""
    # With these pauses, the last attempts have 3 s and 6 s of real time for their answers.
    bench.server.breaks(then=Fault.code(429, 1302, retry_after="9"))

    for call, seconds in (("create", 120), ("get", 60)):
        before = bench.clock.now
        with pytest.raises(RateLimitError):
            bench.do(client, call)
        assert seconds - 8 < bench.clock.now - before <= seconds


@clients
def test_a_retry_after_beyond_the_deadline_is_not_sat_out(bench: Bench, client: str) -> None:
    """A server that asks for more patience than a call has gets its refusal reported."""
    bench.server.breaks(then=Fault.code(429, 1302, retry_after="3600"))

    with pytest.raises(RateLimitError) as caught:
        bench.do(client, "create")

    assert caught.value.retry_after == 3600
    assert not bench.clock.slept


def test_a_file_arrives_byte_for_byte(bench: Bench) -> None:
    """The reported hash is the hash of what the host holds."""
    result = bench.do("httpx", "download")

    assert bench.calls.place.read_bytes() == VIDEO
    assert result.sha256 == hashlib.sha256(VIDEO).hexdigest()
