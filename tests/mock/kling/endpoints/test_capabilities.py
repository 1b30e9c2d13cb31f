"""Every row of the capability table: what it grants is accepted, the nearest neighbour is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.record import Capability, EmulatedEndpoint
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import Refusal
from kling_mock.web.facts import SOURCES
from tests.mock.kling.endpoints.requests import PLAIN, URL, V1_ENDPOINTS, plan

SHOTS = [{"index": 1, "prompt": "a cat", "duration": "5"}]
# Records whose requests name a model. The others inherit it, as video-extend does.
RECORDS = [
    pytest.param(record, id=name)
    for name, record in V1_ENDPOINTS.items()
    if "model_name" in record.fields.fields
]
ROWS = [
    pytest.param(record, row, id=f"{record.name}-{row.model}-{row.mode}")
    for record in V1_ENDPOINTS.values()
    if "model_name" in record.fields.fields
    for row in record.capabilities
]

# What a request adds to use a feature, per endpoint where that differs.
USES: dict[str, dict[str, Any]] = {
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
    # Limits of pictures.
    "image": {"image": URL},
    "image_reference": {"image": URL, "image_reference": "face"},
    "image_fidelity": {"image": URL, "image_fidelity": 0.7},
    "human_fidelity": {"image": URL, "image_reference": "subject", "human_fidelity": 0.7},
    "series": {"result_type": "series"},
    "subject_image_list": {},
    "scene_image": {"scene_image": URL},
    "style_image": {"style_image": URL},
}
#: Where a feature is used in another way.
USES_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("omni-image", "image_list"): {"image_list": [{"image": URL}]},
}


def use(record: EmulatedEndpoint, feature: str) -> dict[str, Any]:
    """Return what a request adds to use a feature."""
    return USES_OF.get((record.name, feature)) or USES[feature]


def body(record: EmulatedEndpoint, row: Capability, **more: Any) -> dict[str, Any]:
    """Return the plainest request that *row* accepts, of a video for 5 seconds."""
    plain = {**PLAIN[record.name], "model_name": row.model}
    if "duration" in record.fields.fields:
        plain["duration"] = "5"
    if row.mode != "none":
        plain[record.mode_field] = row.mode
    return plain | more


def check(record: EmulatedEndpoint, request: dict[str, Any]) -> Plan:
    return plan(record.name, request, characters={9})


def refusal(record: EmulatedEndpoint, request: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(record, request)
    return caught.value


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_every_duration_is_accepted(record: EmulatedEndpoint, row: Capability) -> None:
    """Each length of the row is accepted, priced, and made as long, as large and as fast."""
    for seconds in row.durations:
        # From text alone kling-video-o1 makes 5 or 10 seconds only.
        more = {"image_list": [{"image_url": URL}]} if record.name == "omni-video" else {}
        task_plan = check(record, body(record, row, duration=str(seconds), **more))
        assert (task_plan.seconds, task_plan.resolution, task_plan.fps) == (
            seconds,
            row.resolution,
            row.fps,
        )
        assert task_plan.units > 0


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_the_nearest_other_durations_are_refused(record: EmulatedEndpoint, row: Capability) -> None:
    """A second more or less than the row has is refused with 1201, naming the field."""
    near = {seconds + step for seconds in row.durations for step in (-1, 1)} - set(row.durations)
    for seconds in near:
        refused = refusal(record, body(record, row, duration=str(seconds)))
        assert (refused.http, refused.code) == (400, 1201)
        assert "duration" in refused.message


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_every_feature_is_accepted(record: EmulatedEndpoint, row: Capability) -> None:
    """Each feature of the row is accepted in a clip of 5 seconds."""
    for feature in row.features:
        check(record, body(record, row, **use(record, feature)))


def absent(record: EmulatedEndpoint, row: Capability) -> Iterator[str]:
    """Yield the features that only other rows of the endpoint have."""
    known = {name for other in record.capabilities for name in other.features}
    yield from sorted(known - row.features)


def without_effect(record: EmulatedEndpoint, row: Capability, feature: str) -> bool:
    """Three clients always send cfg_scale, and are served; others are a model's own."""
    return feature in {"cfg_scale", *record.without_effect.get(row.model, ())}


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_every_other_feature_is_refused(record: EmulatedEndpoint, row: Capability) -> None:
    """A feature that only other rows of the endpoint have is refused with 1201, or ignored."""
    for feature in absent(record, row):
        if without_effect(record, row, feature):
            assert check(record, body(record, row, **use(record, feature)))
            continue
        refused = refusal(record, body(record, row, **use(record, feature)))
        assert (refused.http, refused.code) == (400, 1201)
        assert refused.note is not None
        assert "can be used with" in refused.note.text


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_narrowed_features_are_refused_at_other_durations(
    record: EmulatedEndpoint, row: Capability
) -> None:
    """A feature of 5-second clips only is refused at 10 seconds."""
    for feature in row.narrowed:
        assert (
            refusal(record, body(record, row, duration="10", **use(record, feature))).code == 1201
        )


