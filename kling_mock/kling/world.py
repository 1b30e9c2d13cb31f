"""The whole state of an emulated Kling, made from a seed.

There is no state elsewhere. A reset makes a new world, so nothing can survive it.
"""

from __future__ import annotations

import base64
import math
from random import Random
from typing import NamedTuple

from kling_mock.clock import MockClock
from kling_mock.kling.callbacks.queue import CallbackQueue
from kling_mock.kling.callbacks.sender import CallbackSender
from kling_mock.kling.endpoints.library_parts import preset_tasks
from kling_mock.kling.endpoints.registry import ENDPOINTS, EndpointRegistry
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.faults.matching import Faults
from kling_mock.kling.journal.assertions import PossibleCalls
from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.journal.journal import DEFAULT_SIZE, Journal
from kling_mock.kling.journal.matching import Subject
from kling_mock.kling.journal.notes import NotePolicy
from kling_mock.kling.model.accounts import Account, AccountApiKey, Accounts, GivenKeys, KeyPair
from kling_mock.kling.model.admission import Purchase, admit_purchase, admit_task
from kling_mock.kling.model.content import Content, ContentDecision
from kling_mock.kling.model.inputs import InputPictures
from kling_mock.kling.model.library import LibraryItems
from kling_mock.kling.model.lifecycle import TERMINAL, Event
from kling_mock.kling.model.plan import LaterFailure, Plan
from kling_mock.kling.model.progress import STUCK, TYPICAL, ProgressRule, ProgressRules, schedule
from kling_mock.kling.model.sessions import Sessions
from kling_mock.kling.model.tasks import EmulatedTask, TaskIds, Tasks, subject_of
from kling_mock.kling.refusal_texts import MESSAGES
from kling_mock.kling.service_codes import CODES, Refusal, reason_of_failure
from kling_mock.web.polling import BusyPolling

UNREACHABLE_MEDIA = LaterFailure(
    MESSAGES["unreachable_media"].code, MESSAGES["unreachable_media"].template
)

_NOT_FOUND = 404  # the code for a path that does not exist, whose reply is not an envelope
_ANSWERED_CODES = frozenset({*CODES, _NOT_FOUND})
# Includes the statuses of downloads and of unreadable bodies; 0 means no response.
_ANSWERED_STATUSES = frozenset({0, 206, 304, 408, 413, 416, *(row.http for row in CODES.values())})
_REPORT_FAULTS = frozenset(name for name, kind in KINDS.items() if kind.stage == "report")
_NOTED_FAULTS = frozenset(KINDS) - _REPORT_FAULTS
_MADE = GivenKeys()


class WorldSettings(NamedTuple):
    """The settings that all worlds of a server share.

    Attributes:
        callback_hosts: Hosts in addition to this computer that reports may go to.
        key_seed: Makes the keys instead of the world's seed, for a world that replaces another.
        journal_size: Maximum number of requests in the journal.
        note_policy: The consequences of notes.
        keys: Keys of the account that every server has, instead of generated ones.
    """

    callback_hosts: frozenset[str] = frozenset()
    key_seed: int | None = None
    journal_size: int = DEFAULT_SIZE
    note_policy: NotePolicy = NotePolicy()
    keys: GivenKeys = _MADE


_SETTINGS = WorldSettings()


