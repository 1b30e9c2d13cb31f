"""The pages about the client: each example runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import attrs
import pytest

from kling_mock import KlingMock
from kling_sdk import Kling, Options
from kling_sdk.cli.exits import EXITS
from kling_sdk.cli.parser import make_parser
from kling_sdk.client.resources import TaskResource

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("client.md", "client.zh-CN.md")}
EXAMPLES = [
    pytest.param(source, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, source in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
]


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_run(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied from the page, an example does what it says."""
    monkeypatch.chdir(tmp_path)
    with KlingMock() as mock:
        # The page's clients are the real service's; here they are wired to the mock.
        wired = re.sub(r"\bKling\((?=\)|\w+=)", "mock.client(", source)
        assert wired != source
        exec(wired, {"mock": mock})  # noqa: S102 - our own page


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_resources_are_in_the_order_in_which_people_use_them(page: str) -> None:
    """It is that of the client's own documentation, which a person writes."""
    rows = page.partition("<!-- endpoints: generated -->")[2].partition("<!-- endpoints: end")[0]
    resources = re.findall(r"^\| `kling\.([\w.]+)`", rows, re.MULTILINE)
    assert resources[:3] == ["text2video", "image2video", "omni_video"]
    owners = list(dict.fromkeys(name.partition(".")[0] for name in resources))
    documented = re.findall(
        r"^ +(\w+): ", str(Kling.__doc__).partition("Attributes:")[2], re.MULTILINE
    )
    assert owners == [*documented, "solutions"]


def test_the_page_lists_the_commands_exit_statuses() -> None:
    """The table of exit statuses is the command's own; that of the other page has its numbers."""
    for status, (words, _) in EXITS.items():
        assert f"| {status} | {words} |" in PAGES["client.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_on_the_page_are_understood(page: str) -> None:
    """Each line of the shell example names an existing command with existing options."""
    (block,) = re.findall(r"```sh\n(.*?)```", PAGES[page], re.DOTALL)
    parser = make_parser()
    for line in block.splitlines():
        command = line.removeprefix("source <(").removesuffix(")")
        words = shlex.split(command.partition(" < ")[0])
        assert words[0] == "kling"
        parser.parse_args(words[1:])


def test_the_page_tells_of_everything_public() -> None:
    """No public method, option or error of a client is missing; the other page has its names."""
    members = {name for cls in (Kling, TaskResource) for name in vars(cls) if name[0] != "_"}
    options = {field.name for field in attrs.fields(Options)} | {"cancel"}
    missing = {name for name in members | options if name not in PAGES["client.md"]}
    assert missing == set()
