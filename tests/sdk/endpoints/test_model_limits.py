"""The record of an endpoint: defaults, kinds, and the length of a wait."""

from __future__ import annotations

import pytest

from kling_sdk import ENDPOINTS, EndpointRecord

RECORDS = list(ENDPOINTS.values())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_wait_takes_two_hours_for_a_video_or_sound_and_half_of_one_for_the_rest(
    record: EndpointRecord,
) -> None:
    """Videos were seen to take an hour; pictures, voices and elements are made in minutes."""
    is_long = record.result in {"videos", "audios"} or record.returns is not None
    assert record.wait_timeout == (7200 if is_long else 1800)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_what_a_request_without_a_model_gets_is_known(record: EndpointRecord) -> None:
    """A default model is one of the records', in a mode that it has."""
    assert bool(record.default_model) == bool(record.models)
    if record.models:
        limits = record.limits_of(record.default_model)
        assert limits is not None
        assert {record.default_mode, ""} & limits.modes.keys()


def test_an_endpoint_is_of_this_kind() -> None:
    """Its interface, its result, and whether a lost reply can be asked for."""
    for record in RECORDS:
        kinds = (record.interface, record.result, record.takes_external_id)
        if record.solution is not None:
            is_picture = record.name == "solutions-virtual-try-on"
            assert kinds == ("solutions", "images" if is_picture else "videos", True)
            continue
        folder = record.path.split("/")[2].replace("audio", "audios")
        # What makes views of an element is not among the pictures.
        folder = "images" if record.name == "ai-multi-shot" else folder
        result = folder if record.library is None else f"{record.library.item}s"
        assert kinds == ("v1", result, record.returns is None)
