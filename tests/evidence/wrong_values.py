"""Wrong values of facts, as a misread page would leave them in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from tests.mutation.mutants import Mutant

ROOT: Final = Path(__file__).parents[2]


class FactModules(NamedTuple):
    """The modules that hold the facts of a side.

    Attributes:
        folders: Files, and folders whose files have facts.
        without: Names of files that have none: they are machinery.
    """

    folders: Sequence[str]
    without: frozenset[str] = frozenset()

    def files(self, root: Path = ROOT) -> list[str]:
        """Return the files, in order."""
        files: list[Path] = []
        for name in self.folders:
            place = root / name
            files += sorted(place.glob("*.py")) if place.is_dir() else [place]
        return [
            file.relative_to(root).as_posix()
            for file in files
            if file.stem not in self.without and not file.stem.startswith("_")
        ]


#: The facts that both sides read, and those that each still has for itself.
FACTS: Final = {
    "both": FactModules(
        ("kling_sdk/facts", "kling_sdk/facts/products"), frozenset({"sources", "tables"})
    ),
    "sdk": FactModules(
        ("kling_sdk/endpoints", "kling_sdk/files/images.py"),
        frozenset(
            {
                *("base", "capabilities", "checks", "converters", "media_fields", "raw", "record"),
            }
        ),
    ),
    "emulator": FactModules(
        ("kling_mock/kling/endpoints", "kling_mock/kling/service_codes.py"),
        frozenset(
            {
                *("call_files", "cursors", "example_parts", "field_checks", "library_ids"),
                *("noticing", "record", "registry", "typical_times", "validation"),
            }
        ),
    ),
}
SIZES: Final = (("std", "pro", "4k"), ("720p", "1080p", "4k"), ("1k", "2k", "4k"))
#: Calls that say where a fact comes from, or what no user sees.
ABOUT: Final = frozenset(
    {
        *("documented", "observed", "assumed", "Fact", "PriceList", "Retirement"),
        *("Availability", "date", "TypeVar"),
    }
)
#: Names of what is ours: texts, assumptions that no page has, the lengths of ids.
OURS: Final = re.compile(
    r"__all__|_?EXAMPLES|examples|behaviours|note|as_of|fact|confidence|summary|repr|"
    r"typical_seconds|wait_timeout|.*TIMEOUT|reply_schema|parameters|default|record|rules|"
    r"ASSUMED_SECONDS|_SECONDS_OF_A_VIDEO|_SIDES|_STEP|_UNKNOWN_SIZE|_PARTS|_RADIUS|_PER_SECOND|"
    r"_SHOWN|_NEVER|_NUMBER|_POINT|.*SCHEMA|.*_id|effect_scene"
)
MODEL: Final = re.compile(r"(?:kling|kolors)-[\w.-]+")


def wrong_values(file: str, source: bytes) -> Iterator[Mutant]:
    """Yield the wrong values that the literals of a module of facts may have, in its order.

    Literals inside functions are not facts: they are what a side derives from facts.
    """
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _literals(ast.parse(source)):
        for kind, new in _wrong(node.value):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
            yield Mutant(file, node.lineno, kind, start, end, new)


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the literals at and below a node that are facts."""
    match node:
        case ast.Constant():
            yield node
        case (
            ast.FunctionDef()
            | ast.AsyncFunctionDef()
            | ast.Lambda()
            | ast.Import()
            | ast.ImportFrom()
            | ast.JoinedStr()
            | ast.Expr(ast.Constant())
        ):
            return
        case ast.Assign([ast.Name(name)]) | ast.AnnAssign(ast.Name(name)) if OURS.fullmatch(name):
            return
        case ast.AnnAssign(value=value):
            yield from () if value is None else _literals(value)
        case ast.Call(func=func) if _name(func) in ABOUT:
            return
        case ast.keyword(arg=str(name)) if OURS.fullmatch(name):
            return
        case _:
            for part in ast.iter_child_nodes(node):
                yield from _literals(part)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _wrong(value: object) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each wrong value for a literal."""
    match value:
        case bool():
            return
        case int():
            yield from (("range", str(value + step)) for step in (-1, 1))
        case float():
            yield from (("range", f"{value + step:.3g}") for step in (-0.1, 0.1))
        case str() if value.startswith("/"):
            yield "path", repr(f"{value}s")
        case str() if MODEL.fullmatch(value):
            yield "model", repr(_other_model(value))
        case str() if re.fullmatch(r"\d+(\.\d+)?", value):
            exponent = Decimal(value).as_tuple().exponent
            step = Decimal(1).scaleb(int(exponent))
            yield from (("price", repr(str(Decimal(value) + sign * step))) for sign in (-1, 1))
        case str():
            words = value.split()
            for number, word in enumerate(words):
                for other in _other_sizes(word) if set(words) <= set(sum(SIZES, ())) else ():
                    changed = [*words[:number], other, *words[number + 1 :]]
                    yield "mode", repr(" ".join(changed))
        case _:
            return


def _other_model(name: str) -> str:
    """Return the name with its last digit one higher."""
    at = max(place for place, letter in enumerate(name) if letter.isdigit() or place == 0)
    return f"{name[:at]}{(int(name[at]) + 1) % 10}{name[at + 1 :]}" if at else f"{name}-2"


def _other_sizes(word: str) -> Iterator[str]:
    for sizes in SIZES:
        if word in sizes:
            yield sizes[(sizes.index(word) + 1) % len(sizes)]
            return
