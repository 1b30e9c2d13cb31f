"""The callbacks of a server, for tests: how they are sent, and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from kling_mock.clock import event_loop_here
from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, LoopProxy, id_of
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.world import World
from kling_mock.web.addresses import ANY_HOST, is_http_url, read_hosts
from kling_mock.web.values import as_items, as_number, as_text, is_one_of

__all__ = ["CallbacksHandle", "DeliveriesHandle"]


class CallbacksHandle(KnownAttributes):
    """How callbacks are sent."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    @property
    def retries(self) -> tuple[float, ...]:
        """Seconds of the mock's clock from one attempt to the next; empty for one attempt only.

        What the vendor does is documented nowhere; 10, 30 and 60 s are assumed.
        """
        return self._proxy.call(lambda world: world.callbacks.retries)

    @retries.setter
    def retries(self, given: Iterable[float]) -> None:
        what = "numbers of seconds, 0 or more, such as (10, 30)"
        items = as_items("retries", given, (int, float), what)
        try:
            delays = tuple(as_number("retries", seconds) for seconds in items)
        except ValueError:
            raise ValueError(f"retries: must be {what}; got {given!r}") from None

        def work(world: World) -> None:
            world.callbacks.retries = delays

        self._proxy.call(work)

    @property
    def timeout(self) -> float:
        """Seconds of real time that a receiver may take to answer; 5 is assumed."""
        return self._proxy.call(lambda world: world.callbacks.timeout)

    @timeout.setter
    def timeout(self, given: float) -> None:
        seconds = as_number("timeout", given, above=True)

        def work(world: World) -> None:
            world.callbacks.timeout = seconds

        self._proxy.call(work)

    @property
    def timestamps(self) -> Literal["clock", "real"]:
        """The clock of the timestamps in signatures.

        `clock`: the mock's, for a receiver that uses `mock.clock.time()`. `real`: the
        computer's time, for one that compares them with that.
        """
        return self._proxy.call(lambda world: world.callbacks.timestamps)

    @timestamps.setter
    def timestamps(self, given: Literal["clock", "real"]) -> None:
        if not is_one_of(given, {"clock", "real"}):
            raise ValueError(f"timestamps: must be 'clock' or 'real', got {given!r}")

        def work(world: World) -> None:
            world.callbacks.timestamps = given

        self._proxy.call(work)

    def deliver_to(
        self,
        app: Callable[..., Any],
        host: str = "app.test",
        *,
        kind: Literal["asgi", "wsgi"] | None = None,
    ) -> None:
        """Call *app* in this process for callbacks whose URL has *host*; no socket is opened.

            mock.callbacks.deliver_to(app)
            kling.text2video.create(prompt="a kitten", callback_url="http://app.test/callback")

        Signatures, retries, `timeout`, faults and `mock.deliveries` are those of any callback. A
        delivery ends when the app has returned, background tasks of its reply included, or after
        `timeout`; a reply that was whole by then counts. An exception of the app is a 500, and
        in the log.

        An ASGI app runs in the event loop of asyncio in which this is called, if there is one;
        otherwise in one on a thread of its own, which ends with the server. Lifespan events are
        not sent: whoever needs them runs them, in the same loop. A WSGI app is called in a new
        thread each time.

        It holds until the server is reset, also after `stop` and `restore`; another app for the
        same host takes its place. The relay's own webhooks go to addresses only.

        Args:
            app: An ASGI app (FastAPI, Starlette, Django) or a WSGI app (Flask, Django).
            host: The host of the URLs, without a port, and whatever their port and scheme are.
                `.test` is a domain that never exists (RFC 2606).
            kind: Which of the two *app* is; `None` is what its signature says.

        Raises:
            ValueError: *app* is neither, or its signature does not tell; or *host* is no host.
        """
        from kling_mock.kling.callbacks.apps import app_of  # few tests have one

        (name,) = read_hosts("host", as_text("host", host))
        if name == ANY_HOST:
            raise ValueError("host: must be one host, such as 'app.test'; got '*'")
        loop = asyncio.get_running_loop() if event_loop_here() == "asyncio" else None
        called = app_of(app, kind, loop)
        if self._proxy.world.clock.running:
            called.start()  # by the test, whose the app's thread then is
        self._proxy.call(lambda world: world.callbacks.deliver_to(name.rstrip("."), called))

    def __repr__(self) -> str:
        return (
            f"<Callbacks: retries={self.retries}, timeout={self.timeout:g}, "
            f"timestamps={self.timestamps!r}>"
        )


