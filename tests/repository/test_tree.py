"""The tests mirror the packages: `tests/sdk` and `tests/mock` have the same folders."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def folders(root: Path, pattern: str) -> set[str]:
    """Return the folders below *root* that hold a file like *pattern*."""
    return {str(file.parent.relative_to(root)) for file in root.rglob(pattern)}


@pytest.mark.parametrize(("package", "tests"), [("kling_sdk", "sdk"), ("kling_mock", "mock")])
def test_each_folder_of_tests_has_its_folder_of_code(package: str, tests: str) -> None:
    """A folder that is renamed takes its tests along."""
    code = folders(ROOT / package, "__init__.py")

    assert folders(ROOT / "tests" / tests, "test_*.py") - code == set()
    assert len(code) > 5


@pytest.mark.parametrize(
    "folder",
    ["sdk/endpoints", "sdk/flows", "sdk/transports", "mock/kling/endpoints", "mock/relay/domain"],
)
def test_what_people_change_most_has_tests_beside_it(folder: str) -> None:
    """An endpoint, a flow, a transport and a decision of the relay."""
    assert list((ROOT / "tests" / folder).glob("test_*.py"))
