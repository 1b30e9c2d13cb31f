"""The command: `python -m tests.site`."""

from __future__ import annotations

import sys
import time

from tests.site.build import BuildError, build
from tests.site.pages import ROOT


def main() -> int:
    """Build the site into `site/`, and say how large it is and how long it took."""
    began = time.perf_counter()
    target = ROOT / "site"
    try:
        build(target, ROOT / "build" / "site")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    files = [file for file in target.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    seconds = time.perf_counter() - began
    sys.stdout.write(f"site/: {len(files)} files, {size:.2f} MB, built in {seconds:.1f} s\n")
    sys.stdout.write("to read it: python -m http.server -d site\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
