"""The languages of the site."""

from __future__ import annotations

from typing import Final, NamedTuple


class Language(NamedTuple):
    """A language of the site.

    Attributes:
        code: As HTML names it.
        suffix: How the name of its pages ends.
        folder: Where its site is, relative to the English one.
        to_other: The way from its home to that of the other language.
    """

    code: str
    suffix: str
    folder: str
    to_other: str


ENGLISH: Final = Language("en", ".md", "", "zh/")
CHINESE: Final = Language("zh", ".zh-CN.md", "zh/", "../")
LANGUAGES: Final = (ENGLISH, CHINESE)
