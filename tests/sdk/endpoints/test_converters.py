"""Lists of things, which may be given as objects, mappings or the values they consist of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from kling_sdk import RequestValidationError
from tests.sdk.endpoints.test_requests import ALL, PLAINEST


def lists() -> Iterator[Any]:
    """Yield each parameter that is a list: its class, the other arguments, its name."""
    for cls in ALL:
        plainest = next(fields for make, fields in PLAINEST if make is cls)
        for field in attrs.fields(cls):
            if str(field.type).startswith("tuple"):
                others = {name: value for name, value in plainest.items() if name != field.name}
                yield pytest.param(cls, others, field.name, id=f"{cls.__name__}-{field.name}")


LISTS = list(lists())


@pytest.mark.parametrize(("make", "others", "name"), LISTS)
def test_what_is_no_list_is_named_by_its_parameter(
    make: Any, others: dict[str, Any], name: str
) -> None:
    """Every list of every class refuses a number, a text and a mapping.

    The exception is a mapping of words to words, which is a glossary.
    """
    for wrong in (5, "x") if name == "glossary" else (5, "x", {"x": 1}):
        with pytest.raises(RequestValidationError, match="a list") as refused:
            make(**others, **{name: wrong})
        assert refused.value.field == name


@pytest.mark.parametrize(("make", "others", "name"), LISTS)
def test_an_item_of_an_unknown_form_is_named_by_its_parameter(
    make: Any, others: dict[str, Any], name: str
) -> None:
    """A mapping with a key that the vendor does not have."""
    with pytest.raises(RequestValidationError) as refused:
        make(**others, **{name: [{"colour": "red"}]})
    assert refused.value.field.partition(".")[0] == name


@pytest.mark.parametrize(("make", "others", "name"), LISTS)
def test_who_wants_none_leaves_the_list_out(make: Any, others: dict[str, Any], name: str) -> None:
    """Only what counts pictures and elements together takes an empty one."""
    if make.__name__.startswith("Omni") and name in {"image_list", "element_list"}:
        assert getattr(make(**others, **{name: []}), name) == ()
        return
    with pytest.raises(RequestValidationError, match="has 0 items") as refused:
        make(**others, **{name: []})
    assert refused.value.field == name


def test_the_search_finds_the_lists() -> None:
    """Otherwise the tests above would be empty."""
    assert {case.values[2] for case in LISTS} >= {"image_list", "dynamic_masks", "multi_prompt"}
