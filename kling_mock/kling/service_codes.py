"""Kling's service codes, and the refusals that carry them."""

from __future__ import annotations

from typing import NamedTuple

from kling_mock.kling.journal.notes import Note
from kling_mock.kling.journal.redaction import redact_value
from kling_mock.kling.refusal_texts import MESSAGES
from kling_mock.web.facts import Fact, documented

_PAGES = documented("pages-2026-09", "pages-2026-04", "digest-2026-01", as_of="2026-09-20")

_SHOWN = 40  # characters of a wrong value that a message repeats
SUCCEED = "SUCCEED"  # on the wire for every success, including a query of a failed task


class Code(NamedTuple):
    """One service code.

    Attributes:
        code: The number in the envelope.
        http: The HTTP status that carries it.
        message: The text, unless a refusal has its own.
        retryable: Whether the same request may succeed later.
        fact: Where the code and its status come from.
    """

    code: int
    http: int
    message: str
    retryable: bool = False
    fact: Fact = _PAGES


CODES: dict[int, Code] = {
    row.code: row
    for row in (
        Code(0, 200, SUCCEED),
        Code(1000, 401, "Authentication failed"),
        Code(1001, 401, "Authorization is empty"),
        Code(1002, 401, "Authorization is invalid"),
        Code(1003, 401, "Authorization is not yet valid"),
        Code(1004, 401, "Authorization has expired"),
        Code(1100, 429, "Account exception"),
        Code(1101, 429, "Account in arrears (postpaid scenario)"),
        Code(1102, 429, "Account balance not enough"),
        Code(1103, 403, "Unauthorized access to requested resource, such as API/model"),
        Code(1200, 400, "Invalid request parameters"),
        Code(1201, 400, "Invalid parameters, such as incorrect key or illegal value"),
        Code(1202, 404, "The requested method is invalid"),
        Code(1203, 404, "The requested resource does not exist, such as the model"),
        Code(1300, 400, "Trigger strategy of the platform"),
        Code(1301, 400, "Trigger the content security policy of the platform"),
        Code(1302, 429, "The API request is too fast", retryable=True),
        Code(1303, 429, "parallel task over resource pack limit", retryable=True),
        Code(1304, 429, "Trigger the platform's IP whitelisting policy"),
        Code(5000, 500, "Server internal error", retryable=True),
        Code(5001, 503, "Server temporarily unavailable", retryable=True),
        Code(5002, 504, "Server internal timeout", retryable=True),
    )
}


class Refusal(Exception):  # noqa: N818 - it is a reply, not an error of this program
    """A reply other than success.

    Args:
        code: A key of `CODES`.
        message: The text of the envelope; `None` is the code's own.
        http: The HTTP status; `None` is the code's own.
        retry_after: Seconds for a `Retry-After` header; `None` sends none.
        note: Information that Kling does not give: the field, and what it must be.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        http: int | None = None,
        retry_after: int | None = None,
        note: Note | None = None,
    ) -> None:
        row = CODES[code]
        self.retry_after = retry_after
        self.note = note
        self.code = code
        self.http = row.http if http is None else http
        self.message = row.message if message is None else message
        super().__init__(f"{self.http}/{code}: {self.message}")


class UnknownPathError(Refusal):
    """The reply to a path that does not exist: HTTP 404 without an envelope.

    Args:
        note: What it must be.
    """

    def __init__(self, path: str, note: str) -> None:
        super().__init__(1203, http=404, note=Note("refused", "", note))
        self.path = path


def reason_of_failure(code: int) -> str:
    """Return the text with which a task fails: that of the code, but for content found later."""
    found_later = MESSAGES["risk_control"]
    return found_later.template if code == found_later.code else CODES[code].message


def invalid(path: str, expected: str, got: object = None) -> Refusal:
    """Return the 1201 refusal of the value at *path*.

    Args:
        path: The field, as `name`, `name.member` or `name[0].member`.
        expected: What it must be.
        got: What was sent; `None` leaves it out. Its URLs are shown without user info and query.
    """
    # Only a text is shown as it was sent; a nested value could be nested too deeply.
    redacted = redact_value(got, path.rpartition(".")[2]) if isinstance(got, str) else got
    sent = "" if got is None else f", got {_show(redacted)}"
    return Refusal(1201, f"{path}: {expected}{sent}")


def refusal(
    name: str, *values: object, field: str = "", note: str = "", **named: object
) -> Refusal:
    """Return the refusal for the situation *name*, with Kling's text and nothing else.

    Args:
        name: A key of `MESSAGES`.
        values: The values that fill the template.
        field: The field that is refused.
        note: What it must be, for the journal.
        named: Values that fill the template by name; unused ones are allowed.
    """
    row = MESSAGES[name]
    journal_note = Note("refused", field, note) if note else None
    return Refusal(row.code, row.template.format(*values, **named), note=journal_note)


def _show(value: object) -> str:
    """Return a value in short form, without looking deep into it."""
    match value:
        case str():
            return repr(shortened(value))
        case bool():
            return "true" if value else "false"
        case int() | float():
            # str() of an int with thousands of digits raises.
            return str(value) if abs(value) < 10**_SHOWN else "a huge number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def shortened(text: str) -> str:
    """Return *text* as a message repeats it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
