"""The table of proofs and negative controls, which is the docstring of `tests.proof`, is true."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import tests.proof

TESTS: Final = Path(__file__).parents[1]
ROLES: Final = {"proof", "negative", "control"}


class Row(NamedTuple):
    promise: str
    role: str
    file: str
    test: str


def table() -> list[Row]:
    """Read the table: a file, and under it its tests with their promise and role."""
    lines = (tests.proof.__doc__ or "").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("proof/"))
    rows: list[Row] = []
    file = ""
    for line in filter(None, lines[start:]):
        if not line.startswith(" "):
            file = line.strip()
            continue
        promise, role, test = line.split()
        rows.append(Row(promise, role, file, test))
    return rows


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_")
    }


@pytest.mark.slow
def test_every_row_names_a_test() -> None:
    """What the table names is there; `*` stands for the whole file."""
    for row in table():
        assert row.role in ROLES
        assert row.test in {"*", *names_in(TESTS / row.file)}, row


@pytest.mark.parametrize("promise", ["P2", "P3", "P4", "P5", "P6", "P10"])
def test_every_file_with_a_proof_has_its_negative_control(promise: str) -> None:
    """No proof of the money stands without code that it must catch, in the same file."""
    roles = defaultdict[str, set[str]](set)
    for row in table():
        if row.promise == promise:
            roles[row.file].add(row.role)
    assert any({"proof", "negative"} <= file_roles for file_roles in roles.values())
    for file, file_roles in roles.items():
        everywhere = {row.role for row in table() if row.file == file}
        assert "proof" not in file_roles or "negative" in everywhere, file


def test_every_proof_of_the_money_stands_in_the_table() -> None:
    """A test that is added to a proof is given its role."""
    named = {(row.file, row.test) for row in table()}
    for number in (2, 3, 4, 5, 6, 10):
        for file in sorted(TESTS.glob(f"proof/test_p{number}_*.py")):
            missing = {(f"proof/{file.name}", test) for test in names_in(file)} - named
            assert not missing
