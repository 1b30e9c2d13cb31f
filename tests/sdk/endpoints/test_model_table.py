"""The table of models on the page is what the records say."""

from __future__ import annotations

import attrs

from kling_sdk import TextToVideo
from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.model_table import model_table
from kling_sdk.endpoints.models import ABSENT, ModelLimits, mode_limits


def rows(*models: ModelLimits) -> list[str]:
    record = attrs.evolve(TextToVideo.record, models=models, default_model="a")
    return model_table([record]).splitlines()[2:]


def test_every_model_of_every_endpoint_has_a_row() -> None:
    """Each known name is there once per endpoint."""
    table = model_table(ENDPOINTS.values()).splitlines()[2:]
    assert len(table) == sum(len(record.models) for record in ENDPOINTS.values())
    for record in ENDPOINTS.values():
        for name in record.model_names:
            found = [row for row in table if f"`{name}`" in row]
            assert any(f"`kling.{record.attribute}`" in row for row in found)


def test_a_row_has_modes_lengths_and_parameters_with_their_limits() -> None:
    """What only one mode or length has says so, and what is doubtful has a question mark."""
    std = mode_limits((5, 10), "negative_prompt")
    pro = mode_limits((5, 10), "negative_prompt sound", doubtful="cfg_scale")
    both = ModelLimits("a", {"std": std, "pro": pro})
    single = ModelLimits(
        "b", {ABSENT: mode_limits((3, 4, 5), "camera_control camera_move", camera_control=(5,))}
    )
    nothing = ModelLimits("c", {"std": mode_limits((5,), "own_shots")})

    assert rows(nothing, single, both) == [
        (
            "| `a` (default) | `kling.text2video` | `std`, `pro` | 5, 10 |"
            " `cfg_scale`?, `negative_prompt`, `sound` (pro) |"
        ),
        "| `b` | `kling.text2video` | none | 3 to 5 | `camera_control` (5 s) |",
        "| `c` | `kling.text2video` | `std` | 5 | nothing |",
    ]
