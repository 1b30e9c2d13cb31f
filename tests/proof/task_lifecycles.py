"""Lives of tasks, lived by a relay process that may be killed at any point of them.

A life is what a user, Kling and the time do, step by step. If the process dies on the way, the
rest of it is left out; a new process is started, the user repeats what got no answer, as users
do, and time goes on until everything has ended. Then the books are checked.
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
from tests.mock.storage.databases import Database
from tests.proof.checker import Verdict, charges_in, judge
from tests.proof.killable_relay import Orders, live
from tests.proof.relay_processes import PRICE, VIDEO, VIDEOS

__all__ = ["LIVES", "Checked", "Life", "Stage", "lived", "staged"]

_OPENING: Final = 5_000_000_000
_STEP: Final = 65  # seconds on the clock: a little more than a "not found" has to wait
_STEPS: Final = 24  # a sweeper that was killed, an unknown create and an outbox need about ten
_LATE: Final = 600  # seconds after which Kling accepts what it had kept waiting
_RETRIES: Final = 3  # steps in which Kling repeats a callback
_CLEAN: Final = (
    "DELETE FROM videos",
    "DELETE FROM outbox",
    "DELETE FROM reports",
    "DELETE FROM ledger WHERE kind = 'charge'",
    f"UPDATE users SET quota = {_OPENING}, used_quota = 0, request_count = 0, held_quota = 0",
    "UPDATE tokens SET used_quota = 0, held_quota = 0",
    "UPDATE channels SET used_quota = 0",
)
# Clean processes to fork from, each with the relay loaded.
_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.proof.killable_relay", "asyncmy", "kling_mock.storage.connect"]
)


class DiedError(Exception):
    """The process was killed by its fate."""


@attrs.define
class Stage:
    """What outlives a relay process: Kling, the database, and the user's own server."""

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
        """Forget the last life, also what Kling would still have accepted of it."""
        for sql in _CLEAN:
            self.query(sql)
        self.kling.faults.clear()
        self.kling.clock.advance(_LATE)
        self.receiver.received.clear()


@contextmanager
def staged(database: Database) -> Iterator[Stage]:
    """Set everything up over an empty database; Kling signs, and the relay knows the secret."""
    receiver = Receiver()
    try:
        with KlingMock(relay=False) as kling:
            kling.progress.set("stuck")  # a task ends when its life says so
            key = f"{kling.access_key}|{kling.secret_key}"
            settings = RelaySettings(
                upstream_url=kling.kling_url,
                upstream_key=key,
                token=f"sk-{secrets.token_hex(16)}",
                admin_token=f"admin-{secrets.token_hex(8)}",
                callback_secret=b"s" * 32,
                callback_hosts="*",
            )
            stage = Stage(kling, database, receiver, settings)
            channel = {
                "name": "Kling AI",
                "base_url": kling.kling_url,
                "key": key,
                "webhook_secrets": kling.account.new_webhook_secret(),
            }
            with lived(stage) as life:
                stage.port = httpx.URL(life.url).port or 0
                path = "/__kling/relay/channels/1"
                reply = life.call("PUT", path, json=channel, headers=stage.operator)
                assert reply.status_code == 200, reply.text
            yield stage
            stage.http.close()
    finally:
        receiver.close()


