"""The pages about recorded sessions: their examples run, and their tables have everything."""

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

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("recording.md", "recording.zh-CN.md")}
OPTIONS = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


@pytest.fixture
def source(page: str) -> str:
    (source,) = re.findall(r"<!-- pytest -->\n```python\n(.*?)```", page, re.DOTALL)
    return str(source)


@pytest.fixture
def session(source: str, tmp_path: Path) -> bytes:
    """Record what the page's program does.

    `pytester` forgets the modules that are loaded after it, so this has to come first.
    """
    (prompt,) = re.findall(r'prompt="(.*?)"', source)
    path = tmp_path / "session.jsonl"
    with (
        KlingMock(relay=False) as mock,
        Recorder(mock.kling_url, path, Decimal(10)) as recorder,
        mock.client(base_url=recorder.url) as kling,
    ):
        kling.text2video.run(prompt=prompt)
    return path.read_bytes()


@pytest.mark.slow
def test_the_example_passes_with_a_session_of_its_program(
    source: str, session: bytes, pytester: pytest.Pytester
) -> None:
    """Copied from the page, beside a file that the same program has recorded."""
    (pytester.path / "session.jsonl").write_bytes(session)
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-W", "error", "--strict-markers", *OPTIONS)
    result.assert_outcomes(passed=1)


def test_the_shown_lines_are_a_session(page: str) -> None:
    """The example of a file can be read."""
    match = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert match
    session = parse_session(match[1].replace("6f0c...", "6f0c" * 8).encode(), "the page")
    assert (session.creates, session.spent) == (1, Decimal("1.5"))
    assert json.dumps(session.exchanges[0].body)


def test_the_tables_have_every_option_and_kind(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that is added is explained."""
    with pytest.raises(SystemExit):
        main(["record", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("options:")[2]))
    assert options - {"--help"} == set(re.findall(r"^\| `(--[a-z-]+)` \|", page, re.MULTILINE))
    table = re.split(r"^\| `status` \|", page, flags=re.MULTILINE)[1].partition("\n\n")[0]
    table = f"| `status` |{table}"
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    kinds = {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)}
    assert kinds == set(get_args(DifferenceKind))


def test_both_pages_have_the_same_words_of_the_program() -> None:
    """A reader of either language sees the same options, members and kinds."""
    words = [
        set(re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
        for text in PAGES.values()
    ]
    assert words[0] == words[1]