class DeliveriesHandle(KnownAttributes):
    """The newest deliveries of callbacks, in the order in which they were made.

    Each is immutable: the state at the moment when it was read.
    """

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    @property
    def total(self) -> int:
        """How many were ever made, also those that are no longer kept."""
        return self._proxy.world.callbacks.log.total

    @property
    def forgotten(self) -> int:
        """How many are no longer kept; while it is not 0, what can be read is not all."""
        log = self._proxy.world.callbacks.log
        return log.total - len(log)

    def of(self, task: str | HasTaskId) -> list[Delivery]:
        """Return the deliveries about one task.

        Args:
            task: A task, or its task id.
        """
        task_id = id_of(task)
        return [delivery for delivery in self if delivery.task_id == task_id]

    def find(self, delivery_id: str) -> Delivery:
        """Return the delivery with this id.

        Raises:
            KeyError: There is none, or it is no longer kept.
        """
        found = self._proxy.world.callbacks.log.find(delivery_id)
        if found is None:
            raise KeyError("There is no delivery with this id, or it is no longer kept.")
        return found

    def replay(self, delivery: Delivery | str | HasTaskId, *, resign: bool = False) -> None:
        """Send something once more, not a byte of its body changed.

        Returns when that is done. Inside an event loop it returns at once, since the receiver
        may run there; `await mock.clock.aadvance(0)` then waits.

        Args:
            delivery: One delivery; or a task or its id, for all its deliveries in order.
            resign: Whether it gets a new timestamp and signature; else its headers are the same.

        Raises:
            KeyError: There was no delivery about this task.
        """
        chosen = [delivery] if isinstance(delivery, Delivery) else self.of(delivery)
        if not chosen:
            raise KeyError("There was no delivery about this task; has it a callback_url?")
        self._proxy.call(lambda world: world.callbacks.replay(chosen, resign=resign))
        self._proxy.settle()

    def send_changed(
        self,
        delivery: Delivery,
        *,
        body: bytes | str | None = None,
        url: str | None = None,
        resign: bool = False,
    ) -> Delivery:
        """Send a delivery once with another body or to another address; it is a new delivery.

            forged = mock.deliveries.send_changed(mock.deliveries[-1], body='{"code": 0}')

        It returns when that is done, as `replay` does, and is tried once.

        Args:
            delivery: What is changed. It stays as it is.
            body: What is sent; `None` is its own body.
            url: Where it goes, http or https; `None` is its own address.
            resign: Whether it is signed by the account's secret under an id of its own. Without,
                the headers stay the same: a changed body has a signature that does not belong to
                it, as a forged one has.

        Returns:
            The new delivery, as it is known by then.

        Raises:
            ValueError: *url* is no address.
        """
        if url is not None and not is_http_url(as_text("url", url)):
            raise ValueError("url: must be http or https with a host; got another address")
        sent = body.encode() if isinstance(body, str) else body
        changed = self._proxy.call(
            lambda world: world.callbacks.send_changed(delivery, body=sent, url=url, resign=resign)
        )
        self._proxy.settle()
        return self.find(changed.delivery_id)

    def __len__(self) -> int:
        return len(self._proxy.world.callbacks.log)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._proxy.world.callbacks.log)

    def __getitem__(self, position: int) -> Delivery:
        return tuple(self)[position]

    def __repr__(self) -> str:
        return f"<Deliveries: {self.total}, {len(self)} kept>"
