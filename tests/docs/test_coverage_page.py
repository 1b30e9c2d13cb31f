"""The page on coverage: it is what the records say, and the emulator does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

import kling_sdk
from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_sdk import CapabilityWarning, InvalidRequestError, NotFoundError
from tests.endpoints import body
from tests.vendor_coverage.__main__ import generated
from tests.vendor_coverage.paths import PATHS
from tests.vendor_coverage.rows import checks, is_known_path, rows, sdk_paths

ROOT = Path(__file__).parents[2]
ROWS = rows()
MISSING = [one.path for one in PATHS if one.state == "missing"]


@pytest.mark.parametrize(("file", "text"), generated().items(), ids=lambda value: str(value)[-24:])
def test_what_is_committed_is_what_the_command_writes(file: Path, text: str) -> None:
    """Whoever adds an endpoint runs `nox -s generate`."""
    assert file.read_text("utf-8") == text


def test_every_path_of_a_record_is_in_the_list() -> None:
    """A path that is served, or called, and in no list would be on no page."""
    served = {
        route.path.replace("{model}", model)
        for record in ENDPOINTS.values()
        for route in record.routes
        for model in record.models or ("",)
    }
    assert {path for path in served | sdk_paths().keys() if not is_known_path(path)} == set()
    assert not is_known_path("/v1/videos/dream")
    assert not is_known_path("/v1/videos/dream/{id}")


def test_each_path_is_in_the_list_once() -> None:
    """And every note is in both languages."""
    names = [one.path for one in PATHS]
    assert len(names) == len(set(names))
    assert [one.path for one in PATHS if bool(one.note) != bool(one.note_zh)] == []


def test_an_endpoint_of_the_client_has_a_row_with_its_name() -> None:
    """Beside a row for each of its models with the name in the path."""
    named = {row.sdk for row in ROWS}
    assert {f"kling.{one.attribute}" for one in kling_sdk.ENDPOINTS.values()} <= named
    found = {row.path.path: row for row in ROWS}
    assert found["/omni-video/kling-o1"].sdk == "kling.omni_video"
    assert found["/omni-video/kling-v3-omni"].kind == "observed"
    assert found["/{product}/kling-4.0"].kind == "unknown"


def test_what_never_existed_is_404_in_the_words_of_the_real_service() -> None:
    """For any client; that of this package raises `NotFoundError`."""
    assert MISSING
    with KlingMock(seed=1) as mock, mock.client() as kling:
        for path in MISSING:
            for method in ("GET", "POST"):
                shown = httpx.request(method, f"{mock.kling_url}{path}")
                assert (shown.status_code, shown.json()["path"]) == (404, path)
                assert shown.json()["error"] == "Not Found"
                with pytest.raises(NotFoundError):
                    kling.request(method, path, json={} if method == "POST" else None)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.path.state == "retired"], ids=lambda row: row.refused_by
)
def test_what_is_retired_is_warned_of_and_refused_on_request(row: object) -> None:
    """The client sends it all the same; the emulator serves it until a test says otherwise."""
    name = getattr(row, "refused_by", "")
    with KlingMock(seed=1) as mock, mock.client() as kling:
        request = kling_sdk.endpoints.request_class(name)(**body(name))
        with pytest.warns(CapabilityWarning, match="2026-09-28"):
            assert kling.submit(request).status == "submitted"
        mock.retired = {name}
        with pytest.raises(InvalidRequestError, match="This API is no longer available"):
            kling.submit(request)


def test_the_tests_of_every_endpoint_are_counted() -> None:
    """Each is one function that runs for several endpoints, and each endpoint has some."""
    found = {check.name: check.endpoints for check in checks()}
    assert found["test_a_task_is_got_and_listed"] == len(ENDPOINTS.with_tasks) - len(
        [
            one
            for one in ENDPOINTS.values()
            if one.makes_tasks and one.interface.name == "model-path"
        ]
    )
    assert min(found.values()) > 1
    of_v1 = [row for row in ROWS if row.sdk and row.path.path.startswith("/v1/")]
    assert [row.path.path for row in of_v1 if not row.tests] == []


def test_the_pages_say_the_same() -> None:
    """In both languages and as JSON, path by path; and they can be found."""
    shown = json.loads((ROOT / "docs" / "coverage.json").read_text("utf-8"))
    assert [row["path"] for row in shown["paths"]] == [row.path.path for row in ROWS]
    for name in ("coverage.md", "coverage.zh-CN.md"):
        page = (ROOT / "docs" / name).read_text("utf-8")
        assert [row.path.path for row in ROWS if f"| `{row.path.path}` |" not in page] == []
    for page, link in (
        ("README.md", "docs/coverage.md"),
        ("README.zh-CN.md", "docs/coverage.zh-CN.md"),
        ("docs/client.md", "coverage.md"),
    ):
        assert f"({link})" in (ROOT / page).read_text("utf-8")
