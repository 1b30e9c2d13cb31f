"""Public names of a package that are loaded on first use (PEP 562).

Half of what importing this package would cost is building classes that a given program
never uses: a receiver of callbacks sends no request, a poller makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(
    package: str, namespace: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    Args:
        package: Its `__name__`.
        namespace: Its `globals()`, in which a loaded name stays.
        homes: Module below the package -> the names that live there, in one text.
    """
    module_of = {name: home for home, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        home = module_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home}"), name)
        namespace[name] = value
        return value

    return load, lambda: sorted({*namespace, *module_of})
