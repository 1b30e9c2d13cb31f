"""`kling models`: what each model can do, from the data of the client's own checks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_sdk.cli import main
from kling_sdk.cli.models import seconds_text
from kling_sdk.endpoints import ENDPOINTS


def no_client() -> Any:
    pytest.fail("a client was made")


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["models", *arguments, "--json"], open_client=no_client) == 0
    table: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return table


def test_every_mode_of_every_model_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows have the data of the records; the command needs no key."""
    table = rows(capsys)

    assert {row["endpoint"] for row in table} == set(ENDPOINTS)
    for record in ENDPOINTS.values():
        for model in record.models:
            for mode, limits in model.modes.items():
                (row,) = [
                    row
                    for row in table
                    if (row["endpoint"], row["model"], row[record.size_field] or "")
                    == (record.name, model.name, mode)
                ]
                assert row["durations"] == list(limits.seconds)
                assert row["audio"] is ("sound" in limits.features or model.sound == "always")
                assert {*row["features"], "sound"} == {*limits.features, "sound"}
                assert row["default"] is (model.name == record.default_model)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """One endpoint or all; sizes by mode, lengths in short, and what may have gone."""
    assert main(["models", "text2video"], open_client=no_client) == 0
    head, *lines = [line.split(maxsplit=5) for line in capsys.readouterr().out.splitlines()]

    assert " ".join(" ".join(head).split()) == "endpoint model mode resolution duration audio note"
    table = [" ".join(" ".join(line).split()) for line in lines]
    assert "text2video kling-v3 pro 1080p 3-15 s yes" in table
    assert "text2video kling-v3 4k 4k 3-15 s yes" in table
    assert "text2video kling-v2-6 (default) std 720p 5, 10 s no" in table
    assert "text2video kling-3.0 pro 1080p 3-15 s yes" in table
    assert any(line.startswith("text2video kling-v2-master - - 5, 10 s no") for line in table)
    assert any("kling-v1 " in line and "retired" in line for line in table)


def test_an_endpoint_without_a_model_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Its model is that of the source."""
    (row,) = rows(capsys, "video-extend")
    assert row["model"] is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [((), ""), ((5,), "5 s"), ((5, 10), "5, 10 s"), ((5, 6), "5, 6 s"), ((3, 4, 5), "3-5 s")],
)
def test_lengths_in_short(seconds: tuple[int, ...], text: str) -> None:
    """A range only where every length between is made."""
    assert seconds_text(seconds) == text
