"""The tests of the batch: an emulated Kling, no key, no waiting."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from examples.batch_from_csv.batch import read_rows, report, run
from kling_mock import KlingMock
from kling_sdk import Kling

CREATE = "POST /v1/videos/text2video"
CONSOLE = Console(quiet=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three rows."""
    path = tmp_path / "jobs.csv"
    path.write_text(
        "name,prompt,duration\n"
        "kitten,a kitten on the grass,5\n"
        "knife,a sharp knife,5\n"
        'dog,"a dog, running",10\n',
        encoding="utf-8",
    )
    return path


def test_each_row_is_a_file_and_a_place_on_the_page(
    kling: Kling, kling_mock: KlingMock, file: Path, tmp_path: Path
) -> None:
    """A row that Kling refuses is on the page with its reason, and stops no other."""
    kling_mock.content.add("knife", "refuse")
    rows = read_rows(file)
    outcomes = run(kling, rows, tmp_path, None, CONSOLE)
    page = report(rows, outcomes)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    for name in ("kitten", "dog"):
        assert (tmp_path / f"{name}.mp4").read_bytes()[4:8] == b"ftyp"
        assert f'src="{name}.mp4"' in page
    assert "2 of 3 videos" in page
    assert "code 1301" in page


def test_a_second_start_buys_nothing(
    kling: Kling, kling_mock: KlingMock, file: Path, tmp_path: Path
) -> None:
    """Whatever was lost of the first one: the tasks are Kling's, under the rows' own ids."""
    run(kling, read_rows(file), tmp_path, None, CONSOLE)
    (tmp_path / "dog.mp4").unlink()
    outcomes = run(kling, read_rows(file), tmp_path, None, CONSOLE)
    assert all(outcome.result().reused for outcome in outcomes)
    assert (tmp_path / "dog.mp4").exists()
    kling_mock.journal.assert_called(CREATE, code=0, times=3)


def test_an_edited_row_is_new(
    kling: Kling, kling_mock: KlingMock, file: Path, tmp_path: Path
) -> None:
    """And the others are not."""
    run(kling, read_rows(file), tmp_path, None, CONSOLE)
    file.write_text(file.read_text("utf-8").replace("running", "asleep"), encoding="utf-8")
    run(kling, read_rows(file), tmp_path, None, CONSOLE)
    kling_mock.journal.assert_called(CREATE, code=0, times=4)


def test_nothing_is_bought_beyond_the_ceiling(
    kling: Kling, kling_mock: KlingMock, file: Path, tmp_path: Path
) -> None:
    """What was not bought says so."""
    outcomes = run(kling, read_rows(file), tmp_path, Decimal(4), CONSOLE)
    bought = [outcome for outcome in outcomes if outcome.error is None]
    assert sum(outcome.result().units or 0 for outcome in bought) <= 4
    assert len(bought) < 3
    kling_mock.journal.assert_called(CREATE, code=0, times=len(bought))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name\nx\n", "there is no column 'prompt'"),
        ("name,prompt\n../x,a\n", "line 2: name: must be letters"),
        ("name,prompt,duration\nx,a,5\ny,a,long\n", "line 3: duration"),
        ("name,prompt\nx,a\nx,b\n", "two rows have the same name"),
    ],
)
def test_a_file_that_is_wrong_buys_nothing(tmp_path: Path, text: str, told: str) -> None:
    """The line is named before anything is sent."""
    path = tmp_path / "jobs.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_rows(path)
