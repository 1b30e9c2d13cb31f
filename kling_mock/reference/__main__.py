"""`python -m kling_mock.reference [FOLDER]` writes both `openapi.json` and `fidelity.md`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kling_mock.reference.documents import fidelity_page, openapi_bytes
from kling_mock.relay.http.openapi import openapi_bytes as relay_bytes

parser = argparse.ArgumentParser(prog="python -m kling_mock.reference", description=__doc__)
parser.add_argument("folder", nargs="?", default="docs", type=Path, help="where to (default: docs)")
folder: Path = parser.parse_args().folder
(folder / "openapi.json").write_bytes(openapi_bytes())
(folder / "relay-openapi.json").write_bytes(relay_bytes())
(folder / "fidelity.md").write_text(fidelity_page(), encoding="utf-8")
