"""The client sends nothing that the service would ignore or coerce."""

from __future__ import annotations

from typing import Any

import pytest

import kling_sdk
from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_sdk import RequestValidationError
from kling_sdk.client.attributes import make_resource
from kling_sdk.endpoints import request_class
from tests.endpoints import with_sources

EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{what}")
    for name in ENDPOINTS
    if ENDPOINTS[name].interface.name == "v1" and name in kling_sdk.ENDPOINTS
    for what, example in ENDPOINTS[name].examples.items()
]


@pytest.mark.parametrize(("endpoint", "example"), EXAMPLES)
@pytest.mark.filterwarnings("ignore::kling_sdk.CapabilityWarning")  # of models that may be gone
def test_every_example_is_sent_without_a_note(endpoint: str, example: dict[str, Any]) -> None:
    """The requests use the client's own types, which may differ from those of the wire."""
    with KlingMock(seed=1) as mock, mock.client() as kling:
        example = with_sources(mock, example)
        fields = {name: value for name, value in example.items() if value != ""}
        cls = request_class(endpoint)
        make_resource(kling, cls).submit(cls(**fields))
        notes = [note.kind for entry in mock.journal for note in entry.notes]
        assert set(notes) <= {"retired"}  # the vendor's own examples name models that are gone


def test_what_would_have_no_effect_is_refused_before_it_is_sent() -> None:
    """A parameter that the service ignores would otherwise buy a useless video."""
    with KlingMock(seed=1) as mock, mock.client() as kling:
        with pytest.raises(RequestValidationError, match="cfg_scale"):
            kling.text2video.create(prompt="x", model_name="kling-v2-6", cfg_scale=0.5)
        assert len(mock.journal) == 0
