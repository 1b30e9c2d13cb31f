"""The command: `python -m tests.site`."""

from __future__ import annotations

import sys
import time

from tests.site.build import BuildError, build
from tests.site.checks import sizes_of
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
    seconds = time.perf_counter() - began
    sizes = sizes_of(target)
    parts = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in sizes.items())
    whole = sum(sizes.values()) / 1e6
    sys.stdout.write(f"site/: {whole:.2f} MB ({parts}), built in {seconds:.1f} s\n")
    sys.stdout.write("to read it: python -m http.server -d site\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
