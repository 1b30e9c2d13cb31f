"""A committed file that differs from what makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.committed import check_copy


def test_a_difference_is_shown_as_a_few_lines(tmp_path: Path) -> None:
    """They are shown with the command that writes the file, not as two files of a megabyte."""
    file = tmp_path / "large.json"
    file.write_text("\n".join(map(str, range(100_000))), "utf-8")
    changed = file.read_text("utf-8").replace("\n70000\n", "\nanother\n")
    check_copy(file, file.read_text("utf-8"), "the command")
    with pytest.raises(pytest.fail.Exception) as failure:
        check_copy(file, changed, "the command")
    lines = str(failure.value).splitlines()
    assert lines[0] == "large.json differs from line 70001 on; run the command:"
    assert {"-70000", "+another"} < set(lines)
    assert len(lines) <= 21
    with pytest.raises(pytest.fail.Exception, match="from line 100001 on"):
        check_copy(file, file.read_text("utf-8") + "\nmore", "the command")
