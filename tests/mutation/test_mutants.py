"""The changes that are made to the code, and the verdicts on them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import TARGETS, TESTS
from tests.mutation.mutants import Mutant, draw, list_mutants, makers_of_errors
from tests.mutation.run import ROOT, Project, judge


def changes(source: str) -> set[str]:
    """Return what a program may become, each without the blanks around it."""
    found = list_mutants("module.py", source.encode())
    return {one.apply(source.encode()).decode().strip() for one in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = (a <= b)", "x = (a >= b)"}),
        ("x = a is None", {"x = (a is not None)"}),
        ("x = a and b", {"x = (a or b)"}),
        ("x = not a", {"x = (a)"}),
        ("x = a - b", {"x = (a + b)"}),
        ("x += a", {"x -= a"}),
        ("x = 5", {"x = (6)", "x = (4)"}),
        ("x = 'std'", {"x = 'XXstd'"}),
        ("x = b'std'", {"x = b'XXstd'"}),
        ("x = f'{a}-b'", {"x = ('XX' + f'{a}-b')"}),
        ("x = True", {"x = False"}),
        ("f(x)", {"pass"}),
        ("if a: x", {"if (a or True): x", "if (a and False): x"}),
        ("while a: x", {"while (a or True): x", "while (a and False): x"}),
        ("x = a if b else c", {f"x = a if (b {to}) else c" for to in ("or True", "and False")}),
        ("[a for a in b if a]", {f"[a for a in b if (a {to})]" for to in ("or True", "and False")}),
        ("for a in b: break", {"for a in b: continue"}),
        ("for a in b: continue", {"for a in b: break"}),
        ("def f(): return a", {"def f(): return None"}),
        ("raise error", {"pass"}),
        ("raise LimitError('age', 'too much')", {"pass", "raise LimitError('XXage', 'too much')"}),
    ],
)  # fmt: skip
def test_a_place_is_changed_in_each_way(source: str, expected: set[str]) -> None:
    """Each kind of change, and no other in the same place."""
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "def f(a: Literal['x'] | None) -> Literal['y']: '''A docstring.'''",
        "x: Literal['a']",
        "X = Mapping[str, str] | None",
        "x = cast('int', y)",
        "class A(Base['B']): x = y",
        "if TYPE_CHECKING:\n    x = 1",
        "__all__ = ['x']",
        "x = 'what is wrong with it'",
        "x = LimitError(f'{a} kilograms')",
    ],
)
def test_types_and_sentences_are_left_alone(source: str) -> None:
    """No test has to notice the words of a message, or what only a type checker reads."""
    assert changes(source) == set()


def test_a_log_may_be_missed_but_not_its_words() -> None:
    """A logged line is behaviour; how it is said is not."""
    assert changes("log.info('done', extra)") == {"pass"}


def test_what_a_function_that_returns_an_error_is_told_is_a_message() -> None:
    """Such functions are found by their return type; their first word names what is wrong."""
    source = b"def wrong(a: str, b: str) -> LimitError: ...\nx = wrong('age', 'much')\n"
    errors = makers_of_errors([source])
    assert errors == {"wrong"}
    assert [one.new for one in list_mutants("a.py", source, errors)] == ["'XXage'"]
    assert [one.new for one in list_mutants("a.py", source)] == ["'XXage'", "'XXmuch'"]


def test_every_change_of_a_module_can_be_compiled() -> None:
    """A mutant that is no program would count as killed, whatever the tests."""
    source = (ROOT / "kling_sdk" / "auth.py").read_bytes()
    mutants = list(list_mutants("auth.py", source))
    for mutant in mutants:
        ast.parse(mutant.apply(source))
    assert len(mutants) > 100


def test_a_seed_draws_the_same_mutants_each_time() -> None:
    """One mutant of each line; another seed draws others."""
    source = (ROOT / "kling_sdk" / "auth.py").read_bytes()
    mutants = list(list_mutants("auth.py", source))
    drawn = draw(mutants, 1, 20)
    assert draw(mutants, 1, 20) == drawn != draw(mutants, 2, 20)
    assert len({one.line for one in drawn}) == len(drawn) == 20
    assert len(draw(mutants, 1, 10_000)) == len({one.line for one in mutants})


def test_generators_and_generated_files_are_left_out() -> None:
    """They are tools, and held to the code by tests of their own."""
    sources = Project(ROOT, TARGETS, TESTS).sources()
    assert "kling_sdk/flows/create.py" in sources
    assert "kling_sdk/auth.py" in sources
    assert not {name for name in sources if name.endswith(("__main__.py", "_index.py"))}


CODE = """\
def price(seconds):
    while seconds < 0:
        seconds += 1
    return 2 * seconds
"""
CHECKS = """\
from code_under_test import price

def test_price():
    assert price(0) == 0 != price(3)
    assert price(-1) == 0
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A module with a price that its tests hardly look at."""
    tmp_path.joinpath("code_under_test.py").write_text(CODE)
    tmp_path.joinpath("checks").mkdir()
    tmp_path.joinpath("checks", "test_price.py").write_text(CHECKS)
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    return Project(tmp_path, ["code_under_test.py"], ["checks"], margin=1)


@pytest.mark.slow
def test_a_change_is_noticed_or_survives(project: Project) -> None:
    """Tests that do not look at the price let it change; one that never ends is stopped."""
    mutants = {one.new: one for one in project.mutants()}
    chosen: list[Mutant] = [mutants["(3)"], mutants["return None"], mutants["seconds -= 1"]]
    results = list(judge(project, chosen, 2))
    assert [one.verdict for one in results] == ["survived", "killed", "timeout"]
    assert results[1].by == "checks/test_price.py::test_price"
    assert (project.root / "code_under_test.py").read_text() == CODE


@pytest.mark.slow
def test_tests_that_fail_anyway_judge_nothing(project: Project) -> None:
    """A suite that is red would kill every mutant."""
    (project.root / "checks" / "test_price.py").write_text("def test_it(): assert False\n")
    with pytest.raises(RuntimeError, match="fail without a mutant"):
        list(judge(project, project.mutants(), 1))
