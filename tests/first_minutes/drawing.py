"""A terminal as an SVG file that follows the reader's light or dark mode and fetches nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.first_minutes.terminal import COLUMNS

#: Background, text, then the eight colours and their bright forms: in light mode, in dark mode.
#: Each has a contrast of 4.5 or more with the background.
_LIGHT: Final = (
    *("f6f8fa", "1f2430"),
    *("1f2430", "b3261e", "16794a", "8a5a00", "2f5fd0", "8a2a9a", "0b6e80", "5b6475"),
    *("5b6475", "b3261e", "16794a", "8a5a00", "2f5fd0", "8a2a9a", "0b6e80", "1f2430"),
)
_DARK: Final = (
    *("1b1e26", "e6e9f0"),
    *("a8b0c0", "ff8a80", "5cc98f", "e5c07b", "8fb0ff", "e0a0f0", "6fd3e3", "e6e9f0"),
    *("a8b0c0", "ff8a80", "5cc98f", "e5c07b", "8fb0ff", "e0a0f0", "6fd3e3", "ffffff"),
)
#: Pixels, as rich draws: of a character, of a line, and around all.
_COLUMN, _ROW, _MARGIN = 12.2, 24.4, 12
#: What rich fills in; braces of styles are doubled.
_TEMPLATE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 WIDTH HEIGHT" width="WIDTH" height="HEIGHT" role="img" aria-labelledby="title desc">
<title id="title">TITLE</title>
<desc id="desc">DESCRIPTION</desc>
<style>
svg {{ LIGHT }}
@media (prefers-color-scheme: dark) {{ svg {{ DARK }} }}
text {{ font: {char_height}px ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: pre; }}
{styles}
</style>
<rect fill="var(--c0)" width="WIDTH" height="HEIGHT" rx="8"/>
<g transform="translate(12, 6)">
{backgrounds}
{matrix}
</g>
</svg>
"""  # noqa: E501 - lines of a file


def drawing(command: str, lines: Sequence[str], title: str, description: str) -> str:
    """Return a terminal in which a command was typed.

    Args:
        command: The command.
        lines: What it shows, with colours.
        title: What the picture is called.
        description: What it shows, for those who do not see it.
    """
    # Each colour has a number of its own, by which it is found again in what rich writes.
    marks = [(0, 0, number) for number in range(len(_LIGHT))]
    theme = TerminalTheme(marks[0], marks[1], marks[2:10], marks[10:])
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    rows = [
        row
        for line in (f"\x1b[1m$ {command}\x1b[0m", *lines)
        for row in _rows(Text.from_ansi(line))
    ]
    for row in rows:
        console.print(row, no_wrap=True, overflow="ignore", crop=False)
    svg = console.export_svg(theme=theme, code_format=_TEMPLATE, unique_id="t")
    svg = re.sub(r"#0000([0-9a-f]{2})", lambda match: f"var(--c{int(match[1], 16)})", svg)
    svg = re.sub(r' clip-path="[^"]*"', "", svg).replace("t-r", "r").replace("&#160;", "\xa0")
    svg = re.sub(r"(?<=\d)\.\d+(?=[\" ])", lambda match: match[0][:2].rstrip(".0"), svg)
    svg = re.sub(r'<text class="\w+" [^>]*>\s*</text>', "", svg)
    used = sorted({int(number) for number in re.findall(r"var\(--c(\d+)\)", svg)})
    for mark, colours in (("LIGHT", _LIGHT), ("DARK", _DARK)):
        svg = svg.replace(mark, " ".join(f"--c{number}: #{colours[number]};" for number in used), 1)
    size = {"WIDTH": COLUMNS * _COLUMN, "HEIGHT": len(rows) * _ROW}
    for name, pixels in size.items():
        svg = svg.replace(name, f"{pixels + 2 * _MARGIN:.0f}")
    svg = svg.replace("TITLE", escape(title), 1).replace("DESCRIPTION", escape(description), 1)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _rows(line: Text) -> list[Text]:
    """Return a line as a terminal breaks it: after the last column, wherever that is."""
    return list(line.divide(range(COLUMNS, len(line), COLUMNS))) if line else [line]
