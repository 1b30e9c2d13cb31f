"""Wrong values that are put in the place of facts, and the section of the page on them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

import pytest

from tests.committed import check_copy
from tests.evidence.figures import DOCS, NEXT, TITLE, with_figures
from tests.evidence.wrong_values import FACTS, ROOT, wrong_values

MODULE: Final = b'''\
"""A module of 3 facts."""
FPS_TIMEOUT = 30
_FACT = documented("pages", as_of="2026-09-20")
ROWS = (("kling-v2-6", "std pro", "0.5", "/v1/videos", "sound on"),)
SECONDS: Final = range(3, 16)
SPEED = 0.8

def rule():
    return 7
'''


def test_a_fact_is_changed_to_what_a_misread_page_may_say() -> None:
    """A model, a mode, a price, a path and a range; no note, no name of ours, no rule."""
    changes = [(mutant.kind, mutant.new) for mutant in wrong_values("a.py", MODULE)]
    assert changes == [
        ("model", "'kling-v2-7'"),
        ("mode", "'pro pro'"),
        ("mode", "'std 4k'"),
        ("price", "'0.4'"),
        ("price", "'0.6'"),
        ("path", "'/v1/videoss'"),
        ("range", "2"),
        ("range", "4"),
        ("range", "15"),
        ("range", "17"),
        ("range", "0.7"),
        ("range", "0.9"),
    ]
    changed = next(iter(wrong_values("a.py", MODULE))).apply(MODULE)
    assert b'"kling-v2-6"' not in changed
    assert b"'kling-v2-7', \"std pro\"" in changed


def test_facts_of_both_sides_are_changed() -> None:
    """Each kind is there, and most facts stand once, for both sides."""
    by_side = {
        side: [
            mutant
            for file in modules.files()
            for mutant in wrong_values(file, (ROOT / file).read_bytes())
        ]
        for side, modules in FACTS.items()
    }
    kinds = {mutant.kind for mutants in by_side.values() for mutant in mutants}
    assert kinds == {"model", "mode", "path", "price", "range"}
    assert len(by_side["both"]) > len(by_side["sdk"]) + len(by_side["emulator"]) > 0


JUDGE: Final = """
import json
from tests.evidence.forks import judge_in_forks
from tests.evidence.wrong_values import ROOT, wrong_values
from tests.mutation.mutants import Mutant

file = "kling_sdk/facts/prices.py"
source = (ROOT / file).read_bytes()
price = next(one for one in wrong_values(file, source) if one.kind == "price")
word = Mutant(file, 1, "word", 3, 6, "Our")
syntax = Mutant(file, 1, "syntax", 0, 3, "")
found = judge_in_forks("both", [price, word, syntax], 1)
print(json.dumps([result.by for result in found]))
"""


@pytest.mark.slow
def test_a_wrong_price_is_noticed_and_another_word_of_a_docstring_is_not() -> None:
    """Control: a changed docstring is not noticed; a value that does not compile counts apart."""
    command = [sys.executable, "-c", JUDGE]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    noticed, unnoticed, not_loaded = json.loads(done.stdout)
    assert noticed == "test_the_sdk_estimates_what_the_price_list_says"
    assert unnoticed == ""
    assert not_loaded == "not loaded: SyntaxError"


def test_the_page_has_the_figures_of_today() -> None:
    """After adding a row, run the command; the figures are in one place of the page."""
    page = (DOCS / "fidelity.md").read_text("utf-8")
    check_copy(DOCS / "fidelity.md", with_figures(page), "nox -s generate")
    assert page.index(TITLE) < page.index(f"{NEXT}\n")
    assert page.count(TITLE) == 1
