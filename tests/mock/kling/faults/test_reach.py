"""Faults that could never happen are refused when they are declared."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock

FILES = "GET /media/videos/*"


@pytest.mark.parametrize(
    ("kind", "match", "options", "text"),
    [
        ("stuck", "GET *", {}, "match: 'stuck' happens to POST only, not to GET"),
        ("callback-dropped", "GET *", {}, "match"),
        ("delayed-acceptance", "GET *", {}, "match"),
        ("omit-task-info", "DELETE *", {}, "match: 'omit-task-info' happens to GET and POST only"),
        ("wrong-length", "POST *", {}, "match: 'wrong-length' happens to GET and HEAD only"),
        ("wrong-length", "/v1/videos/*", {}, "match: .* the nearest is /media/"),
        ("stuck", "/v1/video/text2video", {}, "the nearest is /v1/videos/text2video"),
        ("omit-task-info", FILES, {}, "match"),
        ("malformed-body", FILES, {}, "does not happen to result files"),
        ("status", "/openapi.json", {}, "match: no fault happens to /openapi.json"),
        ("reset", "GET /__kling/clock", {}, "not part of Kling's API"),
        ("status", "*", {"statuses": ["succeed"]}, "statuses: only callbacks have one"),
        ("stuck", "*", {"statuses": ["succeed"]}, "statuses: only callbacks have one"),
        ("callback-contradicting", "*", {"statuses": ["submitted"]}, "reports of failed, succeed"),
        ("callback-shuffled", "*", {"statuses": ["succeed"]}, "reports of submitted only"),
        ("callback-before-create-returns", "*", {"statuses": ["failed"]}, "submitted only"),
        ("reset", FILES, {"account": "default"}, "account: result files are fetched without"),
        ("reset", "GET /v1/videos/text2video", {"prompt": "x"}, "prompt: requests that match GET"),
        (
            "reset",
            "GET /account/costs",
            {"external_id": "mine"},
            "external_id: requests that match GET",
        ),
        ("reset", "/account/costs", {"prompt": "x"}, "prompt: requests that match"),
        ("reset", "/v1/general/presets-voices", {"prompt": "x"}, "prompt: requests that match"),
        ("reset", "POST /v1/audio/tts", {"external_id": "mine"}, "external_id: requests that"),
        ("reset", "*", {"prompt": ""}, "prompt: must be a string that is not empty"),
        ("stuck", "POST", {"external_id": ""}, "external_id: must be a string that is not empty"),
        ("reset", "*", {"account": ""}, "account: must be a string that is not empty"),
        ("reset", "DELETE *", {"prompt": "x"}, "calls have the method POST or GET or HEAD only"),
        ("reset", "PUT", {}, "calls have the method POST or GET or HEAD only, not PUT"),
        ("status", "GET /v2/tomorrow", {}, "no calls with the path /v2/tomorrow; the nearest"),
        ("status", "POST /v1/videos/text2vide", {}, "the nearest is /v1/videos/text2video"),
        ("status", "POST /v1/videos/text2video?x=1", {}, "a path has no query"),
        ("status", "POST /v1/videos/text2video/*", {}, "do not have the method POST"),
        (
            "stuck",
            "POST /v1/audio/tts",
            {},
            "match: 'stuck' does not happen to any request with the path",
        ),
        ("reset", "*", {"account": "defualt"}, "account: there is no 'defualt'; add it first"),
        ("reset", "*", {"probability": 0}, "probability: must be a number above 0"),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(
    kind: Any, match: str, options: dict[str, Any], text: str
) -> None:
    """A test that means it would pass without having tested anything."""
    mock = KlingMock()
    with pytest.raises(ValueError, match=text):
        mock.faults.add(kind, match, **options)
    with pytest.raises(ValueError, match=text):
        mock.faults.load([{"kind": "reset"}, {"kind": kind, "match": match, **options}])
    assert len(mock.faults) == 0


@pytest.mark.parametrize(
    ("kind", "match", "options"),
    [
        ("status", "POST", {"prompt": "x"}),
        ("status", "*", {"prompt": "x", "external_id": "order-*", "account": "default"}),
        ("reset", "GET /v1/videos/text2video/*", {"prompt": "x"}),
        ("reset", "GET /v1/videos/*", {"external_id": "mine"}),
        ("reset", "GET", {"external_id": "mine"}),
        ("reset", "GET /v1/videos/text2video", {"external_id": "*"}),
        ("reset", "POST /v1/audio/tts", {"prompt": "x"}),
        ("reset", FILES, {"prompt": "x"}),
        ("slow-body", FILES, {}),
        ("response-lost", "HEAD /media/*", {}),
        ("wrong-length", "/media/*", {}),
        ("wrong-length", "*", {}),
        ("stuck", "/v1/videos/omni-*", {}),
        ("callback-contradicting", "POST", {"statuses": ["submitted", "failed"]}),
        ("callback-dropped", "*", {"statuses": "processing"}),
    ],
)
def test_what_can_happen_is_accepted(kind: Any, match: str, options: dict[str, Any]) -> None:
    """This holds for everything that is served."""
    assert len(KlingMock().faults.load([{"kind": kind, "match": match, **options}])) == 1


def test_the_faults_that_never_happened_are_known(mock: KlingMock, api: Any) -> None:
    """Each has the number of requests that it matched."""
    used = mock.faults.add("latency", "GET *", seconds=0.0)
    skipping = mock.faults.add("reset", "POST *", after=5)
    other = mock.faults.add("stuck", prompt="turtle")
    api.new()
    api.get("/v1/videos/text2video")
    assert mock.faults.unused == [skipping, other]
    with pytest.raises(AssertionError) as raised:
        mock.faults.assert_used()
    assert str(raised.value).splitlines() == [
        "faults that never happened:",
        "  reset POST *: matched 1",
        "  stuck * * prompt=...: matched 0",
    ]
    for fault in (skipping, other):
        mock.faults.remove(fault)
    mock.faults.assert_used()
    assert used.acted == 1