class World:
    """The state of one emulated Kling. Only the thread of the server's loop may touch it.

    Args:
        seed: The same seed makes the same keys, ids and times.
        clock: The server's clock.
        sender: Sends reports.
        settings: What a server sets.
        endpoints: The endpoints served.
        changes: Records what changes; `None` makes a log.
        findings: Collects what tests have to account for; `None` makes an object for it.

    Attributes:
        seed: The seed of ids and times.
        clock: The server's clock.
        endpoints: The endpoints served.
        accounts: The accounts that may call.
        account: The account that every server has.
        changes: The log of changes.
        findings: What tests have to account for.
        tasks: The tasks.
        inputs: Images that were sent with create calls.
        sessions: The sessions that calls without a task leave behind.
        library: The voices and elements.
        journal: All requests.
        possible: The possible properties of requests.
        retired: Models and endpoints that are refused as the real service refuses them.
        note_policy: The consequences of notes.
        progress_rules: How fast tasks move on.
        content: The rules of the content review.
        faults: The faults.
        callbacks: Reports of tasks, sent and to be sent.
        counts_queries: Whether there was a task that ends after a number of queries.
        busy_polling: Detects loops that wait for a clock that stands still; `None` if it runs.
    """

    def __init__(
        self,
        seed: int,
        clock: MockClock,
        sender: CallbackSender,
        settings: WorldSettings = _SETTINGS,
        endpoints: EndpointRegistry = ENDPOINTS,
        changes: ChangeLog | None = None,
        findings: Findings | None = None,
    ) -> None:
        self.changes = ChangeLog() if changes is None else changes
        self.findings = Findings() if findings is None else findings
        self.seed = seed
        self.clock = clock
        self.endpoints = endpoints
        self.accounts = Accounts()
        self.tasks = Tasks()
        self.library = LibraryItems(
            self.tasks, preset_tasks(endpoints.values()), TaskIds(_source(seed, "library")).new
        )
        self.inputs = InputPictures()
        self.retired: frozenset[str] = frozenset()
        self.note_policy = settings.note_policy
        self.progress_rules = ProgressRules(self.findings)
        self.content = Content(self.findings)
        self.counts_queries = False
        self.busy_polling = BusyPolling() if clock.speed is None else None
        # Each has its own source, so that an extra query does not change the ids of later tasks.
        self.faults = Faults(
            _source(seed, "faults"),
            endpoints.served,
            endpoints.creates,
            self.accounts,
            self.findings,
        )
        self.possible = PossibleCalls(
            served=endpoints.served,
            fields=endpoints.all_fields,
            codes=_ANSWERED_CODES,
            statuses=_ANSWERED_STATUSES,
            faults=_NOTED_FAULTS,
            reported=_REPORT_FAULTS,
            accounts=self.accounts,
            declared=self.faults.statuses,
        )
        size = settings.journal_size
        self.journal = Journal(size, endpoints.served, self.possible, self.findings)
        self.callbacks = CallbackQueue(
            clock,
            _source(seed, "callbacks"),
            self.accounts,
            self.faults,
            sender,
            endpoints,
            settings.callback_hosts,
            self.changes,
            self.findings,
        )
        self._real_time = sender.time
        self._ids = TaskIds(_source(seed, "ids"))
        self.sessions = Sessions(TaskIds(_source(seed, "sessions")).new)
        self._times = _source(seed, "times")
        self._request_ids = _source(seed, "requests")
        self._keys = _source(seed if settings.key_seed is None else settings.key_seed, "keys")
        self.account = self.new_account("default", settings.keys)

    def new_account(self, name: str, keys: GivenKeys = _MADE) -> Account:
        """Return a new account with a key pair and an API key.

        Args:
            keys: Keys that are not generated; the others are the same as without them.

        Raises:
            ValueError: An account with this name exists already.
        """
        access_key, secret_key, api_key = (self.new_key() for _ in range(3))
        pair = KeyPair(keys.access_key or access_key, keys.secret_key or secret_key)
        static = AccountApiKey(keys.api_key or f"api-key-{api_key}")
        return self.accounts.add(Account(name, [pair], [static]))

    def new_key(self) -> str:
        """Return 32 hexadecimal digits that cannot be guessed without the seed."""
        return _key(self._keys)

    def new_webhook_secret(self) -> str:
        """Return a secret that callbacks can be signed with."""
        return f"whsec_{base64.b64encode(self._keys.randbytes(32)).decode()}"

    def request_id(self) -> str:
        """Return a new id for one request."""
        return self._request_ids.getrandbits(128).to_bytes(16).hex()

    def submit(self, account: Account, plan: Plan, origin: str = "") -> EmulatedTask:
        """Make a task of a valid request.

        Args:
            account: The owner of the task.
            origin: Scheme, host and port that result URLs in its reports begin with.

        Raises:
            Refusal: Its external id is already in use (400/1201), the content review refuses it
                (1301), or the account may not have it (403/1103; 429 with 1101, 1102, 1303).
        """
        self.tasks.check_new(account, plan.external_task_id)
        progress: ProgressRule = TYPICAL
        decision: ContentDecision | LaterFailure | None = plan.failure
        if self.faults.any or self.progress_rules.any or self.content.any:
            progress, decision = self._rule(account, plan)
        now = self.clock.now()
        if account.restricted:
            admit_task(account, plan, now)
        stamp = int(now * 1000)
        task = EmulatedTask(self._ids.new(), account, plan, stamp, stamp)
        task.made_at = self._real_time()
        self.tasks.add(task)
        self.changes.note("task", task.task_id)
        account.hold(plan)
        if progress is not TYPICAL or decision is not None:
            task.progress, task.decision = progress, decision
        self._schedule(task, now)
        if plan.callback_url:
            task.origin = origin
            self.callbacks.report(task)
        return task

    def charge(self, account: Account, purchase: Purchase, subject: Subject) -> None:
        """Take the price of a call without a task.

        Args:
            account: The account that pays.
            purchase: What is bought.
            subject: The call, for the content review. There is no task that could fail later, so
                each of its rules refuses at once (assumed).

        Raises:
            Refusal: The content review refuses it (1301), or the account may not have it
                (403/1103; 429 with 1101 or 1102); nothing was taken.
        """
        now = self.clock.now()
        decision = self.content.judge(subject) if self.content.any else None
        if decision is not None:
            raise Refusal(decision.code, decision.message)
        if account.restricted:
            admit_purchase(account, purchase, now)
        account.charge(purchase, now)

    def _rule(
        self, account: Account, plan: Plan
    ) -> tuple[ProgressRule, ContentDecision | LaterFailure | None]:
        """Return how a new task moves on, and why it will fail.

        Raises:
            Refusal: The content review refuses it at once.
        """
        subject = subject_of(account, plan)
        decision = self.content.judge(subject)
        if decision is not None and decision.kind == "refuse":
            raise Refusal(decision.code, decision.message)
        fault = self.faults.take("task", subject)
        if fault is not None and fault.kind.name == "stuck":
            return STUCK, decision
        failure = plan.failure if fault is None else UNREACHABLE_MEDIA
        return self.progress_rules.choose(subject), decision or failure

    def _schedule(self, task: EmulatedTask, now: float) -> None:
        plan, progress = task.plan, task.progress
        if progress.kind in {"typical", "stuck"}:
            quick = () if plan.entry is None else (plan.typical_seconds,)  # it does not make a file
            times = schedule(plan.typical_seconds, self._times, *quick)
            start = now + times.processing
            if progress.kind == "typical":
                task.due = now + times.done
        elif progress.kind == "after":
            start = now + min(1.0, progress.seconds / 2)
            task.due = now + progress.seconds
        else:
            self.counts_queries = self.counts_queries or progress.kind == "polls"
            return
        task.timer = self.clock.call_at(start, self._start, task)

    def move(self, task: EmulatedTask, event: Event, code: int = 0, reason: str = "") -> None:
        """Apply *event* to *task* now.

        Args:
            event: What happens.
            code: The service code of a failure.
            reason: Why it fails.

        Raises:
            IllegalTransitionError: The status does not allow it; nothing has changed.
        """
        now = self.clock.now()
        task.apply(event, now, code, reason)
        self.changes.note("task", task.task_id)
        if task.status in TERMINAL:
            account, plan = task.account, task.plan
            account.release(plan)
            if task.status == "succeed":
                account.charge(plan, now, task.task_id)
            self.tasks.ended(task)
        if task.plan.callback_url:
            self.callbacks.report(task)

    def _start(self, task: EmulatedTask) -> None:
        self.move(task, "start")
        if task.due < math.inf:
            task.timer = self.clock.call_at(task.due, self.end, task)

    def end(self, task: EmulatedTask) -> None:
        """End *task*: it succeeds, unless a reason for its failure is known."""
        if task.decision is None:
            self.complete(task)
        else:
            self.fail(task, task.decision.code, task.decision.message)

    def count_query(self, task: EmulatedTask) -> None:
        """Count a query of *task*, if it ends after a number of them."""
        if task.progress.kind != "polls" or task.is_done:
            return
        task.queries += 1
        if task.status == "submitted":
            self.move(task, "start")
        if task.queries >= task.progress.polls:
            self.end(task)

    def note_query(self, polling: BusyPolling, task: EmulatedTask) -> None:
        """Report a loop that queries *task* again and again while the clock stands still.

        Raises:
            Refusal: 400/1201, it has done so for half a minute of real time. Without this
                refusal, a test would hang for as long as its client waits.
        """
        if task.progress.kind not in {"typical", "after"} or task.is_done:
            return
        refusal = polling.watch(task.task_id, self.clock)
        if refusal:
            raise Refusal(1201, refusal)

    def start(self, task: EmulatedTask) -> None:
        """Start to process *task* now.

        Raises:
            IllegalTransitionError: It is being processed, or has ended already.
        """
        if task.status == "submitted" and task.timer is not None:
            task.timer.cancel()
        self._start(task)

    def complete(self, task: EmulatedTask) -> None:
        """Make *task* succeed now, through `processing`: no status is skipped.

        Raises:
            IllegalTransitionError: It has ended already.
        """
        if task.status == "submitted":
            self.move(task, "start")
        self.move(task, "complete")

    def fail(self, task: EmulatedTask, code: int, message: str | None = None) -> None:
        """Make *task* fail now.

        Args:
            code: A service code; its text is the reason unless *message* is given.
            message: The reason, as `task_status_msg` will have it.

        Raises:
            IllegalTransitionError: It has ended already.
            ValueError: The code does not exist.
        """
        if code not in CODES:
            raise ValueError(f"code: must be one of {', '.join(map(str, CODES))}; got {code}")
        reason = reason_of_failure(code) if message is None else message
        self.move(task, "fail", code, reason)


def admin_token(seed: int) -> str:
    """Return the token of the admin API of a server with this seed."""
    return f"admin-{_key(_source(seed, 'admin'))}"


def _source(seed: int, purpose: str) -> Random:
    return Random(f"{seed}/{purpose}")  # noqa: S311 - repeatable on purpose, and guards nothing


def _key(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"
