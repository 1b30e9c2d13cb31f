"""The pictures of requests are found, recognised by their bytes, and bounded."""

from __future__ import annotations

import base64

from kling_mock.kling.model.inputs import InputPictures

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(60)).decode()


def test_pictures_are_found_wherever_they_stand() -> None:
    """They are found in members and lists, with or without a prefix; URLs and texts are not."""
    pictures = InputPictures()
    body = {
        "image": PNG,
        "prompt": "a kitten " * 20,
        "image_tail": "https://example.com/a.png" + "a" * 80,
        "image_list": [{"image": f"data:image/jpeg;base64,{JPEG}"}],
    }
    pictures.keep("1", body)
    first, second = pictures.of("1")
    assert (first.field, first.content_type) == ("image", "image/png")
    assert (second.field, second.content_type) == ("image_list.0.image", "image/jpeg")
    assert second.read().startswith(b"\xff\xd8\xff\xe0")
    assert pictures.of("2") == ()


def test_the_oldest_make_room() -> None:
    """So memory does not grow with every request."""
    pictures = InputPictures(max_characters=2 * len(PNG))
    for task in ("1", "2", "3"):
        pictures.keep(task, {"image": PNG})
    assert [len(pictures.of(task)) for task in ("1", "2", "3")] == [0, 1, 1]


def test_what_only_begins_like_a_picture_is_empty() -> None:
    """Text that starts like base64 but is not."""
    pictures = InputPictures()
    pictures.keep("1", {"image": PNG[:-3]})
    assert pictures.of("1")[0].read() == b""
