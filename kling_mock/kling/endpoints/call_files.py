"""Files made by calls without a task."""

from __future__ import annotations

from typing import NamedTuple

from kling_mock.kling.endpoints.record import DirectCall
from kling_mock.kling.media.urls import RETENTION_SECONDS, NamedFile, file_url
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.service_codes import Refusal


class KeptFile(NamedTuple):
    """A file as a reply shows it.

    Attributes:
        id: 18 digits.
        url: Its URL.
    """

    id: str
    url: str


def keep_file(call: DirectCall, file: CallFile) -> KeptFile:
    """Keep a file for as long as those of a task are kept."""
    ends = call.now + RETENTION_SECONDS
    file_id = call.sessions.keep_file(call.account, ends, file)
    return KeptFile(file_id, file_url(call.origin(), NamedFile(file.type, file_id)))


def refuse_what_would_fail(call: DirectCall) -> None:
    """Refuse at once what would make a task fail later, since there is no task.

    Raises:
        Refusal: Such a reason is known; the code and the text are those that the task would have.
    """
    failure = call.context.reader.noticed.failure
    if failure is not None:
        raise Refusal(failure.code, failure.message)