class Life:
    """One life. The methods up to `wait` are its steps; each raises `DiedError`."""

    def __init__(self, stage: Stage, *, death: tuple[str, int] | None, naive: bool) -> None:
        self.stage = stage
        self.kling = stage.kling
        self.external_id = f"order-{secrets.token_hex(4)}"
        self.replied: dict[str, str] = {}
        self.unanswered = False
        self.died = False
        self.passed: list[tuple[str, int]] = []
        self._naive = naive
        self._before = {task.task_id for task in self._upstream()}
        self._start(death)

    # ------------------------------------------------------------ steps

    def create(self) -> str:
        """Create a task as a user does; return Kling's id of it, "" if that is not known."""
        body = VIDEO | {
            "external_task_id": self.external_id,
            "callback_url": self.stage.receiver.url,
        }
        self.unanswered = True
        reply = self.call("POST", f"{VIDEOS}/text2video", json=body, headers=self.stage.user)
        self.unanswered = False
        if reply.status_code != 200:
            return ""
        self.replied[reply.json()["task_id"]] = reply.json()["status"]
        return str(reply.json()["kling_task_id"])

    def query(self) -> None:
        """Ask for the task as its user does."""
        self.call("GET", f"{VIDEOS}/{self.external_id}", headers=self.stage.user)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self.stage.http.request(method, self.url + path, **options)
        except httpx.TransportError:
            self._bury()
            raise DiedError from None

    def process(self, kling_id: str) -> None:
        self.kling.process(kling_id)
        self._look_after()

    def complete(self, kling_id: str) -> None:
        self.kling.complete(kling_id)
        self._look_after()

    def fail(self, kling_id: str) -> None:
        self.kling.fail(kling_id)
        self._look_after()

    def complete_all(self) -> None:
        """Let all that Kling has of this life succeed."""
        for task in self._upstream():
            if task.task_id not in self._before and not task.is_done:
                self.complete(task.task_id)

    def wait(self, seconds: float) -> None:
        """Let time pass for Kling and for the relay."""
        self.kling.clock.advance(seconds)
        self._look_after()
        try:
            self._pipe.send(seconds)
            self._pipe.recv()
        except (EOFError, OSError):
            self._bury()
            raise DiedError from None

    def age(self, seconds: int) -> None:
        """Make all tasks older, as if time had passed and nobody had looked."""
        self.stage.query(f"UPDATE videos SET created_at = created_at - {seconds}")

    # ------------------------------------------------------------ afterwards

    def made_from_the_start(self) -> None:
        """Take all of Kling's tasks for those of this life."""
        self._before = set()

    def live(self, steps: Callable[[Life], None]) -> None:
        """Live, up to the end or to the point at which the process dies."""
        with suppress(DiedError):
            steps(self)

    def end(self) -> None:
        """Start again if it has died, and go on until everything has ended."""
        least = 0
        if self.died:
            self._start(None)
            least = _RETRIES  # Kling repeats what the process was killed before it replied to
        if self.unanswered:
            self.create()  # under the same external id
        self.complete_all()
        for step in range(_STEPS):
            if step >= least and not self._going_on():
                break
            self.wait(_STEP)
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
        counts = [self.stage.query(one) for one in (open_, queued)]
        return any(int(rows[0][0]) for rows in counts)

    def _start(self, death: tuple[str, int] | None) -> None:
        database, settings = self.stage.database.url, self.stage.settings
        now = self.kling.clock.now()
        orders = Orders(database, settings, now, self.stage.port, death, self._naive)
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=live, args=(orders, theirs))
        self._process.start()
        theirs.close()
        self.url: str = self._pipe.recv()

    def _look_after(self) -> None:
        """See whether the callback has killed it."""
        if not self._process.is_alive():
            self._bury()
            raise DiedError

    def _bury(self) -> None:
        self._process.join(20)
        assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode
        self._pipe.close()
        self.died = True

    def _upstream(self) -> list[Any]:
        return self.kling._reach.call(lambda world: list(world.tasks))

    # ------------------------------------------------------------ the books

    def check(self) -> Checked:
        """Compare rows, ledger and balances with Kling's tasks and the users' webhooks."""
        query = self.stage.query
        rows = query("SELECT task_id, status, fail_reason, callback_url FROM videos")
        ends = {str(row[0]): str(row[1]) for row in rows}
        made = [task for task in self._upstream() if task.task_id not in self._before]
        at_kling = {task.plan.external_task_id: str(task.status) for task in made}
        reported = {str(row[0]) for row in query("SELECT task_id FROM reports")}
        notified = Counter(
            (one.task["task_id"], one.task["task_status"]) for one in self.stage.receiver.received
        )
        wrong = [
            *(f"{one} had a reply and has no row" for one in self.replied.keys() - ends.keys()),
            *(f"{one} is Kling's alone" for one in at_kling.keys() - ends.keys()),
            *_disagreeing(ends, at_kling, reported),
            *(
                f"the user got no webhook of {task_id}"
                for task_id, status, reason, url in rows
                if url and not notified[task_id, status] and not str(reason).startswith("refused")
            ),
        ]
        if len(made) != len(at_kling):
            wrong.append(f"{len(made)} tasks at Kling for {len(at_kling)} rows")
        wrong += self._balances(Counter(ends.values())["succeed"])
        return Checked(judge(ends, self.stage.charges(), wrong), ends)

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
            "SELECT used_quota FROM channels": (used,),
            "SELECT COALESCE(SUM(held_quota), 0) FROM videos": (0,),
            "SELECT COALESCE(SUM(amount), 0) FROM ledger": (_OPENING - used,),
        }
        found = {sql: self.stage.query(sql)[0] for sql in expected}
        return [
            f"{sql}: {tuple(map(int, found[sql]))}, and {bought} were bought"
            for sql, wanted in expected.items()
            if tuple(map(int, found[sql])) != wanted
        ]


