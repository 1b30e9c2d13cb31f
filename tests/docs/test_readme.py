"""The README's examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kling_mock import KlingMock

ROOT = Path(__file__).parents[2]


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", read(page), re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_sdk_example_downloads_a_kitten(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Copied from the page, the first example makes a video."""
    source = examples(page)[0]
    assert len(source.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    with KlingMock() as mock:
        # The page's client is the real service's; here it is one that is wired to the mock.
        exec(source.replace("Kling()", "client"), {"client": mock.client()})  # noqa: S102 - our own page

    assert (tmp_path / "kitten.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_test_example_passes(page: str, pytester: pytest.Pytester) -> None:
    """Copied from the page, the second example is a test that passes."""
    source = examples(page)[1]
    assert len(source.strip().splitlines()) == 5
    pytester.makepyfile(source)
    loop = ("-o", "asyncio_default_fixture_loop_scope=function")
    pytester.runpytest_inprocess("-W", "error", *loop).assert_outcomes(passed=1)


def test_both_readmes_give_the_same_commands() -> None:
    """A reader of either language installs and tests in the same way."""
    pages = [read(page) for page in ("README.md", "README.zh-CN.md")]
    commands = [re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for page in pages]

    assert len(commands[0]) == 2
    assert commands[0] == commands[1]


def test_every_page_installs_from_a_clone() -> None:
    """All pages have the same wording and the way to the clone, since pip finds no release."""
    pages = [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "examples/README.md"]
    installing = set()
    for page in pages:
        text = page.read_text("utf-8")
        for words in re.findall(r"pip install ([^\n`]*kling[-_]sdk[^\n`]*)", text):
            assert re.search(r"(?<!\S)'\./kling-sdk\[[a-z,]+\]'", words), f"{page.name}: {words}"
            installing.add(page)
        if page in installing and not page.name.startswith("README"):
            assert re.search(r"\]\(\.\./README(?:\.zh-CN)?\.md#(?:install|安装)\)", text), page.name
    assert len(installing) == 14  # seven pages in two languages


def test_powershell_has_the_same_commands() -> None:
    """Each command line of README also has a PowerShell form, in both languages."""
    commands = re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)```", read("README.md"), re.DOTALL)
    assert len(commands) == 2
    for page in ("docs/platforms.md", "docs/platforms.zh-CN.md"):
        powershell = re.findall(
            r"<!-- command: (\w+) -->\n```powershell\n(.*?)```", read(page), re.DOTALL
        )
        assert powershell == [(name, in_powershell(line)) for name, line in commands]


def in_powershell(line: str) -> str:
    """Return the lines of PowerShell, whose version 5 has no `&&`."""
    line = line.replace("python3 ", "py ").replace(".venv/bin/", ".\\.venv\\Scripts\\")
    return line.replace("examples/", "examples\\").replace(" && ", "\n")
