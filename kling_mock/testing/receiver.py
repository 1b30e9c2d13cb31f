"""A receiver of callbacks for tests: a server that takes, verifies and lists them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from aiohttp import web

from kling_mock.clock.unawaited import must_be_awaited
from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, id_of
from kling_mock.kling.journal.findings import RECEIVERS
from kling_mock.kling.journal.matching import STATUSES
from kling_mock.web.addresses import bind, url_of
from kling_mock.web.loop_thread import LoopThread
from kling_mock.web.values import as_number, as_whole, is_one_of

if TYPE_CHECKING:
    from kling_mock import KlingMock
    from kling_sdk import Task

_HOST: Final = "127.0.0.1"
_LIMIT: Final = 10.0  # seconds of real time to start or to stop
_DRAIN: Final = 0.02  # seconds of real time that a reply may take when the receiver stops
_STEP: Final = 1.0  # seconds of a manual clock from one poll to the next, at first
_REAL_STEP: Final = 0.02  # seconds of real time from one poll to the next, if the clock runs
_GROWTH: Final = 0.05  # share of the time waited so far by which a manual clock may overshoot


class ReceivedCallback(NamedTuple):
    """A genuine callback that was received.

    Attributes:
        task: The task as it was reported.
        verified: Whether it was signed. A callback whose signature does not match is refused.
        answered: The HTTP status of its response.
        headers: Its headers, with names in lower case.
        body: The body as bytes.
    """

    task: Task
    verified: bool
    answered: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        # The body and the task may have signed URLs.
        return f"<{self.task.status} of task {self.task.task_id}, answered {self.answered}>"


class _Answer(NamedTuple):
    status: int
    seconds: float


class KlingReceiver(KnownAttributes):
    """A server on this computer that takes the callbacks of an emulated Kling.

        with KlingReceiver(mock) as receiver:
            task = kling.text2video.create(prompt="a kitten", callback_url=receiver.url)
            assert receiver.wait_for(task).task.is_succeed

    It answers 200, unless `answer` says otherwise. A callback whose signature does not match, or
    is more than 300 s off by the clock of `mock.callbacks.timestamps`, is answered 400 and kept
    in `refused`.

    Args:
        mock: The server that sends the callbacks; its secrets and its clock are used.

    Attributes:
        secrets: Accepted secrets, in addition to those of the server's accounts: `whsec_...`.
    """

    secrets: Final[list[str]]

    def __init__(self, mock: KlingMock) -> None:
        self._mock = mock
        self._thread = LoopThread("kling-mock-receiver", "This KlingReceiver")
        self._http: web.Server | None = None
        self._listening: asyncio.Server | None = None
        self._port = 0
        self._received: list[ReceivedCallback] = []
        self._refused: list[str] = []
        self._answers: list[_Answer] = []
        self._came = threading.Event()
        self.secrets = []

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> Self:
        """Listen on a free port.

        Raises:
            OSError: There is no free port.
            RuntimeError: The receiver is already running.
        """
        if self._thread.running:
            raise RuntimeError("This KlingReceiver runs already.")
        bound = bind(_HOST, 0)
        try:
            self._thread.start()
            self._port = bound.getsockname()[1]
            RECEIVERS.add(self._port)

            async def listen() -> None:
                self._http = web.Server(self._receive)
                loop = asyncio.get_running_loop()
                self._listening = await loop.create_server(self._http, sock=bound)

            self._thread.wait(listen(), _LIMIT)
        except BaseException:
            bound.close()
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the receiver's connections and thread; received callbacks can still be read."""

        async def close() -> None:
            if self._listening is not None:
                self._listening.close()
            if self._http is not None:
                await self._http.shutdown(_DRAIN)

        self._thread.stop(close, _LIMIT)
        RECEIVERS.discard(self._port)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<KlingReceiver: {len(self._received)} received, {len(self._refused)} refused>"

    # ------------------------------------------------------------ for the test

    @property
    def url(self) -> str:
        """The receiver's URL; every path below it is accepted.

        Raises:
            RuntimeError: The receiver is not running.
        """
        if not self._thread.running:
            raise self._thread.refusal()
        return f"{url_of(_HOST, self._port, tls=False)}/callback"

    @property
    def received(self) -> tuple[ReceivedCallback, ...]:
        """The genuine callbacks, in the order of arrival, including repeats."""
        return tuple(self._received)

    @property
    def refused(self) -> tuple[str, ...]:
        """The reasons why other callbacks were answered 400, one line each."""
        return tuple(self._refused)

    def of(self, task: str | HasTaskId) -> list[ReceivedCallback]:
        """Return the callbacks about one task.

        Args:
            task: A task, or its task id.
        """
        task_id = id_of(task)
        return [callback for callback in self.received if callback.task.task_id == task_id]

    def answer(self, status: int = 200, *, seconds: float = 0.0, times: int = 1) -> None:
        """Answer the next callbacks in another way; several calls take effect one after the other.

        Args:
            status: The HTTP status, from 200.
            seconds: Real time until the response. The emulated Kling gives up after
                `mock.callbacks.timeout`.
            times: How many callbacks are answered in this way.

        Raises:
            ValueError: An argument is out of range.
        """
        answer = _Answer(as_whole("status", status, 200, 599), as_number("seconds", seconds))
        self._answers += [answer] * as_whole("times", times, 1)

    def wait_for(
        self, task: str | HasTaskId, status: str | None = None, *, timeout: float = 7200.0
    ) -> ReceivedCallback:
        """Return the first callback about *task* that was answered 2xx and has the given status.

        While this method waits, a manual clock moves as it does for a client's `wait`: in steps of
        a second, later of a twentieth of the time waited.

        Args:
            task: A task, or its task id.
            status: The status to wait for; `None` is the end, whichever it is.
            timeout: Seconds of the mock's clock.

        Raises:
            AssertionError: No such callback came in time; the text says what came instead.
            ValueError: There is no such status.
        """
        clock = self._mock.clock
        with clock.call():
            for pause in self._looks(task, status, timeout):
                self._came.clear()
                if self._find(task, status) is None:
                    clock.sleep(pause, None if clock.speed is None else self._came)
        return self._require(task, status, timeout)

    @must_be_awaited
    async def await_for(
        self,
        task: str | HasTaskId,
        status: str | None = None,
        *,
        timeout: float = 7200.0,  # noqa: ASYNC109 - of the mock's clock
    ) -> ReceivedCallback:
        """Wait as `wait_for` does, inside an event loop of asyncio."""
        clock = self._mock.clock
        with clock.call():
            for pause in self._looks(task, status, timeout):
                await clock.asleep(pause)
        return self._require(task, status, timeout)

    def _looks(self, task: str | HasTaskId, status: str | None, timeout: float) -> Generator[float]:
        """Yield the pauses of a wait, until the callback has come or the time is over."""
        if status is not None and not is_one_of(status, STATUSES):
            known = ", ".join(STATUSES)
            raise ValueError(f"status: must be one of {known} or None; got {status!r}")
        clock, seconds = self._mock.clock, as_number("timeout", timeout)
        began = clock.monotonic()
        while self._find(task, status) is None and (
            (left := began + seconds - clock.monotonic()) > 0
        ):
            speed = clock.speed
            step = max(_STEP, _GROWTH * (seconds - left)) if speed is None else _REAL_STEP * speed
            yield min(left, step)

    def _find(self, task: str | HasTaskId, status: str | None) -> ReceivedCallback | None:
        for callback in self.of(task):
            is_match = callback.task.is_done if status is None else callback.task.status == status
            if is_match and 200 <= callback.answered < 300:
                return callback
        return None

    def _require(
        self, task: str | HasTaskId, status: str | None, timeout: float
    ) -> ReceivedCallback:
        match = self._find(task, status)
        if match is not None:
            return match
        came = [
            f"{callback.task.status} (answered {callback.answered})" for callback in self.of(task)
        ]
        text = (
            f"No callback about task {id_of(task)} said {status or 'succeed or failed'!r} within "
            f"{timeout:g} s of the clock. Callbacks of this task: {', '.join(came) or 'none'}."
        )
        if self._refused:
            text += f" {len(self._refused)} were refused, the last one since {self._refused[-1]}."
        raise AssertionError(text)

    # ------------------------------------------------------------ on its own thread

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        from kling_sdk import CallbackVerificationError  # most programs import it themselves

        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            task, verified = self._verified(body, headers)
        except CallbackVerificationError as error:
            self._refused.append(str(error))
            return web.Response(status=400, text=str(error))
        answer = self._answers.pop(0) if self._answers else _Answer(200, 0.0)
        self._received.append(ReceivedCallback(task, verified, answer.status, headers, body))
        self._came.set()
        with contextlib.suppress(asyncio.CancelledError):  # the receiver stops without a response
            await asyncio.sleep(answer.seconds)
        return web.Response(status=answer.status)

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> tuple[Task, bool]:
        from kling_sdk import CallbackVerificationError, parse_callback  # as above

        if "webhook-signature" not in headers:  # sent by an account without a secret
            return parse_callback(body, verify=False).task, False
        mock = self._mock
        secrets = [*self.secrets]
        for name in mock.accounts:
            secrets += mock.accounts[name].webhook_secrets
        if not secrets:
            raise CallbackVerificationError("no account of the emulated Kling has a secret")
        now = mock.clock.time() if mock.callbacks.timestamps == "clock" else time.time()
        return parse_callback(body, headers, secrets, now).task, True