@attrs.frozen
class Checked:
    """What the checker found, and how each task ended."""

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
def lived(
    stage: Stage, *, death: tuple[str, int] | None = None, naive: bool = False
) -> Iterator[Life]:
    """Start a process for a life; stop it whatever happens."""
    life = Life(stage, death=death, naive=naive)
    try:
        yield life
    finally:
        life.stop()


# ---------------------------------------------------------------- the lives


def by_callback(life: Life) -> None:
    kling_id = life.create()
    life.process(kling_id)
    life.complete(kling_id)
    life.wait(1)
    life.query()


def by_query(life: Life) -> None:
    life.kling.faults.add("callback-dropped")
    kling_id = life.create()
    life.complete(kling_id)
    life.query()
    life.wait(1)


def by_sweeper(life: Life) -> None:
    life.kling.faults.add("callback-dropped")
    life.complete(life.create())
    life.wait(30)


def by_failure(life: Life) -> None:
    life.fail(life.create())
    life.wait(1)


def by_hint(life: Life) -> None:
    """A callback that is not signed, twice: the second comes too soon to look."""
    life.kling.faults.add("callback-dropped")
    kling_id = life.create()
    (task_id,) = life.replied
    report = {"task_id": kling_id, "task_status": "succeed"}
    life.call("POST", f"/kling/callback/{task_id}", json=report)
    life.complete(kling_id)
    life.call("POST", f"/kling/callback/{task_id}", json=report)
    life.wait(6)


def refused(life: Life) -> None:
    life.kling.faults.add("status", "POST /v1/*", code=1301, times=1)
    life.create()
    life.complete(life.create())  # the user may repeat it under the same external id
    life.wait(1)


def answer_lost(life: Life) -> None:
    life.kling.faults.add("response-lost", "POST /v1/*", times=1)
    life.create()
    life.wait(6)
    life.complete_all()
    life.wait(1)


def never_arrived(life: Life) -> None:
    life.kling.faults.add("reset", "POST /v1/*", times=1)
    life.create()
    for _ in range(4):
        life.wait(_STEP)


def arrived_too_late(life: Life) -> None:
    """Kling accepts when the relay has given it up; the report is repeated."""
    life.kling.faults.add("delayed-acceptance", "POST /v1/*", seconds=_LATE, times=1)
    life.create()
    for _ in range(10):
        life.wait(_STEP)
    life.complete_all()
    life.wait(1)
    for one in life.kling.deliveries:
        if one.task_id not in life._before:
            life.kling.deliveries.replay(one)
            life.wait(1)


def expired(life: Life) -> None:
    """It is open for a day, and succeeds after that."""
    kling_id = life.create()
    life.age(24 * 3600)
    life.wait(30)
    life.complete(kling_id)
    life.wait(1)


LIVES: Final[Mapping[str, Callable[[Life], None]]] = {
    one.__name__: one
    for one in (
        by_callback,
        by_query,
        by_sweeper,
        by_failure,
        by_hint,
        refused,
        answer_lost,
        never_arrived,
        arrived_too_late,
        expired,
    )
}
