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
from tests.committed import check_copy
from tests.endpoints import body
from tests.plain_http import NO_TLS
from tests.vendor_coverage.__main__ import generated
from tests.vendor_coverage.rows import checks, rows, sdk_paths

ROOT = Path(__file__).parents[2]
ROWS = rows()
PATHS = [row.path for row in ROWS]
MISSING = [path.path for path in PATHS if path.state == "missing"]


@pytest.mark.parametrize(("file", "text"), generated().items(), ids=lambda value: str(value)[-24:])
@pytest.mark.committed_copy
def test_what_is_committed_is_what_the_command_writes(file: Path, text: str) -> None:
    """After adding an endpoint, run `nox -s generate`."""
    check_copy(file, text, "nox -s generate")


def test_every_path_that_the_client_calls_is_in_the_list() -> None:
    """Those that the emulator serves are by what the list is made of."""
    assert sdk_paths().keys() <= {row.path.path for row in ROWS}


def test_each_path_is_in_the_list_once() -> None:
    """Each path is listed once, and every note is in both languages."""
    names = [path.path for path in PATHS]
    assert len(names) == len(set(names))
    assert [path.path for path in PATHS if bool(path.note) != bool(path.note_zh)] == []


def test_an_endpoint_of_the_client_has_a_row_with_its_name() -> None:
    """Beside a row for each of its models with the name in the path."""
    named = {row.sdk for row in ROWS}
    assert {f"kling.{endpoint.attribute}" for endpoint in kling_sdk.ENDPOINTS.values()} <= named
    by_path = {row.path.path: row for row in ROWS}
    assert by_path["/omni-video/kling-o1"].sdk == "kling.omni_video"
    assert by_path["/omni-video/kling-v3-omni"].kind == "observed"
    assert by_path["/{product}/kling-4.0"].kind == "unknown"


def test_what_never_existed_is_404_in_the_words_of_the_real_service() -> None:
    """This holds for any client; that of this package raises `NotFoundError`."""
    assert MISSING
    with KlingMock(seed=1) as mock, mock.client() as kling:
        for path in MISSING:
            for method in ("GET", "POST"):
                response = httpx.request(method, f"{mock.kling_url}{path}", verify=NO_TLS)
                assert (response.status_code, response.json()["path"]) == (404, path)
                assert response.json()["error"] == "Not Found"
                with pytest.raises(NotFoundError):
                    kling.request(method, path, json={} if method == "POST" else None)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.path.state == "retired"], ids=lambda row: row.refused_by
)
def test_what_is_retired_is_warned_of_and_refused_on_request(row: object) -> None:
    """The client still sends it; the emulator serves it until a test forbids that."""
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
    counts = {check.name: check.endpoints for check in checks()}
    assert counts["test_a_task_is_got_and_listed"] == len(ENDPOINTS.with_tasks) - len(
        [
            endpoint
            for endpoint in ENDPOINTS.values()
            if endpoint.makes_tasks and endpoint.interface.name == "model-path"
        ]
    )
    assert min(counts.values()) > 1
    of_v1 = [row for row in ROWS if row.sdk and row.path.path.startswith("/v1/")]
    # A list alone takes no request of an example; `test_legacy_element.py` tests it.
    assert [row.path.path for row in of_v1 if not row.tests] == ["/v1/general/presets-elements"]


def test_the_pages_say_the_same() -> None:
    """Both languages and the JSON have the same paths, and links lead to them."""
    coverage = json.loads((ROOT / "docs" / "coverage.json").read_text("utf-8"))
    assert [row["path"] for row in coverage["paths"]] == [row.path.path for row in ROWS]
    for name in ("coverage.md", "coverage.zh-CN.md"):
        page = (ROOT / "docs" / name).read_text("utf-8")
        assert [row.path.path for row in ROWS if f"| `{row.path.path}` |" not in page] == []
    for page, link in (
        ("docs/pages.md", "coverage.md"),
        ("docs/pages.zh-CN.md", "coverage.zh-CN.md"),
        ("docs/client.md", "coverage.md"),
    ):
        assert f"({link})" in (ROOT / page).read_text("utf-8")
