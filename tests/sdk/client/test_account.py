"""`kling.account`: what is asked, and what a bill says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kling_sdk import AsyncKling, Kling, RequestValidationError

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("balance", {}, "start"),
        ("balance", {"start": 1}, "start"),
        ("packages", {"end": NOON}, "start"),
        ("packages", {"start": 1, "end": 2, "page_size": 501}, "page_size"),
        ("balance", {"cursor": "c", "page_size": 0}, "page_size"),
        ("packages", {"cursor": "c", "package_names": "a", "package_ids": "b"}, "package_names"),
    ],
)
def test_a_question_without_an_answer_is_not_sent(
    method: str, arguments: dict[str, Any], field: str
) -> None:
    """It needs both times or a cursor, and packs by name or by id."""
    with Kling("a|b", base_url="http://127.0.0.1:1") as kling:
        with pytest.raises(RequestValidationError) as refused:
            getattr(kling.account, method)(**arguments)
        assert refused.value.field == field


@pytest.mark.parametrize("method", ["costs", "balance", "packages"])
def test_a_relay_has_no_account(method: str) -> None:
    """It bills its own users."""
    with (
        Kling.relay("http://127.0.0.1:1", "sk-1") as relay,
        pytest.raises(RequestValidationError, match=rf"account\.{method} is not served by a relay"),
    ):
        getattr(relay.account, method)(0, 1)


def test_it_shows_no_secret() -> None:
    """This holds for either client."""
    assert repr(Kling("a|b").account) == "<AccountResource>"
    assert repr(AsyncKling("a|b").account) == "<AsyncAccountResource>"
