"""`python -m tests.reference [FOLDER]` writes both `openapi.json` and `fidelity.md`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kling_mock.relay.http.openapi import openapi_bytes as relay_bytes
from kling_mock.server.openapi import openapi_bytes
from tests.reference.fidelity import page

parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
parser.add_argument("folder", nargs="?", default="docs", type=Path, help="where to (default: docs)")
folder: Path = parser.parse_args().folder
(folder / "openapi.json").write_bytes(openapi_bytes())
(folder / "relay-openapi.json").write_bytes(relay_bytes())
(folder / "fidelity.md").write_text(page(), encoding="utf-8")
