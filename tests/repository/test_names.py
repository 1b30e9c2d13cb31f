"""A class name means one thing in the whole project; a name inside a function says something."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
#: Names that fit whatever is bound to them: a row, a task, a price or a header.
EMPTY: Final = frozenset(
    (
        *("one", "found", "given", "shown", "made", "said", "meant", "taken", "wanted", "begun"),
        *("kept", "looked", "asked", "told"),
    )
)


_ARGUMENT: Final = re.compile(r"(?<![\w*`])\*([a-z_]+)\*(?![\w*])")
_CLASS: Final = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)


@cache
def modules(package: str) -> dict[str, str]:
    """Return the text of each file."""
    return {
        str(file.relative_to(ROOT)): file.read_text("utf-8")
        for file in sorted((ROOT / package).rglob("*.py"))
    }


def bound(tree: ast.AST) -> Iterator[str]:
    """Yield the names of variables, parameters, attributes and functions that a tree binds."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name


def empty_names(package: str) -> list[str]:
    return [
        f"{file}: {name}"
        for file, text in modules(package).items()
        for name in bound(ast.parse(text))
        if name.strip("_") in EMPTY
    ]


def unknown_names(tree: ast.AST) -> Iterator[str]:
    """Yield what docstrings of functions put between asterisks and no function around it takes."""
    remaining = [(tree, frozenset[str]())]
    while remaining:
        node, names = remaining.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
            for name in _ARGUMENT.findall(ast.get_docstring(node) or ""):
                if name not in names:
                    yield f"{node.name}: {name}"
        remaining += [(child, names) for child in ast.iter_child_nodes(node)]


def classes(*packages: str) -> dict[str, list[str]]:
    """Return the files of each public class at the top of a module."""
    files_by_class = defaultdict[str, list[str]](list)
    for package in packages:
        for file, text in modules(package).items():
            for name in _CLASS.findall(text):
                files_by_class[name].append(file)
    return files_by_class


def test_no_class_name_is_used_twice() -> None:
    """A name in a traceback or a search leads to one class."""
    twice = {
        name: files for name, files in classes("kling_sdk", "kling_mock").items() if len(files) > 1
    }
    assert twice == {}


@pytest.mark.slow
def test_the_search_finds_what_is_there() -> None:
    """The check is not empty: it knows the well-known classes."""
    files_by_class = classes("kling_sdk", "kling_mock")
    assert files_by_class["Kling"] == ["kling_sdk/client/clients.py"]
    assert files_by_class["KlingMock"] == ["kling_mock/server/mock.py"]
    assert len(files_by_class) > 250


@pytest.mark.slow
def test_names_in_the_packages_say_something() -> None:
    """They are what a reader of a traceback has."""
    assert empty_names("kling_sdk") == []
    assert empty_names("kling_mock") == []


@pytest.mark.slow
@pytest.mark.parametrize("package", ["kling_sdk", "kling_mock", "tests"])
def test_a_docstring_names_arguments_that_there_are(package: str) -> None:
    """A parameter that was renamed has its new name there, too."""
    trees = {file: ast.parse(text) for file, text in modules(package).items()}
    assert {file: names for file, tree in trees.items() if (names := [*unknown_names(tree)])} == {}


def test_the_search_for_arguments_finds_an_old_name() -> None:
    """Control: the parameters of the function around it are known as well."""
    text = 'def f(new):\n  """Use *old*."""\n  def g(*more):\n    """Use *new* and *more*."""'
    assert [*unknown_names(ast.parse(text))] == ["f: old"]


@pytest.mark.slow
def test_names_in_the_tests_say_something() -> None:
    """They are read more often than written, too."""
    assert empty_names("tests") == []


def test_the_search_for_names_finds_each_kind() -> None:
    """Control: a variable, a parameter, an attribute, a function, one of a comprehension."""
    text = "def made(given): self._found = [one for one in given]; shown = (asked := 1)"
    names = [name.strip("_") for name in bound(ast.parse(text))]
    assert sorted(names) == ["asked", "found", "given", "made", "one", "shown"]
