"""Every row of the capability table: what it grants is accepted, the nearest neighbour is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.capabilities import (
    CAPABILITIES,
    DEFAULT_MODELS,
    DEFAULT_MODES,
    ENDPOINTS,
    MODELS,
    Capability,
)
from kling_mock.kling.endpoints.fields import FIELDS
from kling_mock.kling.endpoints.prices import PRICES
from kling_mock.kling.endpoints.validation import plan
from kling_mock.kling.model.durations import TYPICAL_SECONDS
from kling_mock.kling.service_codes import Refusal
from kling_mock.web.facts import SOURCES

URL = "https://example.com/a.png"
SHOTS = [{"index": 1, "prompt": "a cat", "duration": "5"}]
ROWS = [pytest.param(row, id="-".join(key)) for key, row in CAPABILITIES.items()]

# What a request adds to ask for a feature, per endpoint where that differs.
ASKS: dict[str, dict[str, Any]] = {
    "negative_prompt": {"negative_prompt": "rain"},
    "aspect_ratio": {"aspect_ratio": "9:16"},
    "cfg_scale": {"cfg_scale": 0.7},
    "sound": {"sound": "on"},
    "multi_shot": {"multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS},
    "camera_control": {"camera_control": {"type": "simple", "config": {"zoom": 5}}},
    "image_tail": {"image_tail": URL},
    "last_frame_only": {"image": None, "image_tail": URL},
    "motion_brush": {"static_mask": URL},
    "element_list": {"element_list": [{"element_id": 1}]},
    "voice_list": {"voice_list": [{"voice_id": "v"}], "sound": "on"},
    "image_list": {},
    "first_frame": {"image_list": [{"image_url": URL, "type": "first_frame"}]},
    "end_frame": {
        "image_list": [
            {"image_url": URL, "type": "first_frame"},
            {"image_url": URL, "type": "end_frame"},
        ]
    },
    "video_base": {"video_list": [{"video_url": URL, "refer_type": "base"}]},
    "video_feature": {"video_list": [{"video_url": URL, "refer_type": "feature"}]},
    "keep_original_sound": {"video_list": [{"video_url": URL, "keep_original_sound": "yes"}]},
    "character_element": {"element_list": [{"element_id": 9}]},
}


def body(row: Capability, **more: Any) -> dict[str, Any]:
    """Return the plainest request that *row* accepts, for 5 seconds."""
    plain: dict[str, Any] = {"model_name": row.model, "prompt": "a cat", "duration": "5"}
    if row.mode != "none":
        plain["mode"] = row.mode
    if row.endpoint == "image2video":
        plain["image"] = URL
    if row.endpoint == "multi-image2video":
        plain["image_list"] = [{"image": URL}]
    return plain | more


def check(row: Capability, request: dict[str, Any]) -> Any:
    return plan(row.endpoint, request, characters={9})


def refusal(row: Capability, request: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(row, request)
    return caught.value


@pytest.mark.parametrize("row", ROWS)
def test_every_duration_is_accepted(row: Capability) -> None:
    """Each length of the row is accepted, priced, and made as long, as large and as fast."""
    for seconds in row.durations:
        # From text alone kling-video-o1 makes 5 or 10 seconds only.
        more = {"image_list": [{"image_url": URL}]} if row.endpoint == "omni-video" else {}
        made = check(row, body(row, duration=str(seconds), **more))
        assert (made.seconds, made.resolution, made.fps) == (seconds, row.resolution, row.fps)
        assert made.units > 0


@pytest.mark.parametrize("row", ROWS)
def test_the_nearest_other_durations_are_refused(row: Capability) -> None:
    """A second more or less than the row has is refused with 1201, naming the field."""
    near = {seconds + step for seconds in row.durations for step in (-1, 1)} - set(row.durations)
    for seconds in near:
        refused = refusal(row, body(row, duration=str(seconds)))
        assert (refused.http, refused.code) == (400, 1201)
        assert "duration" in refused.message


@pytest.mark.parametrize("row", ROWS)
def test_every_feature_is_accepted(row: Capability) -> None:
    """Each feature of the row is accepted in a clip of 5 seconds."""
    for feature in row.features:
        check(row, body(row, **ASKS[feature]))


def absent(row: Capability) -> Iterator[str]:
    known = {
        name
        for key, other in CAPABILITIES.items()
        if key[0] == row.endpoint
        for name in other.features
    }
    yield from sorted(known - row.features)


@pytest.mark.parametrize("row", ROWS)
def test_every_other_feature_is_refused(row: Capability) -> None:
    """A feature that only other rows of the endpoint have is refused with 1201."""
    for feature in absent(row):
        refused = refusal(row, body(row, **ASKS[feature]))
        assert (refused.http, refused.code) == (400, 1201)
        assert "accepted with" in refused.message


@pytest.mark.parametrize("row", ROWS)
def test_narrowed_features_are_refused_at_other_durations(row: Capability) -> None:
    """A feature of 5-second clips only is refused at 10 seconds."""
    for feature in row.narrowed:
        assert refusal(row, body(row, duration="10", **ASKS[feature])).code == 1201


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_modes_that_a_model_has_not(endpoint: str) -> None:
    """A mode of another model is refused, naming the field and the modes there are."""
    for model, modes in MODELS[endpoint].items():
        row = CAPABILITIES[endpoint, model, modes[0]]
        for mode in {"std", "pro", "4k"} - set(modes):
            if modes == ("none",) and mode != "4k":
                assert check(row, body(row, mode=mode)).mode == "none"
                continue
            refused = refusal(row, body(row, mode=mode))
            assert refused.code == 1201
            assert "mode" in refused.message


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_models_of_other_endpoints(endpoint: str) -> None:
    """A model of another endpoint is 400/1201; one of nowhere is 404/1203."""
    others = {model for models in MODELS.values() for model in models} - set(MODELS[endpoint])
    row = next(row for key, row in CAPABILITIES.items() if key[0] == endpoint)
    for model in others:
        refused = refusal(row, body(row, model_name=model))
        assert (refused.http, refused.code) == (400, 1201)
        assert "model_name" in refused.message
    refused = refusal(row, body(row, model_name="kling-v99"))
    assert (refused.http, refused.code) == (404, 1203)


def test_a_discontinued_model_is_refused_on_request(api: Any, mock: KlingMock) -> None:
    """A server that is told so refuses kling-v1, named or not, in the words that were seen."""
    assert mock.discontinued == frozenset()
    mock.discontinued = {"kling-v1"}
    for named in ({"model_name": "kling-v1"}, {"model_name": None}):
        reply = api.create(**named)
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        text = "The model 'kling-v1' has been discontinued and is no longer available."
        assert reply.json()["message"] == text
    assert api.create().status_code == 200
    with pytest.raises(ValueError, match=r"discontinued: accepted are kling-v1, .*; got 'kling-0'"):
        mock.discontinued = {"kling-v1", "kling-0"}
    assert mock.discontinued == {"kling-v1"}
    mock.reset()
    assert api.create(model_name="kling-v1").status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_defaults_are_rows(endpoint: str) -> None:
    """The model and mode of a request without them exist."""
    assert (endpoint, DEFAULT_MODELS[endpoint], DEFAULT_MODES[endpoint]) in CAPABILITIES


def test_the_tables_fit_together() -> None:
    """Every row has a price for silence, a typical time and a source that is listed."""
    for (endpoint, model, mode), row in CAPABILITIES.items():
        assert (endpoint, model, mode, "silent") in PRICES
        if "sound" in row.features:
            assert (endpoint, model, mode, "sound") in PRICES
        assert model in TYPICAL_SECONDS
        assert set(row.fact.sources) <= set(SOURCES)
    assert {key[:3] for key in PRICES} == set(CAPABILITIES)
    assert set(FIELDS) == set(ENDPOINTS)


@pytest.mark.parametrize("row", ROWS)
def test_the_server_judges_every_row_as_the_table_does(
    api: Any, mock: KlingMock, row: Capability
) -> None:
    """Over HTTP: what the row grants becomes a task, its nearest neighbours are 400/1201."""
    mock.account.characters = {9}
    granted = [{}, *(ASKS[name] for name in sorted(row.features))]
    near = {seconds + step for seconds in row.durations for step in (-1, 1)} - set(row.durations)
    refused = [{"duration": str(seconds)} for seconds in sorted(near)]
    refused += [ASKS[name] for name in absent(row)]
    refused += [ASKS[name] | {"duration": "10"} for name in row.narrowed]
    path = f"/v1/videos/{row.endpoint}"
    for asked in granted:
        reply = api.http.post(path, json=body(row, **asked), headers=api.headers())
        assert (reply.status_code, reply.json()["code"]) == (200, 0), reply.text
        assert reply.json()["data"]["task_status"] == "submitted"
    for asked in refused:
        reply = api.http.post(path, json=body(row, **asked), headers=api.headers())
        assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert len(api.get(path).json()["data"]) == len(granted)
