"""The page on the first five minutes, in English and Chinese, and its drawings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.first_minutes.drawing import drawing
from tests.first_minutes.steps import Record
from tests.site.links import anchors
from tests.translations import marked

DOCS: Final = Path(__file__).parents[2] / "docs"
NAMES: Final = {"en": "first-five-minutes.md", "zh-CN": "first-five-minutes.zh-CN.md"}
#: The picture of the dashboard on each page, and its colours.
PICTURES: Final = {
    "en": ("first-dashboard-light-en.png", "light"),
    "zh-CN": ("first-dashboard-dark-zh.png", "dark"),
}
#: The steps that have a drawing of the terminal, and what it is called.
DRAWN: Final = {"video": "The first video", "failing": "A test that fails"}
#: The rows of the table of times: the steps, and the section that they are in.
TIMES: Final = (
    (("install",), 0),
    (("serve",), 1),
    (("video",), 2),
    (("dashboard",), 3),
    (("test",), 4),
    (("option", "value", "parameter", "key", "failing"), 5),
)
_HEAD: Final = {"en": "| step | seconds |", "zh-CN": "| 步骤 | 秒 |"}
_SUM: Final = {"en": "together", "zh-CN": "合计"}
_PLACE: Final = re.compile(r"\{\{ ([\w ]+) \}\}")


def generated(record: Record) -> dict[Path, str]:
    """Return the files that are made of a record, with their texts."""
    english = _page(record, "en")
    chinese = marked(_page(record, "zh-CN"), NAMES["en"], english)
    pages = {DOCS / NAMES["en"]: english, DOCS / NAMES["zh-CN"]: chinese}
    described = dict(re.findall(r"!\[(.*?)\]\(pictures/first-(\w+)\.svg\)", english))
    texts = {name: text for text, name in described.items()}
    for name, title in DRAWN.items():
        done = record.done[name]
        file = DOCS / "pictures" / f"first-{name}.svg"
        pages[file] = drawing(done.step.command, done.lines, title, texts[name])
    return pages


def _page(record: Record, language: str) -> str:
    template = Path(__file__).with_name("templates") / NAMES[language]
    text = template.read_text("utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)

    exports = "\n".join([". .venv/bin/activate", *record.exports])
    values = {
        **record.facts,
        "times": _times(record, sections, language),
        "exports": _block("sh", exports),
        "dashboard": f"pictures/{PICTURES[language][0]}",
        **{f"picture {name}": f"pictures/first-{name}.svg" for name in DRAWN},
    }
    for name, done in record.done.items():
        values[f"command {name}"] = _block("sh", done.step.command)
        values[f"output {name}"] = _block("text", done.text)
        values[f"file {name}"] = _block("python", done.step.text.rstrip())
    return _PLACE.sub(lambda match: values[match[1]], text)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _times(record: Record, sections: list[str], language: str) -> str:
    rows, together = [_HEAD[language], "|---|---:|"], 0.0
    for names, section in TIMES:
        seconds = sum(record.done[name].seconds for name in names)
        together += seconds
        (anchor,) = anchors(f"## {sections[section]}")
        rows.append(f"| [{sections[section]}](#{anchor}) | {seconds:.1f} |")
    return "\n".join([*rows, f"| {_SUM[language]} | {together:.1f} |"])
