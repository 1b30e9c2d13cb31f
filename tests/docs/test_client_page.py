"""The page about the client: each example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kling_mock import KlingMock

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_run(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied from the page, an example does what it says."""
    monkeypatch.chdir(tmp_path)
    with KlingMock() as mock:
        # The page's clients are the real service's; here they are wired to the mock.
        wired = re.sub(r"\bKling\((?=\)|\w+=)", "mock.client(", source)
        assert wired != source
        exec(wired, {"mock": mock})  # noqa: S102 - our own page
