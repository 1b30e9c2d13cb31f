"""The pages on the commands `kling` and `kling-mock`, made from their parsers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from unittest import mock

from kling_mock.cli.main import make_parser as kling_mock_parser
from kling_sdk.cli.parser import make_parser


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    # The shown defaults must not depend on who builds the site, nor on the width of the help.
    with mock.patch.dict(os.environ, {"COLUMNS": "86"}, clear=True):
        kling = make_parser()
        yield "reference/command-kling.md", _page(lambda _: kling)
        yield "reference/command-kling-mock.md", _page(lambda word: kling_mock_parser([word]))


def _page(parser_for: Callable[[str], argparse.ArgumentParser]) -> str:
    whole = parser_for("")
    parts = [f"# {whole.prog}\n", *_help(whole)]
    for name, _ in _commands(whole):
        # `kling-mock` adds the arguments of a command only when that is used.
        full = dict(_commands(parser_for(name.split()[1])))[name]
        parts += [f"## {name}\n", *_help(full)]
        for inner, action in _commands(full):
            parts += [f"### {inner}\n", *_help(action)]
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command.prog, command


def _help(parser: argparse.ArgumentParser) -> list[str]:
    return ["```text", parser.format_help().rstrip(), "```", ""]
