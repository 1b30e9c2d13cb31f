"""`kling voices` and `kling elements`, against a real emulated Kling."""

from __future__ import annotations

import json

import pytest

from kling_mock import KlingMock
from kling_sdk.cli.completion import completion_script
from kling_sdk.cli.parser import LIBRARIES, make_parser
from tests.sdk.cli.test_commands import Run, mock, run

__all__ = ["mock", "run"]

PICTURES = json.dumps(
    {"frontal_image": "https://example.com/a.png", "refer_images": ["https://example.com/b.png"]}
)
MARA = {
    "voices": ("--voice-name", "Mara", "--voice-url", "https://example.com/a.mp3"),
    "elements": (
        *("--element-name", "Mara", "--element-description", "a woman in a red coat"),
        *("--element-image-list", PICTURES),
    ),
}
KEYS = {"voices": "voice_id", "elements": "element_id"}


def make_item(run: Run, name: str) -> str:
    """Make an item; return its id."""
    task = run(name, "create", *MARA[name], "--wait", "--json").json
    return str(task[name][0][KEYS[name]])


@pytest.mark.parametrize("name", LIBRARIES)
def test_alone_the_name_lists_one_s_own(run: Run, name: str) -> None:
    """One line each, with the id that other commands take."""
    assert run(name).out.split() == ["id", "name", "owned_by", "status", "task_id"]
    item_id = make_item(run, name)
    (_, line) = run(name).out.splitlines()

    assert line.split()[:2] == [item_id, "Mara"]
    assert run(name, "list").out == run(name).out
    assert run(name, "list", "--page", "2", "--json").json == []
    (task,) = run(name, "list", "--json").json
    assert task[name][0][KEYS[name]] == item_id
    assert run("list", name, "--json").json == [task]


@pytest.mark.parametrize("name", LIBRARIES)
def test_presets_are_listed(run: Run, name: str) -> None:
    """The vendor's own, in pages."""
    lines = run(name, "presets", "--page-size", "2").out.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["Emulated", "Emulated"]
    assert all("kling" in line for line in lines)
    (only,) = run(name, "presets", "--page-size", "1", "--json").json
    assert only[name][0]["owned_by"] == "kling"


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_item_is_made_shown_and_deleted(run: Run, name: str) -> None:
    """A second delete is refused, and says why."""
    output = run(name, "create", *MARA[name], "--wait")
    item_id = next(row.split()[1] for row in output.out.splitlines() if row.startswith(name[:-1]))
    task_id = output.out.split()[1]

    assert item_id in run(name, "get", task_id).out
    assert run("wait", name, task_id).status == 0
    assert run(name, "delete", item_id).out == f"deleted  {item_id}\n"
    again = run(name, "delete", item_id)
    assert (again.status, again.out) == (2, "")
    assert "already be deleted" in again.err


@pytest.mark.parametrize("name", LIBRARIES)
def test_json_says_what_was_deleted(run: Run, name: str) -> None:
    """It is one object, for other programs."""
    item_id = make_item(run, name)
    assert run(name, "delete", item_id, "--json").json == {"deleted": item_id}


def test_a_task_without_an_item_shows_its_status(run: Run, mock: KlingMock) -> None:
    """The id appears only once it has ended."""
    run("voices", "create", *MARA["voices"])
    (_, line) = run("voices").out.splitlines()
    assert line.split()[:2] == ["-", "submitted"]


def test_what_it_would_cost_is_known_before(run: Run, mock: KlingMock) -> None:
    """An element was seen to cost nothing, a voice has a price."""
    assert run("voices", "create", *MARA["voices"], "--estimate", "--json").json["units"] == "0.05"
    assert run("elements", "create", *MARA["elements"], "--max-units", "0").status == 0
    assert run("voices", "create", *MARA["voices"], "--max-units", "0.01").status == 2
    assert [entry.method for entry in mock.journal] == ["POST"]


def test_there_is_no_file_to_fetch(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`download` does not know libraries, and `wait --download` says what to use instead."""
    task_id = run("voices", "create", *MARA["voices"], "--json").json["task_id"]
    output = run("wait", "voices", task_id, "--download", "x.mp4")
    assert output.status == 11
    assert "has no file, but an item of a library" in output.err
    with pytest.raises(SystemExit):
        run("download", "voices", task_id)
    assert "invalid choice: 'voices'" in capsys.readouterr().err


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_actions_are_completed(name: str) -> None:
    """They have their options, like any other command."""
    script = completion_script("bash", make_parser(), ())
    for action in ("list", "presets", "create", "get", "delete"):
        assert f"_shtab_kling_{name}_{action}_option_strings" in script
