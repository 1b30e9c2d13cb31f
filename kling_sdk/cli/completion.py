"""Scripts that complete a command in a shell, made from its parser by shtab.

A script holds everything: pressing Tab starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from typing import Any, Final

#: The shells that shtab writes scripts for and whose scripts are tested here.
SHELLS: Final = ("bash", "zsh", "fish")


def completion_script(
    shell: str,
    parser: argparse.ArgumentParser,
    files: Collection[str],
    values: Callable[[str, str], tuple[str, ...]] = lambda *_: (),
) -> str:
    """Return the script for a shell.

    Args:
        shell: One of `SHELLS`.
        parser: The command.
        files: Names in the namespace of the arguments that are files.
        values: Returns what an option may be followed by, where the parser leaves it open;
            given the path of commands, and the option's name in the namespace.
    """
    import shtab  # no other command needs it

    with ExitStack() as changes:
        _describe(parser, parser.prog, dict.fromkeys(files, shtab.FILE), values, changes)
        script: str = shtab.complete(parser, shell)
    return script


def _describe(
    parser: argparse.ArgumentParser,
    path: str,
    files: Mapping[str, Any],
    values: Callable[[str, str], tuple[str, ...]],
    changes: ExitStack,
) -> None:
    """Give the arguments of *parser* what shtab reads, until the end of *changes*.

    These are choices, which would refuse other values where a parameter takes them too, and the
    completion of file names.
    """
    for action in parser._actions:  # noqa: SLF001 - the only list of what a parser has
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for name, below in action.choices.items():
                _describe(below, f"{path} {name}", files, values, changes)
        elif action.dest in files:
            marked: Any = action
            marked.complete = files[action.dest]
            changes.callback(delattr, action, "complete")
        elif action.nargs != 0 and not action.choices:
            changes.callback(setattr, action, "choices", action.choices)
            action.choices = values(path, action.dest) or None
