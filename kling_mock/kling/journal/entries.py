"""Entries of the journal: one request and its reply, with bodies up to a maximum size."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from kling_mock.kling.journal.notes import Note

EntryKind = Literal["api", "download"]

QUERIES = ("/tasks", "/solutions")  # paths of queries that name tasks by parameters
BODY_KEPT = 4_096  # bytes of each body: an inline image would fill the memory
_TEXT_KEPT = 256  # characters of each text in a body that is too long
_TEXT_SHOWN = 64  # characters of a text that is shortened
RESULTS: Final = "/media/"  # files; a 404 for an expired one is an ordinary reply


class Entry(NamedTuple):
    """One request and its response. The `Authorization` header is never kept.

    Attributes:
        at: When it was answered, in Unix seconds on the mock's clock.
        method: The HTTP method.
        path: The path as it was sent, without the query.
        query: The query as it was sent, but `<hidden>` for the values of parameters that the call
            does not have: an app may send a key there. "" if there was none.
        status: The HTTP status of the response; 0 if none was sent: a fault kept it from being
            served, or the client had gone before its body was complete.
        code: The service code of the response; 0 is success. Without an envelope, and so
            without a code, it is the HTTP status.
        request_id: The id of this request in the response's envelope.
        account: The account's name; "" if the request was not authenticated.
        request: The request's body; the long texts of a large one are shortened. Its URLs are
            without user info, query and fragment, for which `?<hidden>` stands.
        response: The first bytes of the response's body; empty for a result file.
        fault: The faults that happened to it, with a "+" between; "" if none did. The reply
            kept here is the one before the fault.
        notes: What else the emulator has noticed; see `Note`.
        late_of: The earlier test that made this call, and that had already ended; else "". Known
            only in a run of pytest with the plugin, within the limits in docs/testing.md.
    """

    at: float
    method: str
    path: str
    query: str
    status: int
    code: int
    request_id: str
    account: str
    request: bytes
    response: bytes
    fault: str = ""
    notes: tuple[Note, ...] = ()
    late_of: str = ""

    @property
    def kind(self) -> EntryKind:
        """The kind of request: a call of the API, or the download of a result file."""
        return "download" if is_download(self.method, self.path) else "api"

    @property
    def sent(self) -> Any:
        """The request's body, read as JSON; `None` if it is empty, cut, or not JSON."""
        return _read(self.request)

    @property
    def answered(self) -> Any:
        """The response's body, read as JSON; `None` if it is empty, cut, or not JSON."""
        return _read(self.response)

    @property
    def message(self) -> str:
        """The message in the response's envelope; "" if there is none."""
        return _text(self.answered, "message")

    @property
    def task_id(self) -> str:
        """The task that the response is about; "" if it is not about exactly one."""
        task = self._task
        return _text(task, "task_id") or _text(task, "id")

    @property
    def task_status(self) -> str:
        """The status of `task_id` in the response, in its own words; "" if there is none."""
        task = self._task
        return _text(task, "task_status") or _text(task, "status")

    @property
    def external_task_id(self) -> str:
        """The caller's own id of the task, from the request or the response; or ""."""
        sent, task = self.sent, self._task
        return (
            _text(sent, "external_task_id")
            or _text(_member(sent, "options"), "external_task_id")
            or _text(_member(task, "task_info"), "external_task_id")
            or _text(task, "external_id")
        )

    @property
    def _task(self) -> Any:
        """The task in the response, if it has one: that of /v1, or of the model-path interface."""
        data = _member(self.answered, "data")
        if self.path in QUERIES and isinstance(data, list) and len(data) == 1:
            return data[0]  # a list of /v1 is never about one task, even with one row
        return data

    @property
    def queried_id(self) -> str:
        """The id in a query: a task id or an external id; "" for other calls, or several ids."""
        if self.method != "GET":
            return ""
        if self.path not in QUERIES:
            return unquote(self.path.rpartition("/")[2])
        named = [value for name, value in parse_qsl(self.query) if name.endswith("task_ids")]
        return named[0] if len(named) == 1 and "," not in named[0] else ""

    @property
    def request_is_cut(self) -> bool:
        """Whether the request's body was too long to be kept, so that its members are unknown."""
        return len(self.request) >= BODY_KEPT and self.sent is None

    @property
    def response_is_cut(self) -> bool:
        """Whether the response's body was too long to be kept, so that its members are unknown."""
        return len(self.response) >= BODY_KEPT and self.answered is None

    def __repr__(self) -> str:
        # Left out: bodies have prompts and signed URLs, and queries may have keys.
        result = f"{self.status}/{self.code}" if self.status else "no answer"
        parts = [f"{self.method} {self.path[:_TEXT_KEPT]}", result]
        parts += [f"account {self.account}"] if self.account else []
        parts += [f"task {self.task_id}"] if self.task_id else []
        parts += [f"fault {self.fault}"] if self.fault else []
        return f"<Entry {', '.join(parts)}>"

    @property
    def unexpected(self) -> bool:
        """Whether the call was refused before its account was known, or has a note that counts so.

        Its path or method is not served, its body cannot be read, its credential is invalid, or
        its body has a key that no endpoint knows, and that was ignored. With the real service
        each of these is a bug of the app, whatever the test is about. A fault excuses only the
        refusal that it is itself. `unexpected_notes` of `KlingMock` says which kinds of notes
        count.
        """
        if any(note.unexpected for note in self.notes):
            return True
        if not self.code or self.account or self.path.startswith(RESULTS):
            return False
        return "status" not in self.fault.split("+")  # what it hides is a note


def is_download(method: str, path: str) -> bool:
    """Return whether a request fetches a result file, even one that no longer exists."""
    return path.startswith(RESULTS) and method in {"GET", "HEAD"}


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any, name: str) -> str:
    member = _member(value, name)
    return member if isinstance(member, str) else ""


def keep(body: bytes) -> bytes:
    """Return the part of *body* that is kept: all of it, if it is small.

    In a larger body the long texts are shortened, so that it is still JSON and can be searched. A
    body that is too large even then, or is not JSON, is cut.
    """
    if len(body) <= BODY_KEPT:
        return body
    try:
        shortened = json.dumps(shorten(json.loads(body)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        return body[:BODY_KEPT]
    return shortened if len(shortened) <= BODY_KEPT else body[:BODY_KEPT]


def shorten(value: Any) -> Any:
    """Return a JSON value with its long texts shortened: equal texts stay equal."""
    match value:
        case str() if len(value) > _TEXT_KEPT:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            return f"{value[:_TEXT_SHOWN]}...[{len(value)} characters, sha256 {digest}]"
        case dict():
            return {name: shorten(child) for name, child in value.items()}
        case list() | tuple():
            return [shorten(child) for child in value]
        case _:
            return value
