"""The version of the installed distribution, and how a client names itself by it."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("kling-sdk")
    except PackageNotFoundError:  # a copy of the sources that was not installed
        return "0+unknown"


__version__: Final = _installed()

#: Header of each request, to the API and to the host of a file.
USER_AGENT: Final = f"kling-sdk/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"