@pytest.mark.parametrize("record", RECORDS)
def test_modes_that_a_model_has_not(record: EmulatedEndpoint) -> None:
    """A mode of another model is refused, naming the field and the modes there are."""
    name = record.mode_field
    if name not in record.fields.fields:  # its models have no such field
        assert all(modes == ("none",) for modes in record.modes.values())
        return
    for model, modes in record.modes.items():
        row = record.rows[model, modes[0]]
        for mode in {"std", "pro", "4k"} - set(modes):
            if modes == ("none",) and mode != "4k":
                assert check(record, body(record, row, **{name: mode})).mode == "none"
                continue
            refused = refusal(record, body(record, row, **{name: mode}))
            assert refused.code == 1201
            assert name in refused.message


@pytest.mark.parametrize("record", RECORDS)
def test_models_of_other_endpoints(record: EmulatedEndpoint) -> None:
    """A model of another endpoint and one of nowhere are 400/1201, in words of their own."""
    row = record.capabilities[0]
    for model in ENDPOINTS.names["v1"].models - set(record.models):
        refused = refusal(record, body(record, row, model_name=model))
        assert (refused.http, refused.code) == (400, 1201)
        assert refused.message == "model is not supported"
    refused = refusal(record, body(record, row, model_name="kling-v99"))
    assert (refused.http, refused.code) == (400, 1201)
    assert refused.message == "model_name value 'kling-v99' is invalid"
    assert record.models[0] in str(refused.note)


def test_a_retired_model_is_refused_on_request(api: Any, mock: KlingMock) -> None:
    """A server refuses kling-v1 on request, named or not, with the text that was seen."""
    assert mock.retired == frozenset()
    mock.retired = {"kling-v1"}
    for named in ({"model_name": "kling-v1"}, {"model_name": None}):
        reply = api.create(**named)
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        text = "The model 'kling-v1' has been discontinued and is no longer available."
        assert reply.json()["message"] == text
    assert api.create().status_code == 200
    with pytest.raises(
        ValueError, match=r"retired: each must be one of .*kling-v1, .*; got 'kling-0'"
    ):
        mock.retired = {"kling-v1", "kling-0"}
    assert mock.retired == {"kling-v1"}
    mock.reset()
    assert api.create(model_name="kling-v1").status_code == 200


@pytest.mark.parametrize("record", RECORDS)
def test_defaults_are_rows(record: EmulatedEndpoint) -> None:
    """The model and mode of a request without them exist."""
    assert (record.default_model, record.default_mode) in record.rows


@pytest.mark.parametrize("record", [ENDPOINTS[name] for name in ENDPOINTS.with_tasks])
def test_the_tables_fit_together(record: EmulatedEndpoint) -> None:
    """Every row has a price for silence, a typical time and a source that is listed."""
    for (model, mode), row in record.rows.items():
        assert any((model, mode, use) in record.prices for use in ("silent", "sound", "video"))
        if row.features & {"sound", "audio_native", "always_sound"}:
            assert (model, mode, "sound") in record.prices
        assert model in record.typical_seconds
        assert set(row.fact.sources) <= set(SOURCES)
    assert {key[:2] for key in record.prices} == set(record.rows)


@pytest.mark.parametrize(("record", "row"), ROWS)
def test_the_server_judges_every_row_as_the_table_does(
    api: Any, mock: KlingMock, record: EmulatedEndpoint, row: Capability
) -> None:
    """Over HTTP: what the row grants becomes a task, its nearest neighbours are 400/1201."""
    mock.account.characters = {9}
    ignored = {name for name in absent(record, row) if without_effect(record, row, name)}
    granted = [{}, *(use(record, name) for name in sorted(row.features | ignored))]
    near = {seconds + step for seconds in row.durations for step in (-1, 1)} - set(row.durations)
    refused = [{"duration": str(seconds)} for seconds in sorted(near)]
    refused += [use(record, name) for name in absent(record, row) if name not in ignored]
    refused += [use(record, name) | {"duration": "10"} for name in row.narrowed]
    path = record.path
    for used in granted:
        status, _, reply = api.post(path, body(record, row, **used))
        assert (status, reply["code"]) == (200, 0), reply
        assert reply["data"]["task_status"] == "submitted"
    for used in refused:
        status, _, reply = api.post(path, body(record, row, **used))
        assert (status, reply["code"]) == (400, 1201), reply
    assert len(api.get(path).json()["data"]) == len(granted)
