"""The version of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("kling-sdk")
    except PackageNotFoundError:  # a copy of the sources that was not installed
        return "0+unknown"


__version__: Final = _installed()
