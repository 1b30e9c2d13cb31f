"""Callbacks behind a firewall: watch the account's tasks, and post each change to a local address.

    export KLING_WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)
    python examples/local_callbacks/forward.py http://127.0.0.1:8000/kling

Kling cannot reach a computer at a desk. This program lists the newest tasks of four endpoints every
few seconds and posts each new status as Kling would: in its form, signed with the secret, from
which the app makes its checks with `parse_callback`. It creates nothing and costs no units. It
needs KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY.

What was posted is kept in `callbacks.db` (`--state`). After a kill it goes on there: a change whose
answer was not noted is posted again with the same `webhook-id`, by which a receiver drops repeats.
The changes of a task come in order; one that is not taken (no 2xx) is tried again in the next
round, before later ones of its task. Tasks that had ended before the first start are left out.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import httpx

from kling_sdk import Kling, KlingError, Task

ENDPOINTS = ("text2video", "image2video", "omni_video", "multi_image2video")


class Change(NamedTuple):
    """A task with a status that was not posted."""

    endpoint: str
    task: Task


class Posted:
    """What was posted, in a file that survives a kill."""

    def __init__(self, path: str) -> None:
        self._file = sqlite3.connect(path)
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS tasks"
            " (task_id TEXT PRIMARY KEY, endpoint TEXT, status TEXT, is_open INTEGER)"
        )

    def is_empty(self) -> bool:
        """Return whether nothing was noted: this is the first start."""
        return self._file.execute("SELECT 1 FROM tasks").fetchone() is None

    def status(self, task_id: str) -> str | None:
        """Return the last status that was posted."""
        rows = self._file.execute("SELECT status FROM tasks WHERE task_id = ?", (task_id,))
        return next((status for (status,) in rows), None)

    def open_tasks(self, endpoint: str) -> list[str]:
        """Return the ids of the tasks whose end was not posted."""
        select = "SELECT task_id FROM tasks WHERE is_open AND endpoint = ?"
        return [task_id for (task_id,) in self._file.execute(select, (endpoint,))]

    def keep(self, *changes: Change) -> None:
        """Note changes as posted, all or none."""
        rows = [(task.task_id, place, task.status, not task.is_done) for place, task in changes]
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def changes(kling: Kling, posted: Posted) -> Iterator[Change]:
    """Yield the tasks with a status that was not posted, of each endpoint the oldest first."""
    for endpoint in ENDPOINTS:
        resource = getattr(kling, endpoint)
        tasks = {task.task_id: task for task in reversed(resource.list(page_size=100).tasks)}
        for task_id in posted.open_tasks(endpoint):
            if task_id not in tasks:  # it has left the page
                tasks[task_id] = resource.get(task_id)
        for task in tasks.values():
            if task.status != posted.status(task.task_id):
                yield Change(endpoint, task)


def signed(secret: str, message_id: str, now: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{now}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{signature}",
    }


def forward(kling: Kling, posted: Posted, http: httpx.Client, url: str, secret: str) -> None:
    """Do one round: post each change, and note it once the receiver has taken it."""
    for change in changes(kling, posted):
        task = change.task
        body = json.dumps(task.raw, ensure_ascii=False).encode()
        message_id = f"msg_{task.task_id}_{task.status}"
        try:
            headers = signed(secret, message_id, int(time.time()), body)
            reply = http.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            print(f"{task.task_id}: {task.status} was not taken: {error}", file=sys.stderr)
            continue
        if reply.is_success:
            posted.keep(change)
        print(f"{task.task_id}: {task.status}, {reply.status_code}", flush=True)


def main() -> int:
    """Do a round every few seconds, until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="where the app takes callbacks")
    parser.add_argument("--state", default="callbacks.db", help="the file of what was posted")
    parser.add_argument("--every", type=float, default=5, help="seconds between two rounds")
    arguments = parser.parse_args()
    secret = os.environ.get("KLING_WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_"):
        parser.error("KLING_WEBHOOK_SECRET must be whsec_ and base64")
    with Kling() as kling, closing(Posted(arguments.state)) as posted, httpx.Client() as http:
        if posted.is_empty():
            posted.keep(*(change for change in changes(kling, posted) if change.task.is_done))
        while True:
            try:
                forward(kling, posted, http, arguments.url, secret)
            except KlingError as error:
                print(f"Kling was not read: {error}", file=sys.stderr)
            time.sleep(arguments.every)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
