"""The pages on the commands `kling` and `kling-mock`, made from their parsers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from unittest import mock

from kling_mock.cli.main import _parser as kling_mock_parser
from kling_sdk.cli.parser import make_parser

__all__ = ["pages"]


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    # What a default is must not depend on who builds the site, nor how wide the help is.
    with mock.patch.dict(os.environ, {"COLUMNS": "86"}, clear=True):
        kling = make_parser()
        yield "reference/command-kling.md", _page(lambda _: kling)
        yield "reference/command-kling-mock.md", _page(kling_mock_parser)


def _page(parser_for: Callable[[str], argparse.ArgumentParser]) -> str:
    whole = parser_for("")
    parts = [f"# {whole.prog}\n", *_help(whole)]
    for name, parser in _commands(whole):
        # `kling-mock` adds the actions of a group of commands only when that is used.
        full = dict(_commands(parser_for(name.split()[1])))
        parts += [f"## {name}\n", *_help(parser)]
        for inner, action in _commands(full[name]):
            parts += [f"### {inner}\n", *_help(action)]
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command.prog, command


def _help(parser: argparse.ArgumentParser) -> list[str]:
    return ["```text", parser.format_help().rstrip(), "```", ""]
