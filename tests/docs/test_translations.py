"""The Chinese pages: made from the English text of today, in Chinese punctuation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.translations import ROOT, Translation, confirm, digest, half_width, translations

PAGES = [
    pytest.param(translation, id=str(translation.page.relative_to(ROOT)))
    for translation in translations()
]


@pytest.mark.parametrize("translation", PAGES)
def test_each_page_is_as_new_as_the_english_one(translation: Translation) -> None:
    """A page that tells an operator less about money than the English one is worse than none.

    So every page is checked here, not README alone. To read one and confirm it takes a minute.
    """
    assert translation.english.is_file(), f"{translation.page.name} translates a missing page"
    name = translation.english.relative_to(ROOT)
    assert translation.is_current, (
        f"{name} has changed: bring {translation.page.name} up to date, then run "
        f"python -m tests.translations --confirm {name}"
    )


@pytest.mark.parametrize("translation", PAGES)
def test_punctuation_beside_chinese_characters_is_chinese(translation: Translation) -> None:
    """Full-width commas, colons, stops and brackets, outside of code."""
    assert list(half_width(translation.page.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("一个进程,一个数据库", 1),
        ("例如:`kling` 与(可选)的值.", 4),
        ("一个进程，一个数据库（SQLite 3.27）。", 0),
        ("用 `python -m tests: 值` 测得 1.5 倍", 0),
        ("见[容量](capacity.md)。", 0),
        ("```\n值,值\n```\n", 0),
    ],
)
def test_half_width_punctuation_is_found(text: str, count: int) -> None:
    """Control: what a reader stumbles over is named, and code and links are left alone."""
    assert len(list(half_width(text))) == count


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Return a repository with one page in both languages."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\nOne.\n", "utf-8")
    (tmp_path / "docs" / "a.zh-CN.md").write_text("# 甲\n\n一。\n", "utf-8")
    return tmp_path


def test_a_page_is_current_until_the_english_text_changes(pages: Path) -> None:
    """A page without a mark is outdated; confirming twice leaves one mark; spaces are ignored."""
    english = pages / "docs" / "a.md"
    assert [translation.is_current for translation in translations(pages)] == [False]

    confirm(english)
    page = confirm(english)
    assert page.read_text("utf-8").count(digest(english.read_text("utf-8"))) == 1
    assert [translation.is_current for translation in translations(pages)] == [True]

    english.write_text("# A\n\nOne.  \n\n", "utf-8")
    assert [translation.is_current for translation in translations(pages)] == [True]

    english.write_text("# A\n\nTwo.\n", "utf-8")
    assert [translation.is_current for translation in translations(pages)] == [False]


def test_a_table_that_is_generated_in_both_languages_is_no_change() -> None:
    """What stands around it is."""
    text = "# A\n<!-- models: generated -->\none\n<!-- models: end -->\nOne.\n"
    assert digest(text) == digest(text.replace("one\n", "two\n"))
    assert digest(text) != digest(text.replace("One", "Two"))


def test_the_mark_of_another_page_counts_for_nothing(pages: Path) -> None:
    """A copied page is not taken for a translation of what it was not made from."""
    page = confirm(pages / "docs" / "a.md")
    page.rename(page.with_name("b.zh-CN.md"))
    (pages / "docs" / "a.md").rename(pages / "docs" / "b.md")

    assert [translation.is_current for translation in translations(pages)] == [False]
