"""A test whose programs are not installed is skipped at a desk, and fails in CI."""

from __future__ import annotations

import pytest

from tests.programs import require


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_program_that_is_not_installed_is_named_by_its_packages(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"apt-get install ffmpeg nodejs$"):
        require("ffmpeg", "ffprobe", "node")


def test_what_is_installed_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    require("bash", "grep")
