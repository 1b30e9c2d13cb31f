"""The queue of callbacks: what is sent after a change of status, when, and how often.

Reports of one task are delivered one after the other, those of different tasks concurrently.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

from yarl import URL

from kling_mock.clock import MockClock
from kling_mock.kling.callbacks.log import Deliveries, Delivery, DeliveryAttempt, Fate
from kling_mock.kling.callbacks.sender import CallbackSender, Receipt
from kling_mock.kling.endpoints.registry import EndpointRegistry
from kling_mock.kling.faults.matching import Faults
from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.journal.findings import RECEIVERS, Findings, Untaken
from kling_mock.kling.model.accounts import Accounts
from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.service_codes import CODES
from kling_mock.web.addresses import is_loopback, shown_url
from kling_mock.web.facts import assumed, documented
from kling_mock.web.webhook_signing import signed_headers

if TYPE_CHECKING:
    from kling_mock.kling.callbacks.apps import InProcessApp

TRIGGERS = documented(
    "pages-2026-09",
    "pages-2026-04",
    as_of="2026-09-20",
    note="at every change of status; that `submitted` is reported too was seen at relays",
)
SIGNED = documented(
    "pages-2026-09",
    as_of="2026-09-20",
    note="since 2026-08-07, for accounts that have set a secret; with two during a rotation",
)
SIGNED_V1 = assumed("whether callbacks of the /v1 interface are signed is not stated")
RETRIES = assumed("no page states whether, when or how often a report is tried again")
SUCCESS = assumed("a page wants 200 for a test report; here any 2xx is a success")
TIMEOUT = assumed("no page states how long a reply may take")

RETRY_DELAYS = (10.0, 30.0, 60.0)  # seconds from one attempt to the next
_TIMEOUT = 5.0  # seconds of real time
_OF_SILENT = 0.2  # of the timeout, or a test would wait a minute for a receiver that never answers
_URL_SHOWN = 150  # characters
_OPPOSITE: dict[Status, Status] = {"succeed": "failed", "failed": "succeed"}


class _Queue:
    """Reports of one task that have not been attempted yet."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Delivery, int]] = deque()
        self.empty = asyncio.Event()


