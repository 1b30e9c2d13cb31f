"""Voices and elements: what makes them, and where requests name them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from kling_sdk import (
    CustomElement,
    CustomVoice,
    Element,
    ElementImages,
    ElementVideos,
    ImageGeneration,
    ImageToVideo,
    MotionControl,
    OmniImageGeneration,
    OmniVideo,
    RequestValidationError,
    Voice,
)
from kling_sdk.text.hidden import private_texts
from kling_sdk.wire.v1 import wire_body

URL: Final = "https://example.com/a.png"
VIDEO: Final = "https://example.com/a.mp4"
SOUND: Final = "https://example.com/a.mp3"
NAMED: Final[dict[str, Any]] = {"element_name": "Mara", "element_description": "a red coat"}
PICTURES: Final[dict[str, Any]] = {"frontal_image": URL, "refer_images": [{"image_url": URL}]}
MOVING: Final[dict[str, Any]] = {"refer_videos": [{"video_url": VIDEO}]}
ELEMENT: Final = Element(829836802793406551, name="Mara")
VOICE: Final = Voice("829836802793406553", name="Mara")


def sent(request: Any) -> dict[str, Any]:
    return wire_body(request, "")


# ------------------------------------------------------------ what makes them


def test_an_element_is_sent_as_the_vendor_documents_it() -> None:
    """Pictures may be given plainly; what they are for is read off what is given."""
    element = CustomElement(
        **NAMED,
        element_image_list=ElementImages(URL, [URL, URL]),
        element_voice_id=VOICE,
        tag_list=["o_102"],
    )

    assert sent(element) == {
        **NAMED,
        "reference_type": "image_refer",
        "element_image_list": {
            "frontal_image": URL,
            "refer_images": [{"image_url": URL}, {"image_url": URL}],
        },
        "element_voice_id": "829836802793406553",
        "tag_list": [{"tag_id": "o_102"}],
    }
    assert CustomElement(**sent(element)) == element


def test_what_describes_a_person_is_private() -> None:
    """Neither errors nor reprs of the request and the element show it."""
    element = CustomElement(**NAMED, element_image_list=PICTURES)

    assert element.prompts() == ("a red coat",)
    assert list(private_texts(sent(element))) == ["a red coat"]
    text = repr(element) + repr(Element(1, "Mara", "a red coat"))
    assert "Mara" in text
    assert "red coat" not in text


def test_an_element_of_a_video_is_one_of_a_person() -> None:
    """This holds in either form of the video."""
    element = CustomElement(**NAMED, element_video_list=ElementVideos([VIDEO]))

    assert sent(element) == {
        **NAMED,
        "reference_type": "video_refer",
        "element_video_list": MOVING,
    }
    assert CustomElement(**NAMED, element_video_list=MOVING) == element


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "element_video_list", "is missing with video_refer"),
        ({"reference_type": "image_refer"}, "element_image_list", "is missing with image_refer"),
        (
            {"reference_type": "image_refer", "element_video_list": MOVING},
            "element_image_list",
            "is missing",
        ),
        ({"reference_type": "sound_refer", "element_image_list": PICTURES}, "reference_type", "is"),
        (
            {"element_image_list": {"frontal_image": URL, "refer_images": []}},
            "element_image_list.refer_images",
            "has 0 items; expected 1 to 3 items",
        ),
        (
            {"element_image_list": {"frontal_image": URL, "refer_images": [URL] * 4}},
            "element_image_list.refer_images",
            "has 4 items",
        ),
        (
            {"element_image_list": {"frontal_image": "AAAA", "refer_images": [URL]}},
            "element_image_list.frontal_image",
            "neither a JPEG nor a PNG",
        ),
        (
            {"element_image_list": {"frontal_image": URL, "refer_images": ["AAAA"]}},
            "element_image_list.refer_images",
            "neither a JPEG nor a PNG",
        ),
        (
            {"element_video_list": {"refer_videos": [VIDEO, VIDEO]}},
            "element_video_list.refer_videos",
            "exactly one video",
        ),
        (
            {"element_video_list": {"refer_videos": ["AAAA"]}},
            "element_video_list.refer_videos",
            "is not a URL",
        ),
        (
            {"element_image_list": {"front": URL, "refer_images": [URL]}},
            "element_image_list.front",
            "unknown key 'front'",
        ),
        ({"element_image_list": PICTURES, "element_name": "x" * 21}, "element_name", "21"),
        ({"element_image_list": PICTURES, "element_voice_id": 1.5}, "element_voice_id", "float"),
        ({"element_image_list": PICTURES, "tag_list": [5]}, "tag_list", "holds a int"),
    ],
)
def test_what_makes_no_element_is_refused(fields: dict[str, Any], field: str, words: str) -> None:
    """Before anything is sent, by the parameter's name."""
    with pytest.raises(RequestValidationError) as refused:
        CustomElement(**NAMED | fields)

    assert refused.value.field == field
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "voice_url"),
        ({"voice_url": SOUND, "video_id": "7"}, "voice_url"),
        ({"voice_url": "a.mp3"}, "voice_url"),
        ({"voice_url": SOUND, "voice_name": "x" * 21}, "voice_name"),
        ({"voice_url": SOUND, "voice_name": ""}, "voice_name"),
    ],
)
def test_a_voice_has_a_name_and_one_source(fields: dict[str, Any], field: str) -> None:
    """Its source is a recording, or a video of the account in which a person speaks."""
    assert sent(CustomVoice(voice_name="Mara", video_id="7")) == {
        "voice_name": "Mara",
        "video_id": "7",
    }
    with pytest.raises(RequestValidationError) as refused:
        CustomVoice(**{"voice_name": "Mara"} | fields)
    assert refused.value.field == field


