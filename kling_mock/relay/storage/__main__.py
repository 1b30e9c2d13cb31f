"""`python -m kling_mock.relay.storage [FOLDER]` writes the script of each database."""

from __future__ import annotations

import argparse
from pathlib import Path

from kling_mock.relay.storage.schema import SCRIPTS, script

parser = argparse.ArgumentParser(prog="python -m kling_mock.relay.storage", description=__doc__)
parser.add_argument("folder", nargs="?", default=Path(__file__).parent / "ddl", type=Path)
folder: Path = parser.parse_args().folder
for dialect, name in SCRIPTS.items():
    (folder / name).write_text(script(dialect), encoding="utf-8")
