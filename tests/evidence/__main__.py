"""The commands: `python -m tests.evidence [FOLDER]` and `python -m tests.evidence mutants`.

The first writes how much evidence there is into the page on fidelity, the second draws wrong
values of facts and says how many of them the evidence notices.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

from tests.evidence import figures, mutants


def main() -> int:
    """Run a command."""
    if sys.argv[1:2] == ["mutants"]:
        parser = ArgumentParser(prog="python -m tests.evidence mutants")
        mutants.add_arguments(parser)
        return mutants.run(parser.parse_args(sys.argv[2:]))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else figures.DOCS
    file = folder / "fidelity.md"
    file.write_text(figures.with_figures(file.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
