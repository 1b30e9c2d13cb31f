"""The limits of each field: lengths, ranges, words, numbers of items, and required fields."""

from __future__ import annotations

from tests.evidence.requests import differs, field_requests
from tests.evidence.rows import Failures, name_of, rows
from tests.evidence.sides import Emulator, Sdk


def test_the_sdk_sends_what_a_field_takes_and_nothing_else(sdk: Sdk) -> None:
    """The value at each limit is sent as it is, the next one is refused."""
    failures = Failures("fields", "sdk")
    for row in rows("fields"):
        for what, request, passes in field_requests(row):
            sent = sdk.create(request.path, request.fields)
            name = f"{name_of(row)}: {what}"
            if bool(sent.refused) == passes:
                failures.add(name, sent.refused or "is sent")
            elif passes and sent.path != request.path:
                failures.add(name, f"is sent to {sent.path}")
            elif passes and (problem := differs(request.body, sent.body)):
                failures.add(name, problem)
    failures.report()


def test_the_emulator_accepts_what_a_field_takes_and_nothing_else(
    strict_emulator: Emulator,
) -> None:
    """The same requests."""
    failures = Failures("fields", "emulator")
    cases = [(row, *case) for row in rows("fields") for case in field_requests(row)]
    replies = strict_emulator.create_all((request.path, request.body) for _, _, request, _ in cases)
    for (row, what, _, passes), reply in zip(cases, replies, strict=True):
        if (reply.code == 0) != passes:
            failures.add(f"{name_of(row)}: {what}", str(reply))
    failures.report()
