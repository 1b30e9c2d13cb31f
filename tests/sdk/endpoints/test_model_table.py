"""The tables of models on the pages are what the records say."""

from __future__ import annotations

import attrs
import pytest

from kling_sdk import TextToVideo
from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.models import ABSENT, AVAILABILITY, ModelLimits
from tests.endpoint_files.model_table import model_table
from tests.endpoint_files.table_words import WORDS, Words
from tests.sdk.mode_limits import mode_limits

ENGLISH, CHINESE = WORDS[".md"], WORDS[".zh-CN.md"]


def rows(*models: ModelLimits, words: Words = ENGLISH) -> list[str]:
    record = attrs.evolve(TextToVideo.record, models=models, default_model="a")
    return model_table([record], words).splitlines()[2:]


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_every_model_of_every_endpoint_has_a_row(words: Words) -> None:
    """Each known name is there once per endpoint."""
    table = model_table(ENDPOINTS.values(), words).splitlines()[2:]
    assert len(table) == sum(len(record.models) for record in ENDPOINTS.values())
    for record in ENDPOINTS.values():
        for name in record.model_names:
            listed = [row for row in table if f"`{name}`" in row]
            assert any(f"`kling.{record.attribute}`" in row for row in listed)


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


def test_a_row_is_the_same_in_chinese_words() -> None:
    """The row has Chinese marks; the names of models and parameters are not translated."""
    std = mode_limits((5, 10), "negative_prompt")
    pro = mode_limits((3, 4, 5), "negative_prompt sound")
    assert rows(
        ModelLimits("a", {"std": std, "pro": pro}),
        ModelLimits("kling-v1", {ABSENT: mode_limits((5,), "own_shots")}),
        words=CHINESE,
    ) == [
        (
            "| `a`（默认） | `kling.text2video` | `std`、`pro` | 5、10 或 3 到 5 |"
            " `negative_prompt`、`sound` (pro) |"
        ),
        "| `kling-v1`（已下线，2026-09-20 实测被服务器拒绝） | `kling.text2video` | 无 | 5 | 无 |",
    ]


def test_every_language_has_words_for_what_the_records_say() -> None:
    """A state or an input that is new is missed here, and not when the page is written."""
    states = {availability.state for availability in AVAILABILITY.values()}
    inputs = {record.input_length.what for record in ENDPOINTS.values() if record.input_length}
    for words in WORDS.values():
        assert states <= words.states.keys()
        assert inputs <= words.as_long_as.keys()
