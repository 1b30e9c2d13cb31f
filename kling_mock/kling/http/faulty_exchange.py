"""One request while there are faults: the stages of `kinds`, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from kling_mock.journal.matching import Subject
from kling_mock.kling import service
from kling_mock.kling.endpoints.validation import read_object
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.http.answers import Answer, record
from kling_mock.kling.http.broken_replies import lose, spoil
from kling_mock.kling.http.media import Damage, find_result, send_result
from kling_mock.kling.http.routing import read_body, route
from kling_mock.kling.media.urls import MEDIA
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.tasks import Task
from kling_mock.kling.service_codes import CODES, Refusal
from kling_mock.kling.wire.v1 import envelope, without_task_info
from kling_mock.kling.world import World
from kling_mock.web.replies import json_reply

__all__ = ["FaultyExchange"]

_LOOK = 0.05  # seconds of real time between looks whether a hanging client has gone


class FaultyExchange:
    """A request, and the faults that happen to it.

    Args:
        world: The state.
        request: The request.
        path: Its path.
        query: Its query.
        origin: Scheme, host and port that result URLs begin with.
        serve: Serves it and returns the answer. Takes the body, or `None` if it was not read.
    """

    def __init__(
        self,
        world: World,
        request: web.BaseRequest,
        path: str,
        query: str,
        origin: str,
        serve: Callable[[bytes | None], Awaitable[Answer]],
    ) -> None:
        self._world = world
        self._request = request
        self._path = path
        self._query = query
        self._origin = origin
        self._serve = serve
        self._account: Account | None = None
        self._endpoint = ""
        self._body: bytes | None = None
        self._struck: list[str] = []

    async def run(self) -> web.StreamResponse:
        """Answer the request, or do to it what the faults want."""
        request, world = self._request, self._world
        result: tuple[Task, str] | None = None
        if self._path.startswith(MEDIA) and request.method in {"GET", "HEAD"}:
            result = find_result(world, self._path)
        try:
            subject = await self._look(result)
        except Refusal as refusal:  # a body that cannot be read
            return self._refuse(refusal)
        delay = self._take("delay", subject)
        if delay is not None:
            await asyncio.sleep(delay.settings["seconds"])
        before = self._take("before", subject)
        if before is not None:
            return await self._instead(before)
        if result is not None:
            return await self._send_file(*result, subject)
        if self._account is not None and self._endpoint and request.method == "POST":
            late = self._take("accept", subject)
            if late is not None:
                return self._accept_late(late, self._account)
        answer = await self._serve(self._body)
        shortened = without_task_info(answer.body) if answer.code == 0 else answer.body
        if shortened != answer.body and self._take("reply", subject) is not None:
            answer = answer._replace(body=shortened)
        after = self._take("after", subject)
        now = self._record(answer)
        if after is None or request.method == "HEAD":
            return json_reply(request, answer.http, answer.body, now, answer.retry_after)
        return await spoil(request, after, answer.http, answer.body, now)

    async def _look(self, result: tuple[Task, str] | None) -> Subject:
        """Read what rules may look at.

        Raises:
            Refusal: The body cannot be read.
        """
        request, world = self._request, self._world
        subject = Subject(request.method, self._path)
        if result is not None:
            return _of_task(subject, result[0])
        try:
            self._endpoint, name = route(request.method, self._path)
        except Refusal:
            return subject
        if request.method == "POST":
            self._body = await read_body(request)
        with contextlib.suppress(Refusal):
            header = request.headers.get("Authorization")
            self._account = world.accounts.authenticate(header, world.clock)
            subject = subject._replace(account=self._account.name)
        if self._body:
            return _of_body(subject, self._body)
        task = None
        if self._account is not None and name is not None:
            task = world.tasks.peek(self._account, name)
        return subject if task is None else _of_task(subject, task)

    def _take(self, stage: str, subject: Subject) -> Fault | None:
        fault = self._world.faults.take(stage, subject)
        if fault is not None:
            self._struck.append(fault.kind.name)
        return fault

    async def _instead(self, fault: Fault) -> web.StreamResponse:
        """Do not serve the request."""
        settings = fault.settings
        if fault.kind.name == "status":
            refusal = _refusal(settings, settings["retry_after"])
            return self._refuse(refusal, settings["body"])
        if fault.kind.name == "hang":
            await self._hang(settings["seconds"])
        self._record(self._nothing())
        return lose(self._request)

    async def _hang(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            transport = self._request.transport
            if transport is None or transport.is_closing():
                return
            await asyncio.sleep(min(left, _LOOK))

    def _accept_late(self, fault: Fault, account: Account) -> web.StreamResponse:
        """Serve a create request when its answer has long been given, or not given."""
        world, body = self._world, self._body or b""
        when = world.clock.now() + fault.settings["seconds"]
        world.clock.call_at(when, _accept, world, account, self._endpoint, body, self._origin)
        if fault.settings["http"] is not None:
            return self._refuse(_refusal(fault.settings))
        self._record(self._nothing())
        return lose(self._request)

    async def _send_file(self, task: Task, tag: str, subject: Subject) -> web.StreamResponse:
        """Send a result file, whole or damaged."""
        damage = Damage()
        for name in ("wrong-length", "truncated-body", "slow-body", "response-lost"):
            fault = self._take(name, subject)
            if fault is None:
                continue
            if name == "response-lost":
                return lose(self._request)
            settings = dict(fault.settings)
            settings.pop("pieces", None)
            damage = damage._replace(**settings)
        if not self._struck:
            return await send_result(self._request, task, tag)
        return await send_result(self._request, task, tag, damage)

    # ------------------------------------------------------------ answers of its own

    def _refuse(self, refusal: Refusal, body: str | None = None) -> web.StreamResponse:
        """Answer with *refusal*, or with *body* under its status."""
        request_id = self._world.request_id()
        reply = envelope(refusal.code, refusal.message, request_id, None)
        answer = self._nothing()._replace(
            http=refusal.http,
            code=refusal.code,
            request_id=request_id,
            body=reply if body is None else body.encode(),
            retry_after=refusal.retry_after,
        )
        now = self._record(answer)
        return json_reply(self._request, answer.http, answer.body, now, answer.retry_after)

    def _nothing(self) -> Answer:
        owner = "" if self._account is None else self._account.name
        return Answer(0, 0, "", owner, b"", self._body or b"")

    def _record(self, answer: Answer) -> float:
        """Write the request into the journal; return the instant."""
        now, method = self._world.clock.now(), self._request.method
        fault = "+".join(self._struck)
        record(self._world, now, method, self._path, self._query, answer, fault)
        return now


def _accept(world: World, account: Account, endpoint: str, body: bytes, origin: str) -> None:
    with contextlib.suppress(Refusal):
        service.create(world, account, endpoint, body, lambda: origin)


def _refusal(settings: Mapping[str, Any], retry_after: int | None = None) -> Refusal:
    code = settings["code"]
    http = settings["http"] or CODES[code].http
    return Refusal(code, settings["message"], http=http, retry_after=retry_after)


def _of_task(subject: Subject, task: Task) -> Subject:
    plan = task.plan
    return subject._replace(prompt=plan.prompt, external_id=plan.external_task_id)


def _of_body(subject: Subject, body: bytes) -> Subject:
    """Add what a create request says, as far as it can be read."""
    try:
        said = read_object(body)
    except Refusal:
        return subject
    shots = said.get("multi_prompt")
    texts = [said.get("prompt")]
    texts += (
        [shot.get("prompt") for shot in shots if isinstance(shot, dict)]
        if (isinstance(shots, list))
        else []
    )
    external_id = said.get("external_task_id")
    return subject._replace(
        prompt="\n".join(text for text in texts if isinstance(text, str)),
        external_id=external_id if isinstance(external_id, str) else "",
    )
