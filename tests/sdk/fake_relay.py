"""A minimal relay that compares the requests under an id, as plain state; see `fake_kling`."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from kling_sdk.flows import Send
from kling_sdk.wire import Reply


def refused(http: int, code: str | int, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"message": "no", "type": "some_error", "code": code}
    return Reply(http, named, json.dumps({"error": error}).encode())


IN_PROGRESS: Final = refused(409, "request_in_progress", retry_after="2")
CONFLICT: Final = refused(409, "external_task_id_conflict")


@attrs.define
class FakeRelay:
    """A relay that compares requests: one task per id, another request is a conflict."""

    tasks: dict[str, str] = attrs.field(factory=dict)
    bodies: dict[str, Any] = attrs.field(factory=dict)

    def reply_to(self, effect: Send) -> Reply:
        call = effect.call
        if call.method == "GET":
            name = call.path.rpartition("/")[2]
            return self.task_reply(name) if name in self.tasks else refused(404, "not_found")
        name = call.json["external_task_id"]
        if name not in self.tasks:
            self.tasks[name], self.bodies[name] = f"kling_{len(self.tasks)}", call.json
        elif self.bodies[name] != call.json:
            return CONFLICT
        return self.task_reply(name)

    def task_reply(self, name: str) -> Reply:
        task = {"task_id": self.tasks[name], "kling_task_id": "873", "status": "submitted"}
        return Reply(200, {}, json.dumps(task).encode())
