"""Ids: the same in every run of a test, and others in each try and in each test."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

TESTS = """
    from pathlib import Path

    def remember(kling):
        path = Path("ids")
        ids = path.read_text().split() if path.exists() else []
        new = kling.text2video.create(prompt="a kitten").task_id
        assert new not in ids  # as UNIQUE(task_id) of a database that outlives the test
        path.write_text(" ".join([*ids, new]))
        return len(ids)

    def test_flaky(kling):
        assert remember(kling) >= 2

    def test_other(kling):
        remember(kling)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ini", ["", "kling_mock_seed = 7"])
def test_a_try_repeats_no_ids_and_a_run_does(run: Run, pytester: pytest.Pytester, ini: str) -> None:
    """A database that the first try has written to does not refuse requests of the second one."""
    path = pytester.path / "ids"
    written = []
    for _ in range(2):
        result = run(TESTS, "--reruns", "3", ini=ini, plugins=["rerunfailures"])
        assert result.parseoutcomes() == {"passed": 2, "rerun": 2}
        written.append(path.read_text().split())
        path.unlink()
    assert written[0] == written[1]
    assert len(set(written[0])) == 4


def test_the_report_names_the_seed(run: Run) -> None:
    """With this seed as a marker, the ids of that very try come again."""
    source = """
        import pytest
        {mark}
        def test_it(kling):
            assert "id " + kling.text2video.create(prompt="a kitten").task_id == ""
    """
    result = run(source.format(mark=""))
    result.stdout.fnmatch_lines(["*- kling_mock: seed -*", "*, try 1 of this test in this run: *"])
    lines = result.outlines
    seed = next(line.partition(",")[0] for line in lines if "try 1 of this test" in line)
    id_ = next(line for line in lines if line.startswith("E  ") and "id " in line)
    again = run(source.format(mark=f"@pytest.mark.kling_mock(seed={seed})"))
    assert id_ in again.outlines
