"""The version of the installed distribution."""

from importlib.metadata import version
from typing import Final

__all__ = ["__version__"]

__version__: Final = version("kling-sdk")
