"""The table of the outcomes of a create in docs/client.md: each of its rows happens here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AccountError,
    AlreadyExistsError,
    AuthenticationError,
    ConcurrencyLimitError,
    ConflictError,
    ContentPolicyError,
    InvalidRequestError,
    IPNotAllowedError,
    KlingError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
)
from kling_sdk.auth import ApiKey, Keyring
from tests.docs.create_outcomes import (
    ANOTHERS,
    EXISTS,
    NOT_FOUND,
    PAGE_403,
    REDIRECT,
    UNREACHABLE,
    Ended,
    accepted_late,
    code,
    in_progress,
    interrupted,
    kling,
    lost,
    lost_after,
    not_sent,
    relay,
    repeated_on_a_relay,
    says,
    used_before,
    without_an_id,
)
from tests.sdk.fake_relay import CONFLICT, IN_PROGRESS, refused

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "client.md").read_text("utf-8")
CHINESE: Final = (DOCS / "client.zh-CN.md").read_text("utf-8")
BOUGHT: Final[dict[str, set[int]]] = {"0": {0}, "1": {1}, "0 or 1": {0, 1}}


@attrs.frozen
class Case:
    """A row of the table, and how it happens.

    Attributes:
        happened: Its first column.
        gets: Its third column.
        bought: Its fourth column.
        plays: What the caller gets, `Task` or an error, and a create that ends so.
    """

    happened: str
    gets: str
    bought: str
    plays: Sequence[tuple[type[Any], Callable[[], Ended]]]


TWO_KEYS: Final = Keyring((ApiKey("k1"), ApiKey("k2")))
IMPOSSIBLE: Final = TextToVideo(prompt="a kitten", model_name="kling-v1-5")
ANOTHER: Final = TextToVideo(prompt="a dog", external_task_id="order-1")

CASES: Final = (
    Case(
        "nothing is sent: the client's own check refuses the request",
        "`RequestValidationError`",
        "0",
        [(RequestValidationError, kling(request=IMPOSSIBLE))],
    ),
    Case("the reply is the task", "the task", "1", [(Task, kling()), (Task, relay())]),
    Case(
        "the reply is a task, without your id",
        "the task",
        "1",
        [(Task, kling(names=False))],
    ),
    Case(
        "no connection at first, and then one",
        "the task",
        "1",
        [(Task, kling(not_sent, not_sent)), (Task, kling(UNREACHABLE))],
    ),
    Case(
        "never a connection",
        "`TransportError`, at an address that never answered `UnreachableError`",
        "0",
        [
            (TransportError, kling(then=not_sent)),
            (UnreachableError, kling(then=UNREACHABLE)),
        ],
    ),
    Case(
        "the reply is lost: a reset, a time-out, HTTP 5xx, a gateway's page; a repeat is answered",
        "the task",
        "1",
        [
            (Task, kling(lost)),
            (Task, kling(lost_after)),
            (Task, kling(code(500, 5000), lost_after)),
            (Task, kling(says(PAGE_403))),
            (Task, relay(lost_after)),
            (Task, relay(says(refused(503, "unavailable"), after=True))),
        ],
    ),
    Case(
        "the reply is lost, then Kling does not answer until the deadline",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(then=lost, looks=lost)),
            (OutcomeUnknownError, kling(lost_after, then=lost, looks=lost)),
        ],
    ),
    Case(
        "the reply is lost, the repeat is refused, and a look-up finds the task",
        "the task",
        "1",
        [(Task, kling(lost_after, code(429, 1102))), (Task, kling(lost_after, code(401, 1002)))],
    ),
    Case(
        "the reply is lost, the repeat is refused, and a look-up finds nothing",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(lost, code(429, 1102))),
            (OutcomeUnknownError, lambda: accepted_late(lost, code(429, 1102))),
        ],
    ),
    Case(
        "the same page of something else three times",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(then=says(PAGE_403))),
            (OutcomeUnknownError, kling(then=says(PAGE_403, after=True))),
        ],
    ),
    Case(
        "a redirect, or `http://` to a port that speaks TLS",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(then=says(REDIRECT))),
            (OutcomeUnknownError, kling(then=says(REDIRECT, after=True))),
        ],
    ),
    Case(
        "the reply is about another task",
        "the task",
        "1",
        [(Task, kling(says(ANOTHERS))), (Task, kling(says(ANOTHERS, after=True)))],
    ),
    Case(
        "a refusal: no units, the prompt, a field, a right, an address",
        "`AccountError`, `ContentPolicyError`, `InvalidRequestError`, `NotFoundError`, "
        "`PermissionDeniedError`, `IPNotAllowedError`",
        "0",
        [
            (AccountError, kling(code(429, 1102))),
            (AccountError, relay(says(refused(402, "insufficient_quota")))),
            (ContentPolicyError, kling(code(400, 1301))),
            (InvalidRequestError, kling(code(400, 1200))),
            (NotFoundError, kling(code(404, 1203))),
            (PermissionDeniedError, kling(code(403, 1103))),
            (IPNotAllowedError, kling(code(429, 1304))),
        ],
    ),
    Case(
        "too many requests (1302) or all slots busy (1303), and then not",
        "the task",
        "1",
        [(Task, kling(code(429, 1302), code(429, 1303))), (Task, relay(says(refused(429, 1303))))],
    ),
    Case(
        "too many requests or all slots busy until the deadline",
        "`RateLimitError`, `ConcurrencyLimitError`",
        "0",
        [
            (RateLimitError, kling(then=code(429, 1302))),
            (ConcurrencyLimitError, kling(then=code(429, 1303))),
        ],
    ),
    Case(
        "the token has expired or is not valid yet (1003, 1004)",
        "the task",
        "1",
        [(Task, kling(code(401, 1004))), (Task, kling(code(401, 1003)))],
    ),
    Case(
        "the key is refused (1000-1002), and there is another",
        "the task",
        "1",
        [(Task, kling(code(401, 1002), keys=TWO_KEYS))],
    ),
    Case(
        "every key is refused",
        "`AuthenticationError`",
        "0",
        [
            (AuthenticationError, kling(then=code(401, 1002))),
            (AuthenticationError, relay(then=says(refused(401, "invalid_token")))),
        ],
    ),
    Case(
        "Kling: an earlier create at this endpoint has used the id",
        'the earlier task, `reused`; with `if_exists="error"` `AlreadyExistsError`',
        "0",
        [(Task, used_before()), (AlreadyExistsError, used_before(if_exists="error"))],
    ),
    Case(
        "Kling: a task of another endpoint has the id",
        "`ConflictError`",
        "0",
        [(ConflictError, used_before("image2video"))],
    ),
    Case(
        "Kling: the id is taken, and no task is shown",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(EXISTS, looks=NOT_FOUND)),
            (OutcomeUnknownError, kling(lost_after, EXISTS, looks=NOT_FOUND)),
        ],
    ),
    Case(
        "relay: an earlier create with the same request has used the id",
        "the earlier task, without a mark",
        "0",
        [(Task, repeated_on_a_relay)],
    ),
    Case(
        "relay: 409 `request_in_progress`",
        "the task of the first create",
        "1",
        [(Task, relay(says(IN_PROGRESS))), (Task, in_progress)],
    ),
    Case(
        "relay: 409 `external_task_id_conflict`",
        "`ConflictError`",
        "0",
        [
            (ConflictError, lambda: repeated_on_a_relay(request=ANOTHER)),
            (ConflictError, lambda: repeated_on_a_relay(lost, request=ANOTHER)),
            (ConflictError, relay(says(CONFLICT))),
        ],
    ),
    Case(
        "409 for any other reason",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, relay(says(refused(409, "conflict")))),
            (OutcomeUnknownError, relay(says(refused(409, "conflict"), after=True))),
        ],
    ),
    Case(
        "the call is interrupted: cancelled, Ctrl-C, a time-out around it",
        "that exception, with a note",
        "0 or 1",
        [
            (KeyboardInterrupt, interrupted(accepted=False)),
            (KeyboardInterrupt, interrupted(accepted=True)),
        ],
    ),
    Case(
        "the reply is lost until the deadline, with `look_up=False`",
        "`OutcomeUnknownError`",
        "0 or 1",
        [
            (OutcomeUnknownError, kling(then=lost, look_up=False)),
            (OutcomeUnknownError, kling(then=lost_after, look_up=False)),
            (OutcomeUnknownError, relay(then=says(IN_PROGRESS, after=True), look_up=False)),
        ],
    ),
    Case(
        "the reply is lost at an endpoint that takes no `external_task_id`",
        "`OutcomeUnknownError` without an id",
        "0 or 1",
        [
            (OutcomeUnknownError, without_an_id(done=False)),
            (OutcomeUnknownError, without_an_id(done=True)),
        ],
    ),
)


# ---------------------------------------------------------------- the tests


def rows(page: str = PAGE, heading: str = "Retries and money") -> list[list[str]]:
    """Return the cells of the table on a page."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n### ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [re.split(r" \| ", line.strip("| ")) for line in lines[1:]]


