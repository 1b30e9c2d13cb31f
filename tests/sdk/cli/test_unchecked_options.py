"""Unknown fields can be sent from a shell as well."""

from __future__ import annotations

import argparse

import pytest

from kling_sdk import Request, RequestValidationError, TextToVideo
from kling_sdk.cli.options import add_options, request_from


def request(*arguments: str) -> Request:
    parser = argparse.ArgumentParser()
    add_options(parser, TextToVideo)
    return request_from(TextToVideo, parser.parse_args(arguments))


def test_fields_of_tomorrow_are_json() -> None:
    """`--extra-body` is an object."""
    video_request = request("--prompt", "x", "--extra-body", '{"frames": 60}')
    assert video_request.extra_body == {"frames": 60}
    with pytest.raises(RequestValidationError, match="extra_body is not JSON"):
        request("--prompt", "x", "--extra-body", "frames=60")


def test_the_check_can_be_left_out() -> None:
    """`--no-check` sends what the table of models refuses."""
    assert request("--prompt", "x", "--duration", "60", "--no-check").check is False
    with pytest.raises(RequestValidationError, match="duration is 60 s; expected 3 to 15 s"):
        request("--prompt", "x", "--duration", "60")
