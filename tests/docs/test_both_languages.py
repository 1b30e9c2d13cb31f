"""A page in two languages is one page: the same headings in the same order, and the same code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TRANSLATED = {page.name: page for page in sorted(DOCS.rglob("*.zh-CN.md"))}
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def english(page: str) -> str:
    return page.replace(".zh-CN.md", ".md")


def levels(page: str) -> list[int]:
    """Return the levels of the headings, which are in different words."""
    headings = re.findall(r"^(#+) ", CODE.sub("", text_of(page)), re.MULTILINE)
    return [len(heading) for heading in headings]


def code(page: str) -> list[tuple[str, str]]:
    """Return language and text of each block, without what may be in another language.

    That is what a human reads: texts and comments, and what stands beside the names of a tree of
    folders.
    """
    return [
        (language, names_of(source) if is_tree(source) else without_words(source))
        for language, source in CODE.findall(text_of(page))
    ]


def without_words(source: str) -> str:
    """Return a program without its texts and comments."""
    return re.sub(r'"[^"\n]*"|\s*(?:#|//).*', "", source)


def is_tree(source: str) -> bool:
    """Whether a block lists a folder and what is in it."""
    return source.partition("\n")[0].endswith("/")


def names_of(tree: str) -> str:
    """Return the first column of a tree of folders."""
    return "\n".join(re.findall(r"^ {0,2}\S.*?(?=  |$)", tree, re.MULTILINE))


def rows(page: str) -> list[str]:
    """Return the rows of all tables."""
    return [line for line in CODE.sub("", text_of(page)).splitlines() if line.startswith("|")]


def numbers(row: str) -> list[str]:
    """Return the numbers of a row, in any order, as the languages have different ones."""
    return sorted(re.findall(r"\d+", re.sub(r"\]\([^)]*\)", "", row)))


def test_there_are_translations() -> None:
    """The tests below have something to compare."""
    assert len(TRANSLATED) > 5


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_headings_are_those_of_the_english_page(page: str) -> None:
    """A section that is added or moved is added or moved in both."""
    assert levels(page) == levels(english(page))


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_code_is_that_of_the_english_page(page: str) -> None:
    """A reader of the Chinese page runs the same programs and commands, in the same order."""
    assert code(page) == code(english(page))


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_names_are_those_of_the_english_page(page: str) -> None:
    """What is written as code, such as an option or an error, is on both pages."""
    chinese, original = (
        set(re.findall(r"`[^`\n]+`", CODE.sub("", text_of(name)))) for name in (page, english(page))
    )
    assert chinese ^ original == set()


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_tables_have_the_numbers_of_the_english_page(page: str) -> None:
    """Row by row: a limit or a price that changes, changes in both."""
    assert [numbers(row) for row in rows(page)] == [numbers(row) for row in rows(english(page))]


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_english_page_names_the_chinese_one(page: str) -> None:
    """The link is at its top, before a reader has started on the wrong language."""
    assert f"]({page})" in text_of(english(page))[:300]