def test_the_page_has_these_rows() -> None:
    """What happened, what the caller gets and what was bought are those that are tried here."""
    assert [(row[0], row[2], row[3]) for row in rows()] == [
        (case.happened, case.gets, case.bought) for case in CASES
    ]
    assert all(len(row) == 5 and all(row) for row in rows())


def test_the_chinese_page_has_the_same_rows() -> None:
    """Row by row: what is written as code, and how many videos were bought."""
    chinese = rows(CHINESE, "重试与付费")
    assert [row[3].replace("或", "or") for row in chinese] == [row[3] for row in rows()]
    assert [[set(re.findall(r"`[^`]+`", cell)) for cell in row] for row in chinese] == [
        [set(re.findall(r"`[^`]+`", cell)) for cell in row] for row in rows()
    ]


@pytest.mark.parametrize("case", CASES, ids=[case.happened for case in CASES])
def test_a_row_is_true(case: Case) -> None:
    """What the page says happens: the caller gets that, and so many videos are bought."""
    ended = [(expected, play()) for expected, play in case.plays]

    for expected, outcome in ended:
        assert type(outcome.task if outcome.error is None else outcome.error) is expected
        if isinstance(outcome.error, KlingError) and outcome.error.external_task_id is not None:
            assert outcome.error.external_task_id in {"order-1", ""}
        if outcome.task is not None:
            assert outcome.task.external_task_id == "order-1"
    assert {outcome.bought for _, outcome in ended} == BOUGHT[case.bought]
    named = set(re.findall(r"`(\w+Error)`", case.gets))
    errors = {
        outcome_type.__name__
        for outcome_type, _ in case.plays
        if issubclass(outcome_type, KlingError)
    }
    assert named == errors
    assert ("task" in case.gets) == any(outcome_type is Task for outcome_type, _ in case.plays)


