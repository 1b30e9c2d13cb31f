"""The page about recorded sessions: its example runs, and its tables have everything."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from kling_mock import KlingMock
from kling_mock.cli.main import main
from kling_mock.recording.differences import DifferenceKind
from kling_mock.recording.recorder import Recorder
from kling_mock.recording.session import parse_session

PAGE = (Path(__file__).parents[2] / "docs" / "recording.md").read_text("utf-8")
OPTIONS = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.mark.slow
def test_the_example_passes_with_a_session_of_its_program(pytester: pytest.Pytester) -> None:
    """Copied from the page, beside a file that the same program has recorded."""
    (source,) = re.findall(r"<!-- pytest -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    with KlingMock(relay=False) as mock:
        path = pytester.path / "session.jsonl"
        with (
            Recorder(mock.kling_url, path, Decimal(10)) as recorder,
            mock.client(base_url=recorder.url) as kling,
        ):
            kling.text2video.run(prompt="a kitten on the grass")
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-W", "error", "--strict-markers", *OPTIONS)
    result.assert_outcomes(passed=1)


def test_the_shown_lines_are_a_session() -> None:
    """The example of a file can be read."""
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    session = parse_session(found[1].replace("6f0c...", "6f0c" * 8).encode(), "the page")
    assert (session.creates, session.spent) == (1, Decimal("1.5"))
    assert json.dumps(session.exchanges[0].body)


def test_the_tables_have_every_option_and_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is added is explained."""
    with pytest.raises(SystemExit):
        main(["record", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("options:")[2]))
    assert options - {"--help"} == set(re.findall(r"^\| `(--[a-z-]+)` \|", PAGE, re.MULTILINE))
    table = PAGE.partition("| kind | what differs |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    kinds = {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)}
    assert kinds == set(get_args(DifferenceKind))
