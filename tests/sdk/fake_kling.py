"""A minimal Kling that does what both of its interfaces document, as plain state.

No sockets and no clock of its own: `tests.sdk.faulty_server` serves it over TCP, and tests of
flows put requests to it by hand.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs

from kling_sdk import ENDPOINTS

VIDEO = bytes(range(256)) * 1024  # 256 KiB that no two offsets share within a page
ETAG = '"clip-1"'
PATHS = frozenset(record.path for record in ENDPOINTS.values() if record.solution is None)
PRODUCTS = frozenset({"text-to-video", "image-to-video", "omni-video"})


@attrs.frozen
class Answer:
    """A reply of the server."""

    status: int
    body: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


def answer(status: int, code: int, message: str, data: Any = None, **headers: str) -> Answer:
    """Return an envelope."""
    envelope: dict[str, Any] = {"code": code, "message": message, "request_id": "req-1"}
    if data is not None:
        envelope["data"] = data
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, json.dumps(envelope).encode(), {"content-type": "application/json", **named}
    )


@attrs.define(eq=False)
class HonestKling:
    """One account: its tasks of both interfaces, each under its own id and its external id.

    Attributes:
        now: Returns the server's time in seconds.
        takes: Seconds a task takes; None never ends one.
        takes_of: Returns the same for a task with this prompt; None takes `takes` for all.
        slots: Most open tasks before 1303; None means unlimited.
        file_url: Where finished videos are.
        video: The bytes of every video.
        etag: The validator the file host sends for them; None to send none.
        names: Whether a task is shown with its external id, as some real replies are not.
        fails_of: Returns why a task with this prompt fails; "" for one that does not.
        units: What a task has cost; "" where that is not said.
        crosses: Whether `/tasks` shows the tasks of /v1 as well.
    """

    now: Callable[[], float] = lambda: 1_790_000_000.0
    takes: float | None = 0.0
    takes_of: Callable[[str], float] | None = None
    slots: int | None = None
    file_url: str = "http://files.test/clip.mp4?signature=s3cret"
    video: bytes = VIDEO
    etag: str | None = ETAG
    names: bool = True
    fails_of: Callable[[str], str] = lambda _prompt: ""
    units: str = ""
    crosses: bool = True
    tasks: dict[str, dict[str, Any]] = attrs.field(factory=dict, init=False)
    by_external: dict[str, str] = attrs.field(factory=dict, init=False)
    _ids: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
    ) -> Answer:
        """Answer a request."""
        with self._lock:
            parts = [unquote(part) for part in path.strip("/").split("/")]
            own = path.rstrip("/")  # an endpoint's tasks are under its path
            if parts[0] == "v1" and method == "POST":
                return self._create(own, body)
            if own in PATHS:
                return self._list(own, query)
            if parts[0] == "v1":
                return self._get(own.rpartition("/")[0], parts[-1])
            if parts == ["solutions"]:  # nothing is made there
                return answer(200, 0, "SUCCEED", [])
            if parts[0] in PRODUCTS or parts == ["tasks"]:
                return self._model_path(method, parts, query, headers, body)
            return self.file(headers)

    def open_tasks(self) -> int:
        """Return how many tasks have not ended."""
        return sum(self._status(task) == "submitted" for task in self.tasks.values())

    def _create(self, endpoint: str, body: Any) -> Answer:
        return self._create_task(
            endpoint, body.get("external_task_id"), body.get("prompt"), self.shown_at_v1
        )

    def _create_task(
        self,
        endpoint: str,
        external: str | None,
        prompt: Any,
        form: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> Answer:
        if external in self.by_external:
            return answer(400, 1201, f"External_task_id {external} already exists")
        if self.slots is not None and self.open_tasks() >= self.slots:
            return answer(429, 1303, "parallel task over resource pack limit")
        task_id = str(800_000_000_000_000_000 + next(self._ids))
        self.tasks[task_id] = {
            "task_id": task_id,
            "endpoint": endpoint,
            "created": self.now(),
            "external": external,
            "prompt": prompt,
        }
        if external is not None:
            self.by_external[external] = task_id
        return answer(200, 0, "SUCCEED", form(self.tasks[task_id]))

    def _status(self, task: Mapping[str, Any]) -> str:
        takes = self.takes if self.takes_of is None else self.takes_of(task["prompt"])
        if takes is None or self.now() - task["created"] < takes:
            return "submitted"
        return "failed" if self.fails_of(task["prompt"]) else "succeed"

    def shown_at_v1(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return a task as replies of /v1 show it."""
        status = self._status(task)
        view = {
            "task_id": task["task_id"],
            "task_status": status,
            "task_info": {"external_task_id": task["external"]},
            "created_at": int(task["created"] * 1000),
            "updated_at": int(task["created"] * 1000),
        }
        if not self.names or task["external"] is None:
            del view["task_info"]
        if status == "failed":
            view["task_status_msg"] = self.fails_of(task["prompt"])
        if status == "succeed":
            if self.units:
                view["final_unit_deduction"] = self.units
            video = {"id": f"v{task['task_id']}", "url": self.file_url, "duration": "5.1"}
            view["task_result"] = {"videos": [video]}
        return view

    def _get(self, endpoint: str, name: str) -> Answer:
        task = self.tasks.get(self.by_external.get(name, name))
        if task is None or task["endpoint"] != endpoint:
            return answer(400, 1201, f"Task not found by id/external id: {name}")
        return answer(200, 0, "SUCCEED", self.shown_at_v1(task))

    def _list(self, endpoint: str, query: Mapping[str, str]) -> Answer:
        number, size = int(query.get("pageNum", 1)), int(query.get("pageSize", 30))
        newest_first = [
            task for task in reversed(self.tasks.values()) if task["endpoint"] == endpoint
        ]
        page = newest_first[(number - 1) * size : number * size]
        return answer(200, 0, "SUCCEED", [self.shown_at_v1(task) for task in page])

    # ------------------------------------------------------------ the model in the path

    def _model_path(
        self,
        method: str,
        parts: list[str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
    ) -> Answer:
        """Answer what has the model in its path, and `/tasks`."""
        if headers.get("authorization", "").count(".") == 2:  # a token made of a key pair
            return answer(401, 1002, "AK/SK not supported")
        if parts != ["tasks"]:
            texts = [
                content["text"]
                for content in body.get("contents", ())
                if content["type"] == "prompt"
            ]
            external = body.get("options", {}).get("external_task_id")
            prompt = body.get("prompt", "".join(texts))
            return self._create_task("/".join(parts), external, prompt, self.shown_at_tasks)
        seen = [
            task
            for task in reversed(self.tasks.values())
            if self.crosses or task["endpoint"].partition("/")[0] in PRODUCTS
        ]
        if method == "POST":
            return self._search(seen, body)
        ids, external_ids = (
            [name for name in query.get(kind, "").split(",") if name]
            for kind in ("task_ids", "external_task_ids")
        )
        if bool(ids) == bool(external_ids) or len(ids + external_ids) > 20:
            return answer(400, 1201, "task_ids or external_task_ids is required")
        named = [
            self.shown_at_tasks(task)
            for task in seen
            if task["task_id"] in ids or task["external"] in external_ids
        ]
        return answer(200, 0, "SUCCEED", named)

    def _search(self, seen: list[dict[str, Any]], body: Any) -> Answer:
        words = {"succeeded": "succeed"}
        for condition in body.get("filters", ()):
            if condition["key"] == "status":
                statuses = {words.get(value, value) for value in condition["values"]}
                seen = [task for task in seen if self._status(task) in statuses]
        start, limit = int(body.get("cursor", 0)), int(body.get("limit", 100))
        page, more = seen[start : start + limit], len(seen) > start + limit
        data: dict[str, Any] = {"count": len(page), "has_more": more}
        if page:
            data["result"] = [self.shown_at_tasks(task) for task in page]
            data["next_cursor"] = str(start + limit)
        return answer(200, 0, "SUCCEED", data)

    def shown_at_tasks(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return a task as replies of the interface with the model in the path show it."""
        status = self._status(task)
        view = {
            "id": task["task_id"],
            "status": "succeeded" if status == "succeed" else status,
            "message": self.fails_of(task["prompt"]) if status == "failed" else "",
            "create_time": int(task["created"] * 1000),
            "update_time": int(task["created"] * 1000),
            "external_id": task["external"],
        }
        if not self.names or task["external"] is None:
            del view["external_id"]
        if status == "failed":
            view["billing"] = [{"amount": "0"}]
        if status == "succeed":
            video = {"id": f"v{task['task_id']}", "url": self.file_url, "duration": "5.1"}
            view["outputs"] = [{"type": "video", **video}]
            paid = {"charge_type": "unit", "amount": self.units, "package_type": "video"}
            view["billing"] = [paid] if self.units else []
        return view

    def file(self, headers: Mapping[str, str]) -> Answer:
        """Answer a request for the video, or for the rest of it (RFC 9110, 14.2)."""
        sent = {"content-type": "video/mp4"}
        if self.etag is not None:
            sent["etag"] = self.etag
        byte_range = headers.get("range", "")
        if not byte_range.startswith("bytes=") or headers.get("if-range", self.etag) != self.etag:
            return Answer(200, self.video, sent)
        start, total = int(byte_range[6:].partition("-")[0]), len(self.video)
        if start >= total:
            return Answer(416, b"", {**sent, "content-range": f"bytes */{total}"})
        sent["content-range"] = f"bytes {start}-{total - 1}/{total}"
        return Answer(206, self.video[start:], sent)