def test_a_wrong_row_is_noticed() -> None:
    """The check can fail: a row with another error, or another number, does not pass."""
    right = next(case for case in CASES if case.happened == "the reply is the task")
    for wrong in (
        attrs.evolve(right, bought="0"),
        attrs.evolve(right, gets="`AccountError`"),
        attrs.evolve(right, plays=[(OutcomeUnknownError, kling())]),
    ):
        with pytest.raises(AssertionError):
            test_a_row_is_true(wrong)


def test_the_recipe_for_restarts_buys_each_job_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Run again, as after a crash, it finds its tasks; an edited job is a new one."""
    (recipe,) = re.findall(r"### After a restart\n.*?```python\n(.*?)```", PAGE, re.DOTALL)
    edited = recipe.replace("a dog in the snow", "a dog in the rain")
    outputs: list[str] = []
    with KlingMock() as mock:
        for source, bought in ((recipe, 2), (recipe, 2), (edited, 3)):
            exec(source.replace("Kling()", "mock.client()"), {"mock": mock})  # noqa: S102 - our own page
            outputs.append(capsys.readouterr().out)
            assert mock._proxy.call(lambda world: len(world.tasks)) == bought

    first, again, after = (set(text.splitlines()) for text in outputs)
    assert first == again
    assert len(first) == 2
    assert len(first & after) == 1