class CallbackQueue:
    """The reports of one world.

    Args:
        clock: The server's clock.
        random: The source of ids and shuffled orders.
        accounts: The accounts, whose secrets sign the reports.
        faults: The world's faults.
        sender: Sends the reports.
        endpoints: The endpoints, which decide the form of a report.
        allowed: Hosts that may be called in addition to this computer.
        changes: Receives the deliveries that change; `None` makes a log.
        findings: Receives the reports that were not accepted; `None` makes an object for them.

    Attributes:
        log: All deliveries.
        retries: Seconds from one attempt to the next; empty for one attempt only.
        timeout: The maximum time for a reply, in seconds of real time.
        timestamps: The time that dates signatures: the mock's `clock`, or `real` time.
        early: Tasks whose create calls are answered only after their first reports.
    """

    def __init__(
        self,
        clock: MockClock,
        random: Random,
        accounts: Accounts,
        faults: Faults,
        sender: CallbackSender,
        endpoints: EndpointRegistry,
        allowed: frozenset[str] = frozenset(),
        changes: ChangeLog | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._findings = Findings() if findings is None else findings
        self._clock = clock
        self._random = random
        self._accounts = accounts
        self._faults = faults
        self._sender = sender
        self._endpoints = endpoints
        self._allowed = allowed
        self._queues: dict[str, _Queue] = {}
        self._shuffled: dict[str, list[tuple[Delivery, int]]] = {}
        self.log = Deliveries(ChangeLog() if changes is None else changes)
        self.retries: tuple[float, ...] = RETRY_DELAYS
        self.timeout = _TIMEOUT
        self.timestamps: Literal["clock", "real"] = "clock"
        self.early: set[str] = set()
        self._silent: set[str] = set()  # the URLs whose last attempt timed out
        self._under_way: dict[str, Delivery] = {}

    # ------------------------------------------------------------ contents of reports

    def report(self, task: EmulatedTask) -> None:
        """Report the new status of *task*, if such a change is reported."""
        if task.is_done or not self._endpoints[task.plan.endpoint].reports_end_only:
            self._report(task)

    def _report(self, task: EmulatedTask) -> None:
        delivery = self._new(task, task.status, task.message)
        if not self._faults.any:
            self._send(delivery)
            return
        faults, subject = self._faults, task.subject(task.status)
        if task.status == "submitted":
            if faults.take("callback-shuffled", subject):
                self._shuffled[task.task_id] = []
            if faults.take("callback-before-create-returns", subject):
                self.early.add(task.task_id)
        duplicate = faults.take("callback-duplicate", subject)
        copies = duplicate.settings["copies"] if duplicate is not None else 1
        if faults.take("callback-omit-task-info", subject):
            interface = self._endpoints[task.plan.endpoint].interface
            delivery = delivery._replace(body=interface.without_external_id(delivery.body))
            self.log.update(delivery)
        delayed = faults.take("callback-delayed", subject)
        if faults.take("callback-dropped", subject):
            self.log.update(delivery.after("dropped"))
        elif task.task_id in self._shuffled:
            self._shuffled[task.task_id].append((delivery, copies))
        elif delayed is not None:
            late = self._clock.now() + delayed.settings["seconds"]
            self._clock.call_at(late, self._send, delivery, copies)
        else:
            self._send(delivery, copies)
        if task.is_done:
            self._end(task)

    def _end(self, task: EmulatedTask) -> None:
        """Send the reports that waited for the end of *task*, and those that contradict it."""
        held = self._shuffled.pop(task.task_id, [])
        order = list(range(len(held)))
        while len(held) > 1 and order == sorted(order):
            self._random.shuffle(order)
        for place in order:
            self._send(*held[place])
        lie = self._faults.take("callback-contradicting", task.subject(task.status))
        if lie is not None:
            status = _OPPOSITE[task.status]
            message = "" if status == "succeed" else CODES[5000].message
            delivery = self._new(task, status, message, truthful=False)
            if lie.settings["seconds"]:
                late = self._clock.now() + lie.settings["seconds"]
                self._clock.call_at(late, self._send, delivery)
            else:
                self._send(delivery)

    def _new(
        self, task: EmulatedTask, status: Status, message: str, *, truthful: bool = True
    ) -> Delivery:
        interface = self._endpoints[task.plan.endpoint].interface
        delivery = Delivery(
            self._new_id(),
            task.task_id,
            task.account.name,
            status,
            task.plan.callback_url,
            interface.reported(task, status, message, task.origin),
            self._clock.now(),
            truthful,
        )
        self.log.add(delivery)
        return delivery

    def replay(self, deliveries: Iterable[Delivery], *, resign: bool) -> None:
        """Send *deliveries* once more, one after the other.

        Args:
            deliveries: What to send.
            resign: Whether they get a new date and signature; otherwise every byte stays the same,
                except for a delivery that was never sent.

        Raises:
            RuntimeError: The server does not run.
        """

        async def work() -> None:
            for delivery in deliveries:
                known = self.log.find(delivery.delivery_id) or delivery
                await self._try(known, () if resign else known.headers, replayed=True)

        self._check_running()
        self._clock.spawn(work(), "replays of callbacks")

    def send_changed(
        self, delivery: Delivery, *, body: bytes | None, url: str | None, resign: bool
    ) -> Delivery:
        """Send *delivery* once with another body, or to another address, as a new delivery.

        Args:
            delivery: The original, which is not modified.
            body: The body to send; `None` is the original's.
            url: The target; `None` is the original's.
            resign: Whether the new one is signed under its own id; otherwise the headers are those
                of *delivery*, and a signature among them does not match another body.

        Raises:
            RuntimeError: The server does not run.
        """
        self._check_running()
        known = self.log.find(delivery.delivery_id) or delivery
        changed = Delivery(
            self._new_id(),
            known.task_id,
            known.account,
            known.task_status,
            known.url if url is None else url,
            known.body if body is None else body,
            self._clock.now(),
            truthful=known.truthful and body in {None, known.body},
        )
        self.log.add(changed)
        headers = () if resign else known.headers
        work = self._try(changed, headers, failure="gave-up", replayed=True)
        self._clock.spawn(work, "replays of callbacks")
        return changed

    def _check_running(self) -> None:
        if not self._clock.running:
            raise RuntimeError("Nothing can be sent before the server runs: call start() first.")

    def _new_id(self) -> str:
        return f"msg_{self._random.getrandbits(128):032x}"

    def deliver_to(self, host: str, app: InProcessApp) -> None:
        """Deliver reports whose URL has *host* to *app* from now on."""
        apps = self._sender.apps
        if (before := apps.get(host)) is not None:
            before.stop()
        apps[host] = app

    # ------------------------------------------------------------ order and retries

    def _send(self, delivery: Delivery, copies: int = 1) -> None:
        """Deliver after the earlier reports of the same task."""
        if not self._clock.running:  # it is due when the server starts
            self._clock.call_at(self._clock.now(), self._send, delivery, copies)
            return
        queue = self._queues.get(delivery.task_id)
        if queue is None:
            queue = self._queues[delivery.task_id] = _Queue()
            work = self._work(delivery.task_id, queue)
            name = f"callbacks of task {delivery.task_id}"
            self._clock.spawn(work, name, partial(self._send_again, queue.waiting))
        queue.waiting.append((delivery, copies))

    def _send_again(self, waiting: Iterable[tuple[Delivery, int]]) -> None:
        """Send the reports not delivered when the server stopped; one of them may arrive twice."""
        for delivery, copies in waiting:
            self._send(delivery, copies)

    async def sent_early(self) -> None:
        """Wait until the reports so far of the tasks in `early` have been attempted once."""
        waiting = [self._queues[task_id] for task_id in self.early if task_id in self._queues]
        self.early.clear()
        for queue in waiting:
            await queue.empty.wait()

    async def _work(self, task_id: str, queue: _Queue) -> None:
        try:
            while queue.waiting:
                delivery, copies = queue.waiting[0]  # it stays there until it has been attempted
                more = [self._try(delivery) for _ in range(copies - 1)]
                await asyncio.gather(self._attempt(delivery, 0), *more)
                queue.waiting.popleft()
        finally:
            if self._queues.get(task_id) is queue:
                del self._queues[task_id]
            queue.empty.set()

    async def _attempt(self, delivery: Delivery, retry: int) -> None:
        """Attempt a delivery, and schedule the next attempt if one is needed."""
        last = retry >= len(self.retries)
        delivery = await self._try(delivery, failure="gave-up" if last else "refused")
        if delivery.state == "pending":
            again = self._clock.now() + self.retries[retry]
            self._clock.call_at(again, self._retry, delivery, retry + 1)

    def _retry(self, delivery: Delivery, retry: int) -> None:
        again = partial(self._retry, delivery, retry)
        name = f"callbacks of task {delivery.task_id}"
        self._clock.spawn(self._attempt(delivery, retry), name, again)

    # ------------------------------------------------------------ one attempt

    async def _try(
        self,
        delivery: Delivery,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        failure: Fate = "refused",
        replayed: bool = False,
    ) -> Delivery:
        """Send once; return the new state of the delivery."""
        at = self._clock.now()
        headers = headers or self._headers(delivery)
        url = delivery.url
        timeout = self.timeout * (_OF_SILENT if url in self._silent else 1)
        if not replayed and delivery.truthful:  # a test's forgery is meant to be refused
            self._under_way[delivery.delivery_id] = delivery
        try:
            receipt = await self._sender.send(url, headers, delivery.body, timeout, self._allowed)
        finally:
            is_judged = self._under_way.pop(delivery.delivery_id, None) is not None
        (self._silent.add if receipt.timed_out else self._silent.discard)(url)
        known = self.log.find(delivery.delivery_id) or delivery
        fate: Fate = "sent"
        if receipt.blocked:
            fate = "blocked"
        elif not 200 <= receipt.status < 300:
            fate = failure if known.state == "pending" else "refused"
        attempt = DeliveryAttempt(at, receipt.status, receipt.error, receipt.body, replayed)
        known = known.after(fate)._replace(headers=headers, attempts=(*known.attempts, attempt))
        self.log.update(known)
        if known.state == "delivered":
            self._findings.remove_untaken(known.delivery_id)
        elif is_judged:
            self._note_untaken(known, receipt)
        return known

    def note_cut(self) -> None:
        """Record the callbacks that are under way at the end of a test."""
        for delivery in self._under_way.values():
            if not self._findings.is_untaken(delivery.delivery_id):
                cut = Receipt(0, "no response when the test ended", unreached=True)
                self._note_untaken(delivery, cut)

    def _note_untaken(self, delivery: Delivery, receipt: Receipt) -> None:
        """Record that a callback was not accepted, if the test has to account for it."""
        if any(delivery.url.startswith(url) for url in self._findings.own_urls):
            return
        if _is_own_receiver(delivery.url) and not (receipt.status == 400 and receipt.body):
            return  # the test has told it to reply this way
        came = str(receipt.status) if receipt.status else receipt.error
        about = f"{delivery.task_status} of task {delivery.task_id}"
        reached = not (receipt.blocked or receipt.unreached)
        text = f"{about} to {shown_url(delivery.url)[:_URL_SHOWN]}: {came}"
        untaken = Untaken(text, fails=reached)
        self._findings.not_taken(
            delivery.delivery_id,
            untaken,
            receipt.status,
            is_repeated=delivery.state == "pending",
        )

    def _headers(self, delivery: Delivery) -> tuple[tuple[str, str], ...]:
        account = self._accounts[delivery.account]
        now = self._clock.now()
        dated = int(now if self.timestamps == "clock" else self._sender.time())
        signed = signed_headers(
            account.signing_secrets(now), delivery.delivery_id, dated, delivery.body
        )
        return (("Content-Type", "application/json"), *signed)


def _is_own_receiver(url: str) -> bool:
    """Return whether a `KlingReceiver` of this process listens there."""
    try:
        target = URL(url)
    except ValueError:
        return False
    return target.port in RECEIVERS and is_loopback(target.host or "")
