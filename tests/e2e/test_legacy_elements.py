"""The older library of elements, through both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AlreadyDeletedError,
    Element,
    ElementPage,
    Kling,
    LegacyElement,
    OutcomeUnknownError,
    RequestValidationError,
    TransportError,
)
from tests.endpoints import URL, body

PATH = "/v1/general/custom-elements"


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as server:
        yield server


def make_element(kling: Kling, name: str = "Mara") -> Element:
    return kling.legacy_elements.create(
        element_name=name,
        element_description="a woman in a red coat",
        element_frontal_image=URL,
        element_refer_list=[URL],
        tag_list=["o_102"],
    )


def test_an_element_is_there_at_once_and_is_named_in_a_video(mock: KlingMock) -> None:
    """No task has to be waited for; a request takes it as it takes one of the newer library."""
    with mock.client() as kling:
        element = make_element(kling)
        kling.omni_video.create(prompt="<<<element_1>>> waves", element_list=[element])
        assert list(kling.legacy_elements.iter()) == [element]
        kling.legacy_elements.delete(element)
        assert list(kling.legacy_elements.iter()) == []
        with pytest.raises(AlreadyDeletedError):
            kling.legacy_elements.delete(element.element_id)

    assert (element.name, element.description) == ("Mara", "a woman in a red coat")
    assert (element.reference_type, element.status, element.voice) == ("", "", None)
    assert element.raw["tag_list"][0]["id"] == "o_102"
    assert not [entry.notes for entry in mock.journal if entry.notes]


def test_elements_come_in_pages(mock: KlingMock) -> None:
    """A full page means that another may follow; the vendor's own are listed alike."""
    with mock.client() as kling:
        elements = [make_element(kling, name) for name in ("Ann", "Ben", "Cid")]
        page = kling.legacy_elements.list(page_size=2)
        last = kling.legacy_elements.list(page=2, page_size=2)
        everything = list(kling.legacy_elements.iter(page_size=2))
        presets = kling.legacy_elements.presets()
        assert list(kling.legacy_elements.iter_presets(page_size=1)) == list(presets)

    assert page == ElementPage((elements[2], elements[1]), 1, 2, has_next=True)
    assert (list(last), len(last), last.has_next) == ([elements[0]], 1, False)
    assert everything == elements[::-1]
    assert {element.owned_by for element in presets} == {"kling"}


def test_both_clients_have_it(mock: KlingMock) -> None:
    """The same calls with the same results."""

    async def scenario() -> tuple[Element, list[Element], list[Element]]:
        async with mock.async_client() as kling:
            library = kling.legacy_elements
            request = LegacyElement(**body("legacy-elements"))
            element = await library.submit(request)
            await library.create(**body("legacy-elements"))
            first = await library.list(page_size=1)
            own = [row async for row in library.iter(page_size=1)]
            await library.delete(first.elements[0])
            presets = [row async for row in library.iter_presets()]
            assert (await library.presets()).elements == tuple(presets)
            return element, own, presets

    element, own, presets = asyncio.run(scenario())
    with mock.client() as kling:
        assert list(kling.legacy_elements.list()) == [element]
        assert list(kling.legacy_elements.presets()) == presets
    assert (len(own), own[1]) == (2, element)


def test_a_create_whose_answer_is_lost_is_not_repeated(mock: KlingMock) -> None:
    """It takes no external id: the list shows whether the element is there."""
    mock.faults.add("response-lost", match=f"POST {PATH}", times=1)
    with mock.client() as kling:
        with pytest.raises(OutcomeUnknownError, match="cannot be looked up"):
            make_element(kling)
        assert [element.name for element in kling.legacy_elements.list()] == ["Mara"]
    mock.faults.assert_used()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"element_name": "x" * 21}, "element_name"),
        ({"element_refer_list": []}, "element_refer_list"),
        ({"element_refer_list": [URL] * 4}, "element_refer_list"),
        ({"element_refer_list": [b"no picture"]}, "element_refer_list"),
        ({"element_frontal_image": b"no picture"}, "element_frontal_image"),
        ({"tag_list": []}, "tag_list"),
    ],
)
def test_what_breaks_a_limit_is_refused_before_it_is_sent(
    mock: KlingMock, wrong: dict[str, Any], field: str
) -> None:
    """The error names the parameter."""
    with mock.client() as kling, pytest.raises(RequestValidationError) as refused:
        kling.legacy_elements.create(**body("legacy-elements") | wrong)
    assert refused.value.field == field
    assert len(mock.journal) == 0


@pytest.mark.parametrize("sizes", [{"page": 0}, {"page": 1001}, {"page_size": 501}])
def test_a_page_that_cannot_be_is_refused_before_it_is_sent(
    mock: KlingMock, sizes: dict[str, int]
) -> None:
    """The limits of the vendor's page."""
    with mock.client() as kling:
        for read in (kling.legacy_elements.list, kling.legacy_elements.presets):
            with pytest.raises(RequestValidationError):
                read(**sizes)
    assert len(mock.journal) == 0


@pytest.mark.parametrize("data", [None, {}, {"element_name": "Mara"}])
def test_an_answer_without_an_element_is_no_success(data: object) -> None:
    """A reply of another form says nothing about an element."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"code": 0, "message": "", "request_id": "1", "data": data})

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        Kling("a|b", http_client=http, deadline=1, retries=0) as kling,
    ):
        with pytest.raises(OutcomeUnknownError):
            make_element(kling)
        with pytest.raises(TransportError, match="a page without a list of elements"):
            kling.legacy_elements.list()


def test_a_relay_serves_no_library(mock: KlingMock) -> None:
    """It is one account's, and a relay may have several: nothing is sent."""
    with mock.relay_client() as kling:
        with pytest.raises(RequestValidationError):
            make_element(kling)
        with pytest.raises(RequestValidationError):
            kling.legacy_elements.list()
        with pytest.raises(RequestValidationError):
            kling.legacy_elements.delete("7")
