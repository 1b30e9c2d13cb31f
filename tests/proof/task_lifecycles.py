"""Scenarios of a task's lifecycle, run against a relay process that may be killed at any point.

A scenario is what a user, Kling and the time do, step by step. If the process is killed on the
way, the rest is left out; a new process is started, the user repeats what got no reply, as users
do, and time goes on until everything has ended. Then rows, ledger and balances are checked.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

import attrs
import httpx

from kling_mock import KlingMock
from kling_mock.relay.settings import RelaySettings
from tests.mock.receiver import Receiver
from tests.mock.relay.storage.databases import Database
from tests.proof.checker import Verdict, charges_in, judge
from tests.proof.killable_relay import ProcessOptions, run_relay
from tests.proof.relay_processes import PRICE, VIDEO, VIDEOS

_OPENING: Final = 5_000_000_000
STEP: Final = 65  # seconds on the clock: a little more than a "not found" has to wait
_STEPS: Final = 24  # a sweeper that was killed, an unknown create and an outbox need about ten
LATE: Final = 600  # seconds after which Kling accepts what it had kept waiting
_DISABLED: Final = {"status": "disabled"}
_RETRIES: Final = 3  # steps in which Kling repeats a callback
_CLEAN: Final = (
    "DELETE FROM videos",
    "DELETE FROM outbox",
    "DELETE FROM receivers",
    "DELETE FROM reports",
    "DELETE FROM ledger WHERE kind IN ('hold', 'release', 'charge')",
    f"UPDATE users SET quota = {_OPENING}, used_quota = 0, request_count = 0, held_quota = 0",
    "UPDATE tokens SET used_quota = 0, held_quota = 0",
)
# Clean processes to fork from, each with the relay loaded.
_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.proof.killable_relay", "asyncmy", "kling_mock.relay.storage.connect"]
)


class KilledError(Exception):
    """The process was killed."""


@attrs.define
class Environment:
    """The parts that outlive a relay process: Kling, the database, and the user's own server."""

    kling: KlingMock
    database: Database
    receiver: Receiver
    settings: RelaySettings
    http: httpx.Client = attrs.field(factory=partial(httpx.Client, timeout=30))
    port: int = 0

    @property
    def user(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.token}"}

    @property
    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.admin_token}"}

    def query(self, sql: str) -> Sequence[Sequence[Any]]:
        return asyncio.run(self.database.query(sql))

    def charges(self) -> Counter[str]:
        return asyncio.run(charges_in(self.database))

    def clean(self) -> None:
        """Delete the last scenario, also what Kling would still have accepted of it."""
        for sql in _CLEAN:
            self.query(sql)
        self.kling.faults.clear()
        self.kling.clock.advance(LATE)
        self.receiver.received.clear()
        self.receiver.answers.clear()


@contextmanager
def prepared(database: Database) -> Iterator[Environment]:
    """Set everything up over an empty database; Kling signs, and the relay knows the secret."""
    receiver = Receiver()
    try:
        with KlingMock(relay=False) as kling:
            kling.progress.add("stuck")  # a task ends when its scenario ends it
            key = f"{kling.access_key}|{kling.secret_key}"
            settings = RelaySettings(
                upstream_url=kling.kling_url,
                upstream_key=key,
                token=f"sk-{secrets.token_hex(16)}",
                admin_token=f"admin-{secrets.token_hex(8)}",
                callback_secret=b"s" * 32,
                callback_hosts="*",
            )
            environment = Environment(kling, database, receiver, settings)
            channel = {
                "name": "Kling AI",
                "base_url": kling.kling_url,
                "key": key,
                "webhook_secrets": kling.account.add_webhook_secret(),
            }
            with running(environment) as scenario:
                environment.port = httpx.URL(scenario.url).port or 0
                path = "/__kling/relay/channels/1"
                reply = scenario.call("PUT", path, json=channel, headers=environment.operator)
                assert reply.status_code == 200, reply.text
            yield environment
            environment.http.close()
    finally:
        receiver.close()


