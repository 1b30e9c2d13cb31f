"""The callbacks of a server, for tests: how they are sent, and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from kling_mock.clock import event_loop_here
from kling_mock.clock.unawaited import must_be_awaited
from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, LoopProxy, id_of
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.journal.forgotten import IncompleteJournalError
from kling_mock.kling.journal.matching import STATUSES
from kling_mock.web.addresses import ANY_HOST, is_http_url, read_hosts
from kling_mock.web.values import as_items, as_number, as_text, as_whole, is_one_of

if TYPE_CHECKING:
    from kling_mock.kling.world import World


class CallbacksHandle(KnownAttributes):
    """The settings of callbacks."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    @property
    def retries(self) -> tuple[float, ...]:
        """Seconds of the mock's clock from one attempt to the next; empty for one attempt only.

        The vendor's retries are not documented; 10, 30 and 60 s are assumed.
        """
        return self._proxy.call(lambda world: world.callbacks.retries)

    @retries.setter
    def retries(self, retries: Iterable[float]) -> None:
        what = "numbers of seconds, 0 or more, such as (10, 30)"
        items = as_items("retries", retries, (int, float), what)
        try:
            delays = tuple(as_number("retries", seconds) for seconds in items)
        except ValueError:
            raise ValueError(f"retries: must be {what}; got {retries!r}") from None
        self._proxy.call(lambda world: setattr(world.callbacks, "retries", delays))

    @property
    def timeout(self) -> float:
        """Seconds of real time that a receiver may take to answer; 5 is assumed."""
        return self._proxy.call(lambda world: world.callbacks.timeout)

    @timeout.setter
    def timeout(self, timeout: float) -> None:
        seconds = as_number("timeout", timeout, above=True)
        self._proxy.call(lambda world: setattr(world.callbacks, "timeout", seconds))

    @property
    def timestamps(self) -> Literal["clock", "real"]:
        """The source of the timestamps in signatures.

        `clock`: the mock's clock, for a receiver that uses `mock.clock.time()`. `real`: the
        computer's time, for a receiver that compares them with that.
        """
        return self._proxy.call(lambda world: world.callbacks.timestamps)

    @timestamps.setter
    def timestamps(self, timestamps: Literal["clock", "real"]) -> None:
        if not is_one_of(timestamps, {"clock", "real"}):
            raise ValueError(f"timestamps: must be 'clock' or 'real', got {timestamps!r}")
        self._proxy.call(lambda world: setattr(world.callbacks, "timestamps", timestamps))

    def deliver_to(
        self,
        app: Callable[..., Any],
        host: str = "app.test",
        *,
        kind: Literal["asgi", "wsgi"] | None = None,
    ) -> None:
        """Deliver callbacks to *host* by calling *app* in this process, without a socket.

            mock.callbacks.deliver_to(app)
            kling.text2video.create(prompt="a kitten", callback_url="http://app.test/callback")

        Signatures, retries, `timeout`, faults and `mock.deliveries` work as for any callback. A
        delivery ends when the app has returned, including background tasks of its reply, or after
        `timeout`; a reply that was complete by then counts. An exception in the app counts as a
        500, and is logged.

        An ASGI app runs in the asyncio event loop in which this method is called, if there is one;
        otherwise in a loop on a thread of its own, which ends with the server. Lifespan events
        are not sent: a test that needs them must run them, in the same loop. A WSGI app is called
        in a new thread each time.

        The app is used until the server is reset, even after `stop` and `restore`; another app
        for the same host replaces it. The relay's own webhooks go to addresses only.

        Args:
            app: An ASGI app (FastAPI, Starlette, Django) or a WSGI app (Flask, Django).
            host: The host of the URLs, without a port; their port and scheme do not matter.
                `.test` is a domain that never exists (RFC 2606).
            kind: The kind of *app*; `None` detects it from the signature.

        Raises:
            ValueError: *app* is neither, or its signature is ambiguous; or *host* is invalid.
        """
        from kling_mock.kling.callbacks.apps import app_of  # rarely needed

        (name,) = read_hosts("host", as_text("host", host))
        if name == ANY_HOST:
            raise ValueError("host: must be one host, such as 'app.test'; got '*'")
        loop = asyncio.get_running_loop() if event_loop_here() == "asyncio" else None
        called = app_of(app, kind, loop)
        if self._proxy.world.clock.running:
            called.start()  # here, so that the app's thread belongs to this test
        self._proxy.call(lambda world: world.callbacks.deliver_to(name.rstrip("."), called))

    def __repr__(self) -> str:
        return (
            f"<Callbacks: retries={self.retries}, timeout={self.timeout:g}, "
            f"timestamps={self.timestamps!r}>"
        )


