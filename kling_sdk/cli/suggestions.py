"""A parser of options that suggests the name probably meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from kling_sdk.cli.standard_output import write
from kling_sdk.text.spelling import nearest

_INVALID_CHOICE: Final = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)")


class SuggestingParser(argparse.ArgumentParser):
    """A parser that suggests the name probably meant.

    Its help is an output like any other: argparse's own hides a failure to write it.
    """

    def print_help(self, file: Any = None) -> None:  # noqa: ARG002 - argparse's parameter
        """Write the help.

        Raises:
            PipeClosedError: standard output was closed.
            OutputError: it cannot be written.
        """
        write(self.format_help())

    def parse_known_args(self, *args: Any, **named: Any) -> Any:
        """Refuse unknown options in the parser of the command, which knows its options."""
        known, rest = super().parse_known_args(*args, **named)
        if rest:
            self.error(self._unknown(rest))
        return known, rest

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; the usage of some commands fills a screen."""
        choice = _INVALID_CHOICE.search(message)
        hint = _did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2])) if choice else ""
        self.exit(2, f"{self.prog}: error: {message}{hint}\nsee: {self.prog} --help\n")

    def unexpected(self, word: str) -> str:
        """Return the error text for a word that no argument takes."""
        return f"unexpected argument {word!r}"

    def _unknown(self, rest: Sequence[str]) -> str:
        option = next((word for word in rest if word.startswith("-")), None)
        if option is None:
            return self.unexpected(rest[0])
        name = option.partition("=")[0]
        known = [word for word in self._option_string_actions if word.startswith("--")]
        return f"unknown option {name}{_did_you_mean(name, known)}"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest of *known* was meant; "" where none is near."""
    words = {word.lstrip("-").replace("-", "_"): word for word in known}
    match = nearest(name.lstrip("-").replace("-", "_"), words)
    return f"; did you mean {words[match]}?" if match else ""
