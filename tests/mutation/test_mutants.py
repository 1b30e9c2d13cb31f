"""The changes that are made to the code, and the verdicts on them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import (
    Mutant,
    draw,
    list_mutants,
    makers_of_errors,
    statement_lines,
)
from tests.mutation.run import ROOT, Project, judge
from tests.mutation.sets import SETS, MutationSet


def changes(source: str) -> set[str]:
    """Return what a program may become, each without the blanks around it."""
    mutants = list_mutants("module.py", source.encode())
    return {mutant.apply(source.encode()).decode().strip() for mutant in mutants}


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
    """Each kind of change is made once, without others in the same place."""
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "def f(a: Literal['x'] | None) -> Literal['y']: '''A docstring.'''",
        "x: Literal['a']",
        "X = Mapping[str, str] | None",
        "X = Literal['x', 'y']",
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
    assert [mutant.new for mutant in list_mutants("a.py", source, errors)] == ["'XXage'"]
    assert [mutant.new for mutant in list_mutants("a.py", source)] == ["'XXage'", "'XXmuch'"]


def test_every_change_of_a_module_can_be_compiled() -> None:
    """A mutant that is not a valid program would count as killed, whatever the tests."""
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
    assert len({mutant.line for mutant in drawn}) == len(drawn) == 20
    assert len(draw(mutants, 1, 10_000)) == len({mutant.line for mutant in mutants})


@pytest.mark.slow
def test_generators_and_generated_files_are_left_out() -> None:
    """They are tools, and held to the code by tests of their own."""
    sources = Project(ROOT, SETS["sdk"]).sources()
    assert "kling_sdk/flows/create.py" in sources
    assert "kling_sdk/auth.py" in sources
    every = Project(ROOT, SETS["all"]).sources()
    assert {name.partition("/")[0] for name in every} == {"kling_sdk", "kling_mock"}
    assert sources.keys() < every.keys()
    assert not {name for name in sources if name.endswith(("__main__.py", "_index.py"))}


@pytest.mark.parametrize(
    ("line", "expected"),
    [(1, [1]), (2, [2, 3]), (3, [2, 3]), (4, [4]), (6, [5, 6]), (8, [8]), (9, [9])],
)
def test_a_line_belongs_to_the_innermost_statement(line: int, expected: list[int]) -> None:
    """Which line of a statement is noted depends on the Python version; its body does not count."""
    source = b"""\
def f(a):
    b = (a,
         1)
    match b:
        case (1,
              2):
            pass
        case c if c:
            return c
"""
    assert [*statement_lines(source, line)] == expected


@pytest.mark.parametrize("name", SETS)
def test_what_a_set_names_is_there(name: str) -> None:
    """A file that was renamed would be left out without a word."""
    for place in (*SETS[name].targets, *SETS[name].tests, *SETS[name].slow):
        assert (ROOT / place).exists(), place


@pytest.mark.slow
def test_what_is_called_equivalent_is_in_the_code() -> None:
    """If the line has changed, its reason needs another review."""
    for (file, before, after), why in EQUIVALENT.items():
        source = (ROOT / file).read_bytes()
        pairs = {mutant.before_and_after(source) for mutant in list_mutants(file, source)}
        assert (before, after) in pairs, (file, before, after)
        assert why.endswith(".")


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
    """A module with a price that its tests hardly check."""
    tmp_path.joinpath("code_under_test.py").write_text(CODE)
    tmp_path.joinpath("checks").mkdir()
    tmp_path.joinpath("checks", "test_price.py").write_text(CHECKS)
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\nmarkers = slow\n  committed_copy\n")
    return Project(tmp_path, MutationSet(["code_under_test.py"], ["checks"]), margin=1)


@pytest.mark.slow
def test_a_change_is_noticed_or_survives(project: Project) -> None:
    """Tests that do not check the price let it change; one that never ends is stopped."""
    mutants = {mutant.new: mutant for mutant in project.mutants()}
    chosen: list[Mutant] = [mutants["(3)"], mutants["return None"], mutants["seconds -= 1"]]
    results = list(judge(project, chosen, 2))
    assert [result.verdict for result in results] == ["survived", "killed", "timeout"]
    assert results[1].by == "checks/test_price.py::test_price"
    assert (project.root / "code_under_test.py").read_text() == CODE


@pytest.mark.slow
def test_what_only_a_committed_copy_shows_counts_apart(project: Project) -> None:
    """A code change rewrites the committed copy: it is compared last, and does not kill mutants."""
    compared = """
import pytest
from code_under_test import price

@pytest.mark.committed_copy
def test_copy():
    assert [price(seconds) for seconds in (0, 1, 3)] == [0, 2, 6]
"""
    (project.root / "checks" / "test_copy.py").write_text(compared)
    mutants = {mutant.new: mutant for mutant in project.mutants()}
    results = list(judge(project, [mutants["(3)"], mutants["return None"]], 2))
    assert [result.verdict for result in results] == ["copied", "killed"]
    assert [result.by.rpartition("::")[2] for result in results] == ["test_copy", "test_price"]


@pytest.mark.slow
def test_a_mutant_gets_so_many_seconds(project: Project) -> None:
    """What no test has noticed by then survives, so that a run has an end."""
    (mutant,) = (candidate for candidate in project.mutants() if candidate.new == "return None")
    (result,) = judge(project._replace(limit=0.0), [mutant], 1)
    assert (result.verdict, result.by) == ("survived", "no test noticed in 0 s")


@pytest.mark.slow
def test_slow_tests_are_run_last(project: Project) -> None:
    """What the fast ones let pass, a slow one may notice."""
    slow = "import pytest\npytestmark = pytest.mark.slow\n" + CHECKS + "    assert price(1) == 2\n"
    (project.root / "checks" / "test_slow.py").write_text(slow)
    (mutant,) = (candidate for candidate in project.mutants() if candidate.new == "(3)")
    with_slow = project._replace(thorough=True, parts=project.parts._replace(slow=["checks"]))
    assert [judged.verdict for judged in judge(project, [mutant], 1)] == ["survived"]
    (result,) = judge(with_slow, [mutant], 1)
    assert result.by == "checks/test_slow.py::test_price"


@pytest.mark.slow
def test_a_record_is_used_again_for_the_same_code(project: Project, tmp_path: Path) -> None:
    """Which test runs which line is found out once; no mutant is started after the time."""
    record = tmp_path / "record.json"
    (mutant,) = (candidate for candidate in project.mutants() if candidate.new == "(3)")
    assert [*judge(project, [mutant], 1, record=record, seconds=0)] == []
    before = record.stat().st_mtime_ns
    assert len([*judge(project, [mutant], 1, record=record)]) == 1
    assert record.stat().st_mtime_ns == before
    (project.root / "code_under_test.py").write_text(CODE + "\n")
    assert len([*judge(project, [mutant], 1, record=record)]) == 1
    assert record.stat().st_mtime_ns > before


@pytest.mark.slow
def test_tests_that_fail_anyway_judge_nothing(project: Project) -> None:
    """A suite that is red would kill every mutant."""
    (project.root / "checks" / "test_price.py").write_text("def test_it(): assert False\n")
    with pytest.raises(RuntimeError, match="fail without a mutant"):
        list(judge(project, project.mutants(), 1))
