"""A public class name means one thing in the whole project."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def classes(*packages: str) -> dict[str, list[str]]:
    """Return the files of each public class at the top of a module."""
    found = defaultdict[str, list[str]](list)
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(file.relative_to(ROOT)))
    return found


def test_no_class_name_is_used_twice() -> None:
    """Who reads a name in a traceback or a search finds one class."""
    twice = {
        name: files for name, files in classes("kling_sdk", "kling_mock").items() if len(files) > 1
    }
    assert twice == {}


@pytest.mark.slow
def test_the_search_finds_what_is_there() -> None:
    """The check is not empty: it knows the classes that everybody uses."""
    found = classes("kling_sdk", "kling_mock")
    assert found["Kling"] == ["kling_sdk/client.py"]
    assert found["KlingMock"] == ["kling_mock/server/mock.py"]
    assert len(found) > 250
