"""The pages about what goes wrong: each example happens, and the table of codes is the client's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.service_codes import CODES
from kling_sdk import KlingAPIError
from kling_sdk.wire.refusals import _BY_CODE
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    name: (DOCS / name).read_text("utf-8")
    for name in ("troubleshooting.md", "troubleshooting.zh-CN.md")
}
REPEAT = {"no": False, "yes": True, "否": False, "是": True}


def marked(mark: str) -> list[Any]:
    """Return what each block of Python with this mark says after it, and its source."""
    return [
        pytest.param(*block, id=f"{name}-{block[0] or number}")
        for name, page in PAGES.items()
        for number, block in enumerate(
            re.findall(rf"<!-- {mark}:? ?(\w*) -->\n```python\n(.*?)```", page, re.DOTALL)
        )
    ]


@pytest.mark.parametrize(("_", "source"), marked("example"))
def test_the_examples_run(_: str, source: str, receiver: Receiver) -> None:
    """Copied from the page, an example does what it says."""
    with KlingMock() as mock, mock.client() as kling:
        names = {"mock": mock, "kling": kling, "url": receiver.url, "received": receiver.received}
        exec(source, names)  # noqa: S102 - our own page


@pytest.mark.parametrize(("code", "source"), marked("provoke"))
def test_a_code_is_provoked_as_the_page_says(code: str, source: str) -> None:
    """Its last line raises, and nothing before it: that code, in the class of the table."""
    *before, last = source.splitlines(keepends=True)
    with KlingMock() as mock, mock.client() as kling:
        names: dict[str, Any] = {"mock": mock, "kling": kling}
        exec("".join(before), names)  # noqa: S102 - our own page
        with pytest.raises(KlingAPIError) as caught:
            exec(last, names)  # noqa: S102 - our own page
    assert caught.value.code == int(code)
    assert caught.value.http_status == CODES[int(code)].http
    assert type(caught.value) is _BY_CODE[int(code)][0]


@pytest.mark.parametrize("page", PAGES)
def test_the_table_has_every_code_of_the_client(page: str) -> None:
    """Code, HTTP status, class and whether a repeat may help are those of the code."""
    rows = re.findall(
        r"^\| \[(\d+)\]\(#(\d+)\) \| (\d+) \| .+ \| `(\w+)` \| (\S+) \|$", PAGES[page], re.MULTILINE
    )
    assert [(int(code), int(http), cls, REPEAT[repeat]) for code, _, http, cls, repeat in rows] == [
        (code, CODES[code].http, cls.__name__, retryable)
        for code, (cls, retryable) in _BY_CODE.items()
    ]
    assert all(code == anchor for code, anchor, *_ in rows)


@pytest.mark.parametrize("page", PAGES)
def test_every_code_has_its_section(page: str) -> None:
    """A link to a code leads to what it means, and to how it is provoked."""
    sections = re.findall(
        r"^### (\d{4})\n\n.+\n\n<!-- provoke: (\d+) -->", PAGES[page], re.MULTILINE
    )
    assert [code for code, _ in sections] == [str(code) for code in _BY_CODE]
    assert all(code == provoked for code, provoked in sections)


@pytest.mark.parametrize("page", PAGES)
def test_no_block_of_python_is_left_out(page: str) -> None:
    """Each one is run by one of the tests above."""
    marks = re.findall(r"<!-- (?:example|provoke: \d+) -->\n```python\n", PAGES[page])
    assert len(marks) == PAGES[page].count("```python") > len(_BY_CODE)