class DeliveriesHandle(KnownAttributes):
    """The newest deliveries of callbacks, in the order in which they were made.

    Each is immutable, and shows the state at the moment when it was read.
    """

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    @property
    def total(self) -> int:
        """The number of deliveries ever made, including those that are no longer kept."""
        return self._proxy.world.callbacks.log.total

    @property
    def forgotten(self) -> int:
        """The number of deliveries that are no longer kept; unless 0, this list is incomplete."""
        log = self._proxy.world.callbacks.log
        return log.total - len(log)

    def of(self, task: str | HasTaskId) -> list[Delivery]:
        """Return the deliveries about one task.

        Args:
            task: A task, or its task id or external id.

        Raises:
            KeyError: There is no such task.
            IncompleteJournalError: Some may be forgotten. The deliveries that are still kept can be
                read by iterating over this object.
        """
        about = self._about(task)
        if not about:
            self._proxy.call(lambda world: world.tasks.any(id_of(task)))
        return about

    def _about(self, task: str | HasTaskId) -> list[Delivery]:
        __tracebackhide__ = True
        task_id, log = self._proxy.world.tasks.id_of(id_of(task)), self._proxy.world.callbacks.log
        about = [delivery for delivery in log if delivery.task_id == task_id]
        if log.may_have_forgotten(task_id):
            raise IncompleteJournalError(
                f"it cannot be known which callbacks there were about this task: {self.forgotten:,}"
                f" of {self.total:,} are forgotten, because only {len(log):,} are kept."
            )
        return about

    def assert_delivered(
        self, task: str | HasTaskId, statuses: Iterable[str] | None = None
    ) -> list[Delivery]:
        """Return the deliveries about *task*, if there are any and each was taken.

        Deliveries that a test has changed, or that contradict the task, do not count. The method
        waits for callbacks under way, but not inside an event loop: call
        `await mock.clock.aadvance(0)` there first.

            mock.deliveries.assert_delivered(task, ["submitted", "processing", "succeed"])

        Args:
            task: A task, or its task id or external id.
            statuses: The statuses that they report, in this order; `None` accepts any.

        Raises:
            AssertionError: There are no deliveries, or other ones; or the last attempt of one was
                not answered 2xx.
            KeyError: There is no such task.
            IncompleteJournalError: That depends on forgotten callbacks.
            ValueError: There is no such status, or *statuses* is empty.
        """
        __tracebackhide__ = True
        expected = None if statuses is None else _read_statuses(statuses)
        about = self._truthful(task)
        lines = [_line(delivery) for delivery in about]
        if not all(_is_taken(delivery) for delivery in about):
            raise AssertionError("\n  ".join(["callbacks that were not taken, among", *lines]))
        reported = [delivery.task_status for delivery in about]
        if expected is not None and reported != expected:
            text = f"expected callbacks of {', '.join(expected)}; there were"
            raise AssertionError("\n  ".join([text, *lines]))
        return about

    def assert_refused(self, task: str | HasTaskId, status: int | None = None) -> list[Delivery]:
        """Return the deliveries about *task* that were attempted, if all their attempts failed.

        That is, if the receiver answered each with something other than 2xx. Then the test means
        it: it does not fail for these callbacks, also when they are repeated. Replays and
        deliveries that a test has changed do not count. The method waits as `assert_delivered`.

            mock.deliveries.assert_refused(task, 401)

        Args:
            task: A task, or its task id or external id.
            status: The HTTP status of each response, 300 to 599; `None` accepts any of these.

        Raises:
            AssertionError: No delivery was attempted, or an attempt had no response or another one.
            KeyError: There is no such task.
            IncompleteJournalError: That depends on forgotten callbacks.
            ValueError: *status* is not such a status.
        """
        __tracebackhide__ = True
        expected = None if status is None else as_whole("status", status, 300, 599)
        tried = {
            delivery: [attempt for attempt in delivery.attempts if not attempt.replayed]
            for delivery in self._truthful(task)
        }
        every = [attempt for attempts in tried.values() for attempt in attempts]
        if not every or not all(
            attempt.status == expected if expected else attempt.status >= 300 for attempt in every
        ):
            named = "" if expected is None else f" with {expected}"
            lines = [
                f"{delivery.task_status}: "
                + (", ".join(str(a.status or a.error) for a in attempts) or delivery.state)
                for delivery, attempts in tried.items()
            ]
            text = f"callbacks that were not refused{named}, among"
            raise AssertionError("\n  ".join([text, *lines]))
        refused = [delivery for delivery, attempts in tried.items() if attempts]

        def expect(world: World) -> None:
            for delivery in refused:
                world.findings.expect_refusal(delivery.delivery_id, expected or 0)

        self._proxy.call(expect)
        return refused

    def _truthful(self, task: str | HasTaskId) -> list[Delivery]:
        __tracebackhide__ = True
        self._proxy.settle()
        about = [delivery for delivery in self.of(task) if delivery.truthful]
        if not about:
            raise AssertionError(
                "there was no callback about this task; does it have a callback_url?"
            )
        return about

    def find(self, delivery_id: str) -> Delivery:
        """Return the delivery with this id.

        Raises:
            KeyError: There is no such delivery, or it is no longer kept.
        """
        delivery = self._proxy.world.callbacks.log.find(delivery_id)
        if delivery is None:
            raise KeyError("There is no delivery with this id, or it is no longer kept.")
        return delivery

    def replay(self, delivery: Delivery | str | HasTaskId, *, resign: bool = False) -> None:
        """Send something once more with an unchanged body; return when done.

        Args:
            delivery: One delivery; or a task or one of its ids, for all its deliveries in order.
            resign: Whether to use a new timestamp and signature; else the headers stay the same.

        Raises:
            KeyError: There was no delivery about this task.
            IncompleteJournalError: Some may be forgotten.
            RuntimeError: Called inside an event loop, where the receiver may run:
                `await mock.deliveries.areplay(...)`.
        """
        self._proxy.check_waits("mock.deliveries.areplay(...)")
        self._replay(delivery, resign=resign)
        self._proxy.settle()

    @must_be_awaited
    async def areplay(self, delivery: Delivery | str | HasTaskId, *, resign: bool = False) -> None:
        """Send something once more, as `replay` does, from inside an event loop of asyncio."""
        self._replay(delivery, resign=resign)
        await self._proxy.asettle()

    def _replay(self, delivery: Delivery | str | HasTaskId, *, resign: bool) -> None:
        chosen = [delivery] if isinstance(delivery, Delivery) else self._about(delivery)
        if not chosen:
            raise KeyError("There was no delivery about this task; does it have a callback_url?")
        self._proxy.call(lambda world: world.callbacks.replay(chosen, resign=resign))

    def send_changed(
        self,
        delivery: Delivery,
        *,
        body: bytes | str | None = None,
        url: str | None = None,
        resign: bool = False,
    ) -> Delivery:
        """Send a delivery once with another body or to another address; it is a new delivery.

            first = mock.deliveries[0]
            failed = first.body.replace(b"submitted", b"failed")
            forged = mock.deliveries.send_changed(first, body=failed)

        The method returns when done, as `replay` does; there are no retries. A forged body
        has to be valid except for its signature: even an app without checks refuses a body that
        is not a task.

        Args:
            delivery: The delivery to copy. It stays unchanged.
            body: The body to send; `None` is its own body.
            url: The address, http or https; `None` is its own address.
            resign: Whether it is signed with the account's secret under an id of its own. Otherwise
                the headers stay the same, so the signature does not match a changed body, as with
                a forged one.

        Returns:
            The new delivery, in its state at that time.

        Raises:
            ValueError: *url* is not a valid address.
            RuntimeError: Called inside an event loop, where the receiver may run:
                `await mock.deliveries.asend_changed(...)`.
        """
        self._proxy.check_waits("mock.deliveries.asend_changed(...)")
        changed = self._send_changed(delivery, body, url, resign=resign)
        self._proxy.settle()
        return self.find(changed.delivery_id)

    @must_be_awaited
    async def asend_changed(
        self,
        delivery: Delivery,
        *,
        body: bytes | str | None = None,
        url: str | None = None,
        resign: bool = False,
    ) -> Delivery:
        """Send a changed delivery, as `send_changed` does, from inside an event loop of asyncio."""
        changed = self._send_changed(delivery, body, url, resign=resign)
        await self._proxy.asettle()
        return self.find(changed.delivery_id)

    def _send_changed(
        self, delivery: Delivery, body: bytes | str | None, url: str | None, *, resign: bool
    ) -> Delivery:
        if url is not None and not is_http_url(as_text("url", url)):
            raise ValueError("url: must be http or https with a host; got another address")
        sent = body.encode() if isinstance(body, str) else body
        return self._proxy.call(
            lambda world: world.callbacks.send_changed(delivery, body=sent, url=url, resign=resign)
        )

    def __len__(self) -> int:
        return len(self._proxy.world.callbacks.log)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._proxy.world.callbacks.log)

    def __getitem__(self, position: int) -> Delivery:
        return tuple(self)[position]

    def __repr__(self) -> str:
        return f"<Deliveries: {self.total}, {len(self)} kept>"


def _read_statuses(names: Iterable[str]) -> list[str]:
    statuses = [*as_items("statuses", names, str, f"any of {', '.join(STATUSES)}")]
    wrong = [status for status in statuses if status not in STATUSES]
    if wrong or not statuses:
        got = repr(wrong[0]) if wrong else "none"
        raise ValueError(f"statuses: each must be one of {', '.join(STATUSES)}; got {got}")
    return statuses


def _is_taken(delivery: Delivery) -> bool:
    """Return whether the last attempt was answered 2xx; earlier attempts do not count."""
    return bool(delivery.attempts) and 200 <= delivery.attempts[-1].status < 300


def _line(delivery: Delivery) -> str:
    text = f"{delivery.task_status}: {delivery.state}"
    if not delivery.attempts:
        return text
    last = delivery.attempts[-1]
    return f"{text}, {last.status or last.error}"
