"""The switch for random and exhaustive sizes of tests, which `nox -s nightly` turns on."""

from __future__ import annotations

import os
from typing import Final

#: What is drawn at random is then other in each run, by the seed that the session prints.
NIGHTLY: Final = bool(os.environ.get("KLING_TEST_NIGHTLY"))
