"""The number of files that an endpoint's body may hold, by the fields of its request."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

import kling_sdk
from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.media_fields import max_files
from kling_sdk.endpoints.values import OmniImage, hidden, media


@attrs.frozen(kw_only=True)
class Light(kling_sdk.Request):
    """An endpoint of tomorrow: a text, the URL of a video, and a picture."""

    prompt: str = attrs.field(repr=hidden)
    video_url: str | None = attrs.field(default=None, validator=checks.web_url, repr=media)
    picture: str | None = attrs.field(
        default=None, converter=converters.optional_image, validator=checks.image, repr=media
    )


@attrs.frozen(kw_only=True)
class Lights(Light):
    """The same with pictures in a list."""

    image_list: tuple[OmniImage, ...] | None = attrs.field(default=None)


@pytest.mark.parametrize(("request_class", "files"), [(Light, 1), (Lights, math.inf)])
def test_a_new_endpoint_counts_its_files(request_class: type[Any], files: float) -> None:
    """A path or bytes become base64; a URL has no converter, and a list no end."""
    assert max_files(request_class) == files


def test_the_endpoints_have_as_many_files_as_their_pages_say() -> None:
    """A text has none, a picture one, a picture with a sound two; files in objects count too."""
    files = {
        "text2video": 0,
        "video-to-audio": 0,
        "motion-control": 1,
        "lip-sync": 1,
        "avatar": 2,
        "virtual-try-on": 2,
        "omni-video": math.inf,
        "effects": math.inf,
    }
    assert {name: kling_sdk.ENDPOINTS[name].max_files for name in files} == files
