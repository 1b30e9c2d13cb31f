"""Texts of Kling as they are stored: whole, cut and marked, or left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_mock.relay.domain.stored_values import (
    MAX_HINT,
    stated_quota,
    stored_id,
    stored_json,
    stored_reason,
    stored_url,
)


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(depth):
        tree = {"a": tree}
    return tree


def test_a_report_that_fits_is_stored_as_it_is() -> None:
    """It is UTF-8, measured in bytes: each of these characters has three."""
    report = {"msg": "小猫"}
    assert stored_json(report, 17) == '{"msg": "小猫"}'
    assert json.loads(stored_json(report, 16))["incomplete"] == "too large"


@pytest.mark.parametrize(
    ("report", "endpoint", "quota"),
    [
        ({"final_unit_deduction": "1.5"}, "text2video", 105_000),
        ({"final_unit_deduction": "8"}, "image-generation", 14_000),
        ({"final_unit_deduction": "0"}, "text2video", 0),
        ({"final_unit_deduction": "-1"}, "text2video", None),
        ({}, "text2video", None),
    ],
)
def test_a_stored_report_says_what_was_deducted(
    report: dict[str, Any], endpoint: str, quota: int | None
) -> None:
    """It says the same as on receipt; one that was cut, or is of another program, says nothing."""
    task = {"task_id": "1", "task_status": "succeed"}
    assert stated_quota(stored_json(task | report), endpoint) == quota
    assert stated_quota(stored_json(task | {"more": "x" * 1_000}, 500), endpoint) is None
    assert stated_quota("", endpoint) is None


def test_units_of_the_newer_form_are_read_too() -> None:
    report = {
        "id": "1",
        "status": "succeeded",
        "billing": [{"package_type": "video", "amount": "2"}],
    }
    assert stated_quota(stored_json(report), "text2video") == 140_000


def test_a_report_that_is_too_large_is_stored_in_part() -> None:
    """It stays JSON, and has the length of the whole and as much text as surely fits."""
    report = {"msg": "x" * 1_000}
    assert json.loads(stored_json(report, 1_000)) == {
        "incomplete": "too large",
        "bytes": 1_011,
        "text": ('{"msg": "' + "x" * 1_000)[:200],
    }
    worst = stored_json({"msg": '"' * 100_000}, MAX_HINT)
    assert len(worst.encode()) <= MAX_HINT == 4_096


def test_a_column_stores_65535_bytes_of_a_report() -> None:
    report = {"msg": "x" * (65_535 - 11)}
    assert len(stored_json(report)) == 65_535
    assert json.loads(stored_json(report)) == report
    longer = {"msg": report["msg"] + "x"}
    assert json.loads(stored_json(longer))["bytes"] == 65_536


def test_a_report_that_is_no_json_is_stored_as_text() -> None:
    """A number that no database reads as JSON, and a depth that no parser reads."""
    assert json.loads(stored_json({"n": float("inf")})) == {
        "incomplete": "not JSON",
        "bytes": 15,
        "text": '{"n": Infinity}',
    }
    assert json.loads(stored_json(nested(100_000))) == {
        "incomplete": "nested too deeply",
        "bytes": None,
        "text": "",
    }


def test_the_text_of_a_report_is_not_escaped() -> None:
    """The text is readable in the table."""
    assert "小猫" in stored_json({"msg": "小猫", "n": float("nan")})


def test_half_of_a_surrogate_pair_is_stored_and_counted() -> None:
    """The database gets a replacement character for it, which has three bytes too."""
    assert stored_json({"a": "\ud800"}, 12) == '{"a": "\ud800"}'
    assert json.loads(stored_json({"a": "\ud800"}, 11))["bytes"] == 12


@pytest.mark.parametrize(("length", "stored"), [(8_192, 8_192), (8_193, 0)])
def test_a_url_that_is_too_long_is_left_out(length: int, stored: int) -> None:
    """It would lead elsewhere when cut."""
    assert stored_url("x" * length) == "x" * stored


@pytest.mark.parametrize(("length", "stored"), [(200, 200), (201, 0)])
def test_an_id_that_is_too_long_is_left_out(length: int, stored: int) -> None:
    """It would be another one when cut."""
    assert stored_id("x" * length) == "x" * stored


def test_a_reason_that_is_too_long_ends_with_dots() -> None:
    assert stored_reason("x" * 1_000) == "x" * 1_000
    assert stored_reason("x" * 1_001) == "x" * 997 + "..."