class Scenario:
    """One run of a scenario. The methods up to `wait` are its steps; each raises `KilledError`."""

    def __init__(
        self, environment: Environment, *, kill_at: tuple[str, int] | None, naive: bool
    ) -> None:
        self.environment = environment
        self.kling = environment.kling
        self.external_id = f"order-{secrets.token_hex(4)}"
        self.replied: dict[str, str] = {}
        self.unanswered: str | None = None
        self.was_killed = False
        self.passed: list[tuple[str, int]] = []
        self._naive = naive
        self._before = {task.task_id for task in self._upstream()}
        self._start(kill_at)

    # ------------------------------------------------------------ steps

    def create(self, suffix: str = "") -> str:
        """Create a task as a user does; return Kling's id of it, "" if that is not known.

        Args:
            suffix: Makes the external id of another task of the same scenario.
        """
        body = VIDEO | {
            "external_task_id": self.external_id + suffix,
            "callback_url": self.environment.receiver.url,
        }
        self.unanswered = suffix
        reply = self.call("POST", f"{VIDEOS}/text2video", json=body, headers=self.environment.user)
        self.unanswered = None
        if reply.status_code != 200:
            return ""
        self.replied[reply.json()["task_id"]] = reply.json()["status"]
        return str(reply.json()["kling_task_id"])

    def query(self) -> None:
        """Ask for the task as its user does."""
        self.call("GET", f"{VIDEOS}/{self.external_id}", headers=self.environment.user)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self.environment.http.request(method, self.url + path, **options)
        except httpx.TransportError:
            self._reap()
            raise KilledError from None

    def process(self, kling_id: str) -> None:
        self.kling.process(kling_id)
        self._check_alive()

    def complete(self, kling_id: str) -> None:
        self.kling.complete(kling_id)
        self._check_alive()

    def fail(self, kling_id: str) -> None:
        self.kling.fail(kling_id)
        self._check_alive()

    def complete_all(self) -> None:
        """Complete all tasks of this scenario at Kling."""
        for task in self._upstream():
            if task.task_id not in self._before and not task.is_done:
                self.complete(task.task_id)

    def wait(self, seconds: float) -> None:
        """Let time pass for Kling and for the relay."""
        self.kling.clock.advance(seconds)
        self._check_alive()
        try:
            self._pipe.send(seconds)
            self._pipe.recv()
        except (EOFError, OSError):
            self._reap()
            raise KilledError from None

    def disable_receiver(self) -> None:
        """Disable the receiver that has failed, as an operator does."""
        path, operator = "/__kling/relay/receivers", self.environment.operator
        (receiver,) = self.call("GET", path, headers=operator).json()["data"]
        self.call("POST", f"{path}/{receiver['id']}/status", json=_DISABLED, headers=operator)

    def age(self, seconds: int) -> None:
        """Make all tasks older, as if time had passed without a poll."""
        self.environment.query(f"UPDATE videos SET created_at = created_at - {seconds}")

    # ------------------------------------------------------------ afterwards

    def count_all_tasks(self) -> None:
        """Count all tasks of Kling as those of this scenario."""
        self._before = set()

    def run(self, steps: Callable[[Scenario], None]) -> None:
        """Live, up to the end or to the point at which the process dies."""
        with suppress(KilledError):
            steps(self)

    def end(self) -> None:
        """Continue until everything has ended, also if the process dies on the way."""
        self.environment.receiver.answers.clear()  # it works again
        with suppress(KilledError):
            self._go_on()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Start again if it was killed, and continue until everything has ended."""
        least = 0
        if self.was_killed:
            self._start(None)
            least = _RETRIES  # Kling repeats what the process was killed before it replied to
        if self.unanswered is not None:
            # Until the lease of the killed process has ended, a repeat would only wait for it.
            self.wait(self.environment.settings.create_lease)
            self.create(self.unanswered)  # under the same external id
        self.complete_all()
        for step in range(_STEPS):
            if step >= least and not self._going_on():
                break
            self.wait(STEP)
            self.complete_all()

    def stop(self) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
            try:
                self.passed = self._pipe.recv()
            except (EOFError, OSError):
                self._process.kill()
        self._process.join(20)
        self._pipe.close()

    def _going_on(self) -> bool:
        sql = "SELECT COUNT(*) FROM {} WHERE {}"
        open_ = sql.format("videos", "status NOT IN ('succeed', 'failed')")
        queued = sql.format("outbox", "state = 'pending'")
        counts = [self.environment.query(statement) for statement in (open_, queued)]
        return any(int(rows[0][0]) for rows in counts)

    def _start(self, kill_at: tuple[str, int] | None) -> None:
        database, settings = self.environment.database.url, self.environment.settings
        now = self.kling.clock.now()
        options = ProcessOptions(
            database, settings, now, self.environment.port, kill_at, self._naive
        )
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=run_relay, args=(options, theirs))
        self._process.start()
        theirs.close()
        self.url: str = self._pipe.recv()

    def _check_alive(self) -> None:
        """See whether the callback has killed it."""
        if not self._process.is_alive():
            self._reap()
            raise KilledError

    def _reap(self) -> None:
        self._process.join(20)
        assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode
        self._pipe.close()
        self.was_killed = True

    def _upstream(self) -> list[Any]:
        return self.kling._proxy.call(lambda world: list(world.tasks))

    # ------------------------------------------------------------ the checks

    def check(self) -> Checked:
        """Compare rows, ledger and balances with Kling's tasks and the users' webhooks."""
        query = self.environment.query
        rows = query("SELECT task_id, status, fail_reason, callback_url FROM videos")
        ends = {str(row[0]): str(row[1]) for row in rows}
        tasks = [task for task in self._upstream() if task.task_id not in self._before]
        at_kling = {task.plan.external_task_id: str(task.status) for task in tasks}
        reported = {str(row[0]) for row in query("SELECT task_id FROM reports")}
        notified = Counter(
            (webhook.task["task_id"], webhook.task["task_status"])
            for webhook in self.environment.receiver.received
        )
        wrong = [
            *(
                f"{task_id} had a reply and has no row"
                for task_id in self.replied.keys() - ends.keys()
            ),
            *(f"{task_id} is Kling's alone" for task_id in at_kling.keys() - ends.keys()),
            *_disagreeing(ends, at_kling, reported),
            *(
                f"the user got no webhook of {task_id}"
                for task_id, status, reason, url in rows
                if url and not notified[task_id, status] and not str(reason).startswith("refused")
            ),
        ]
        if not int(query("SELECT COUNT(*) FROM receivers WHERE off_at > 0")[0][0]):
            unsent = query("SELECT event_id, state FROM outbox WHERE state <> 'delivered'")
            wrong += [f"the webhook {event_id} is {state}" for event_id, state in unsent]
        if len(tasks) != len(at_kling):
            wrong.append(f"{len(tasks)} tasks at Kling for {len(at_kling)} rows")
        wrong += self._balances(Counter(ends.values())["succeed"])
        return Checked(judge(ends, self.environment.charges(), wrong), ends)

    def _balances(self, bought: int) -> list[str]:
        used = bought * PRICE
        expected = {
            "SELECT quota, used_quota, request_count, held_quota FROM users": (
                _OPENING - used,
                used,
                bought,
                0,
            ),
            "SELECT used_quota, held_quota FROM tokens": (used, 0),
            "SELECT COALESCE(SUM(held_quota), 0) FROM videos": (0,),
            "SELECT COALESCE(SUM(amount), 0) FROM ledger": (_OPENING - used,),
        }
        sums = {sql: self.environment.query(sql)[0] for sql in expected}
        return [
            f"{sql}: {tuple(map(int, sums[sql]))}, and {bought} were bought"
            for sql, amounts in expected.items()
            if tuple(map(int, sums[sql])) != amounts
        ]


@attrs.frozen
class Checked:
    """The findings of the checker, and how each task ended."""

    verdict: Verdict
    ends: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        verdict = self.verdict
        return not (verdict.extra or verdict.lost or verdict.open or verdict.wrong)


def _disagreeing(
    ends: Mapping[str, str], at_kling: Mapping[str, str], reported: set[str]
) -> Iterator[str]:
    """Yield tasks that succeeded at Kling and not here, or the other way round."""
    for task_id, status in ends.items():
        theirs = at_kling.get(task_id, "")
        if (status == "succeed") != (theirs.startswith("succe")) and task_id not in reported:
            yield f"{task_id} is {status}, and {theirs or 'unknown'} at Kling"


@contextmanager
def running(
    environment: Environment, *, kill_at: tuple[str, int] | None = None, naive: bool = False
) -> Iterator[Scenario]:
    """Start a process for a scenario; stop it in the end."""
    scenario = Scenario(environment, kill_at=kill_at, naive=naive)
    try:
        yield scenario
    finally:
        scenario.stop()
