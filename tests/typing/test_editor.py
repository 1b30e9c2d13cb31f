"""Documentation and completion in an editor, as a language server returns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import attrs
import pytest

from kling_sdk import ENDPOINTS
from kling_sdk.endpoints import request_class
from kling_sdk.results.task import TaskStatus
from tests.endpoints import MAKERS, body
from tests.language_server import LanguageServer

SYNC = """\
from kling_sdk import Kling
def main(kling: Kling) -> None:
    task = kling.{attribute}.create({parameters})
    task.videos
"""
ASYNC = """\
from kling_sdk import AsyncKling
async def main(kling: AsyncKling) -> None:
    task = await kling.{attribute}.create({parameters})
    task.videos
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    with LanguageServer(tmp_path_factory.mktemp("program")) as server:
        yield server


@pytest.mark.parametrize("source", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("endpoint", sorted(MAKERS))
def test_a_create_shows_every_parameter_and_completes_its_models(
    server: LanguageServer, endpoint: str, source: str
) -> None:
    record, cls = ENDPOINTS[endpoint], request_class(endpoint)
    arguments = body(endpoint) | ({"model_name": ""} if record.models else {})
    parameters = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    text = source.format(attribute=record.attribute, parameters=parameters)
    document = server.open(f"{record.attribute}_{source is ASYNC}.py", text)

    hover = document.hover("create")
    documented = hover.partition("Args:")[2]
    field_names = {field.name for field in attrs.fields(cls)} - record.not_taken
    missing = [name for name in sorted(field_names) if f"{name}: " not in documented]
    assert not missing, hover
    assert "-> Task" in hover or "Task]" in hover
    assert "(variable) task: Task" in document.hover("task.videos")
    if record.models:
        offered = document.completions(behind="model_name='")
        assert sorted(name.strip("'\"") for name in offered) == sorted(record.model_names)


def test_a_status_completes_and_its_hover_leads_to_what_is_safe(server: LanguageServer) -> None:
    document = server.open(
        "status.py",
        "from kling_sdk import Task\n"
        "def ended(task: Task) -> bool:\n"
        "    return task.status == ''\n",
    )
    offered = {name.strip("'\"") for name in document.completions(behind="task.status == '")}
    assert offered == set(get_args(TaskStatus))
    hover = document.hover("status ==")
    assert 'not "success"' in hover
    assert "is_done" in hover
    assert "is_succeed" in hover


def test_that_catches_a_call_without_a_signature(server: LanguageServer) -> None:
    document = server.open(
        "bare.py",
        "from typing import Any\n"
        "def create(**parameters: Any) -> Any: ...\n"
        "made = create(model_name='')\n",
    )
    assert "Args:" not in document.hover("create")
    assert document.completions(behind="model_name='") == []