# ------------------------------------------------------------ where requests name them


@pytest.mark.parametrize("element", [ELEMENT, 829836802793406551, "829836802793406551"])
@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (ImageToVideo, {"image": URL, "model_name": "kling-v3"}),
        (OmniVideo, {"prompt": "x"}),
        (ImageGeneration, {"prompt": "x"}),
        (OmniImageGeneration, {"prompt": "x"}),
        (
            MotionControl,
            {
                "image_url": URL,
                "video_url": VIDEO,
                "character_orientation": "video",
                "mode": "std",
                "model_name": "kling-v3",
            },
        ),
    ],
)
def test_an_element_is_named_by_itself_or_by_its_id(make: Any, needed: Any, element: Any) -> None:
    """In either form, /v1 gets the number."""
    request = make(**needed, element_list=[element])

    assert sent(request)["element_list"] == [{"element_id": 829836802793406551}]
    assert request == make(**needed, element_list=[{"element_id": 829836802793406551}])


@pytest.mark.parametrize("voice", [VOICE, 829836802793406553, "829836802793406553"])
def test_a_voice_is_named_by_itself_or_by_its_id(voice: Any) -> None:
    """In either form, /v1 gets the text."""
    speaking = ImageToVideo(image=URL, mode="pro", sound="on", voice_list=[voice])

    assert sent(speaking)["voice_list"] == [{"voice_id": "829836802793406553"}]
    element = CustomElement(**NAMED, element_image_list=PICTURES, element_voice_id=voice)
    assert element.element_voice_id == "829836802793406553"


def test_ids_are_text_however_they_came() -> None:
    """An int64 is more than some readers of JSON can hold."""
    assert Element(829836802793406551).element_id == "829836802793406551"
    assert Voice(7).voice_id == "7"


def test_what_is_no_element_is_refused_where_it_is_named() -> None:
    """A name is not an id; a voice is not an element."""
    for wrong in (Element("Mara"), VOICE, {"id": 1}):
        with pytest.raises(RequestValidationError) as refused:
            OmniVideo(prompt="x", element_list=[wrong])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        assert refused.value.field.startswith("element_list")
