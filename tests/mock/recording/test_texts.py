"""Disguised text has the same length, script and references, and none of the original words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.recording.mapping import Pseudonyms, can_change

SALT = bytes(range(16))
TEXTS = st.text(max_size=60)


def disguised(text: str) -> str:
    return Pseudonyms(SALT).text(text)


@pytest.mark.slow
@given(TEXTS)
def test_the_length_and_the_category_of_each_character_stay(text: str) -> None:
    """A prompt that is too long stays too long; letters stay letters."""
    pseudonym = disguised(text)
    assert len(pseudonym) == len(text)
    for before, after in zip(text, pseudonym, strict=True):
        category = unicodedata.category(before)
        if category in {"Lu", "Ll", "Nd"}:
            assert unicodedata.category(after) == category
        elif category.startswith(("P", "Z")):
            assert after == before


@pytest.mark.slow
@given(TEXTS)
def test_the_same_text_is_always_disguised_the_same(text: str) -> None:
    """This holds in another process; another session disguises it differently."""
    assert disguised(text) == disguised(text)
    if len([char for char in text if can_change(char)]) > 20:
        assert disguised(text) != Pseudonyms(bytes(16)).text(text)


@pytest.mark.slow
@given(st.lists(st.text(max_size=4), unique=True, max_size=80))
def test_distinct_texts_stay_distinct(texts: list[str]) -> None:
    """This holds also for short texts of one kind, such as one digit."""
    names = Pseudonyms(SALT)
    assert len({names.text(text) for text in texts}) == len(texts)


def test_all_digits_are_distinct() -> None:
    """Once the short pseudonyms are used up, they get longer, not equal."""
    names = Pseudonyms(SALT)
    assert len({names.text(str(number)) for number in range(1000)}) == 1000


@pytest.mark.slow
@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=8, max_size=30))
def test_no_word_survives(word: str) -> None:
    """It survives neither as a whole nor inside a longer text."""
    assert word not in disguised(word)
    assert word not in disguised(f"before {word} after")


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("put <<<image_1>>> into <<<video_1>>>", ["<<<image_1>>>", "<<<video_1>>>"]),
        ("put @image_01 next to it", ["@image_01"]),
        ("shot 1, 3, a street; shot 2, 4.5, a face;", ["shot 1, 3,", "shot 2, 4.5,"]),
        ("<<<secret_1>>> and <<<image_12345>>>", []),
    ],
)
def test_references_stay(text: str, references: list[str]) -> None:
    """What a prompt refers to, and how it divides itself; nothing can be hidden in the form."""
    pseudonym = disguised(text)
    assert [reference for reference in references if reference in pseudonym] == references
    assert "secret" not in pseudonym
    assert "12345" not in pseudonym


def test_a_reference_to_an_id_of_the_body_is_the_pseudonym_of_the_id() -> None:
    """`@hero` in the prompt and `hero` in the contents still belong together."""
    names = Pseudonyms(SALT)
    assert f"@{names.text('hero')} " in names.text("@hero walks along the pier")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("在草地上奔跑的小猫", 0x4E00, 0x9FFF),
        ("ねこがはしる", 0x3040, 0x309F),
        ("ネコガハシル", 0x30A0, 0x30FF),
        ("고양이가달린다", 0xAC00, 0xD7A3),
        ("котёнокбежит", 0x0400, 0x04FF),
        ("قطةتجري", 0x0600, 0x06FF),
        ("🐈🦓🌊", 0x1F000, 0x1FAFF),
        ("kitten", 0x61, 0x7A),
        ("KITTEN", 0x41, 0x5A),
        ("20261127", 0x30, 0x39),
    ],
)
def test_the_script_stays(text: str, low: int, high: int) -> None:
    """The service may count and judge scripts differently."""
    pseudonym = disguised(text)
    assert len(pseudonym) == len(text)
    assert pseudonym != text
    assert all(low <= ord(char) <= high for char in pseudonym)


def test_one_letter_of_a_large_script_tells_little() -> None:
    """A Han character is replaced from the whole script, not from its neighbourhood."""
    names = Pseudonyms(SALT)
    blocks = {ord(names.text(f"{number}猫")[-1]) >> 8 for number in range(300)}
    assert len(blocks) > 50


def test_ids_keep_their_form() -> None:
    """Eighteen digits stay a number of eighteen digits, hexadecimal digits stay hexadecimal."""
    assert disguised("831114115449500717").isdigit()
    assert disguised("831114115449500717")[0] != "0"
    assert int(disguised("9223372036854775807")) < 2**63
    pseudonym = disguised("0f3c2b1a-9d8e-4f6a-8b4c-3d2e1f0a9b8c")
    assert set(pseudonym) <= set("0123456789abcdef-")
    assert [len(part) for part in pseudonym.split("-")] == [8, 4, 4, 4, 12]
