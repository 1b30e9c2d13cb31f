"""Voices and elements, through both clients: made, named, looked through and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from kling_mock import KlingMock
from kling_sdk import (
    ENDPOINTS,
    AlreadyDeletedError,
    CustomElement,
    Element,
    InvalidRequestError,
    Kling,
    RequestValidationError,
    TransportError,
    Voice,
)
from kling_sdk.endpoints import request_class
from tests.endpoints import URL, body

LIBRARIES = [
    name
    for name, record in ENDPOINTS.items()
    if record.library is not None and record.returns is None
]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as server:
        yield server


def mara(mock: KlingMock) -> Element:
    """Make an element."""
    with mock.client() as kling:
        request = request_class("elements")(**body("elements"))
        return kling.elements.wait(kling.elements.submit(request)).elements[0]


def delete_path(name: str) -> str:
    library = ENDPOINTS[name].library
    assert library is not None
    return library.delete


def test_an_element_that_speaks_is_named_in_a_video(mock: KlingMock) -> None:
    """A voice, an element with it, and a video of that: each takes the one before as it is."""
    with mock.client() as kling:
        voice = kling.voices.run(voice_name="Mara", voice_url="https://example.com/a.mp3").voices[0]
        task = kling.elements.run(
            element_name="Mara",
            element_description="a woman in a red coat",
            element_image_list={"frontal_image": URL, "refer_images": [URL]},
            element_voice_id=voice,
        )
        (element,) = task.elements
        video = kling.omni_video.run(prompt="<<<element_1>>> waves", element_list=task.elements)
        speaking = kling.image2video.run(
            image=URL,
            prompt="<<<voice_1>>> says hello",
            mode="pro",
            sound="on",
            voice_list=[voice],
        )

    assert (element.voice, element.status) == (voice, "succeed")
    assert (voice.name, element.name) == ("Mara", "Mara")
    assert task.outputs == (element,)
    assert (task.files, task.expires_at) == ((), None)
    assert video.videos
    assert speaking.videos
    assert not [entry.notes for entry in mock.journal if entry.notes]


def test_presets_come_in_pages(mock: KlingMock) -> None:
    """One page, or all of them; they can be named as one's own."""
    with mock.client() as kling:
        voices = [task.voices[0] for task in kling.voices.iter_presets(page_size=2)]
        page = kling.voices.presets(page_size=2)
        elements = [task.elements[0] for task in kling.elements.iter_presets()]
        kling.omni_video.create(prompt="<<<element_1>>> waves", element_list=elements[:1])

    assert [task.voices[0] for task in page] == voices[:2]
    assert page.has_next
    owners = {voice.owned_by for voice in voices} | {element.owned_by for element in elements}
    assert owners == {"kling"}
    assert len({voice.voice_id for voice in voices}) == len(voices) > 2


def test_a_page_of_voices_may_be_larger_than_one_of_videos(mock: KlingMock) -> None:
    """The vendor's page says so of voices alone."""
    with mock.client() as kling:
        assert len(kling.voices.list(page_size=1000)) == 0
        with pytest.raises(RequestValidationError, match="page_size is 1001; expected 1 to 1000"):
            kling.voices.presets(page_size=1001)
        with pytest.raises(RequestValidationError, match="page_size is 501; expected 1 to 500"):
            kling.elements.presets(page_size=501)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_delete_whose_answer_is_lost_is_one_delete(mock: KlingMock, name: str) -> None:
    """The repeat is refused as already deleted, which is not an error: this client deleted it."""
    with mock.client() as kling:
        library = getattr(kling, ENDPOINTS[name].attribute)
        (item,) = library.wait(library.submit(request_class(name)(**body(name)))).outputs
        mock.faults.add("response-lost", match=f"POST {delete_path(name)}", times=1)
        library.delete(item)
        codes = [entry.code for entry in mock.journal if entry.path == delete_path(name)]
        with pytest.raises(AlreadyDeletedError, match="already be deleted"):
            library.delete(item)

    mock.faults.assert_used()
    assert codes == [0, 1201]


def test_a_deleted_element_cannot_be_named(mock: KlingMock) -> None:
    """The list says which are gone."""
    element = mara(mock)
    with mock.client() as kling:
        kling.elements.delete(element.element_id)
        with pytest.raises(InvalidRequestError, match="Element id not found"):
            kling.omni_video.create(prompt="x", element_list=[element])
        (listed,) = kling.elements.iter()
        assert listed.elements[0].status == "deleted"


@pytest.mark.parametrize("wrong", ["", " ", None, 1.5, b"7", True])
def test_what_is_no_item_is_refused_before_it_is_sent(mock: KlingMock, wrong: object) -> None:
    """A delete without an item would have no effect."""
    with mock.client() as kling:
        with pytest.raises(RequestValidationError) as refused:
            kling.voices.delete(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert refused.value.field == "voice_id"
    assert len(mock.journal) == 0


def test_an_unreachable_server_is_no_success(mock: KlingMock) -> None:
    """The server has not confirmed that the item is gone."""
    element = mara(mock)
    mock.faults.add("reset", match=f"POST {delete_path('elements')}")
    with mock.client(retries=1) as kling, pytest.raises(TransportError):
        kling.elements.delete(element)


def test_the_async_client_has_the_same(mock: KlingMock) -> None:
    """Presets, their pages and a delete, awaited."""

    async def use() -> list[str]:
        async with mock.async_client() as kling:
            names = [task.voices[0].name async for task in kling.voices.iter_presets(page_size=2)]
            assert len(await kling.voices.presets(page_size=2)) == 2
            task = await kling.elements.run(
                element_name="Mara",
                element_description="a woman in a red coat",
                element_image_list={"frontal_image": URL, "refer_images": [URL]},
            )
            await kling.elements.delete(task.elements[0])
            with pytest.raises(AlreadyDeletedError):
                await kling.elements.delete(task.elements[0])
            return names

    assert asyncio.run(use()) == ["Emulated voice 1", "Emulated voice 2", "Emulated voice 3"]


CALLS: list[Callable[[Kling], object]] = [
    lambda kling: kling.elements.submit(CustomElement(**body("elements"))),
    lambda kling: kling.elements.list(),
    lambda kling: kling.elements.get("7"),
    lambda kling: kling.elements.presets(),
    lambda kling: kling.elements.delete("7"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_relay_has_no_libraries(call: Callable[[Kling], object]) -> None:
    """It may have several accounts, and its users would see each other's: nothing is sent."""
    with (
        Kling.relay("http://127.0.0.1:1", "sk-token") as kling,
        pytest.raises(RequestValidationError, match="is a library of one account"),
    ):
        call(kling)


def test_an_item_survives_json(mock: KlingMock) -> None:
    """A task with a voice inside an element is written and read again."""
    with mock.client() as kling:
        task = kling.elements.run(**body("elements"), element_voice_id=Voice("700000000000000001"))
    assert type(task).from_dict(task.to_dict()) == task
    assert task.elements[0].voice == Voice(
        "700000000000000001",
        "Emulated voice 1",
        f"{mock.kling_url}/media/voices/700000000000000001.wav",
        "kling",
    )
