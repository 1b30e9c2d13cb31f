"""A command's checks before anything is sent: paths, times, pictures, keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_mock import KlingMock
from kling_sdk import Kling
from kling_sdk.cli import main
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

CREATE = ["create", "text2video", "--prompt", "x"]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=3) as server:
        yield server


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    os.mkfifo("pipe")


MISTAKES = [
    ([*CREATE, "--download", "missing/kitten.mp4"], 2, "--download: cannot write to missing"),
    ([*CREATE, "--download", "missing/"], 2, "the folder missing does not exist; create it first"),
    ([*CREATE, "--download", "pipe"], 2, "neither a file nor a folder"),
    ([*CREATE, "--download", "/proc/kitten.mp4"], 2, "cannot write to /proc"),
    ([*CREATE, "--download", "a\0b"], 2, "it is not a valid path"),
    ([*CREATE, "--timeout", "-1"], 2, "must be 0 or more seconds"),
    ([*CREATE, "--timeout", "nan"], 2, "must be 0 or more seconds"),
    ([*CREATE, "--timeout", "soon"], 2, "invalid"),
    (["create", "image2video", "--image", "missing.png"], 2, "a file that cannot be read"),
    (["create", "image2video", "--image", "out"], 2, "a file that cannot be read"),
    (["wait", "text2video", "1", "--download", "missing/a.mp4"], 2, "cannot write to missing"),
    (["download", "text2video", "1", "missing/a.mp4"], 2, "cannot write to missing"),
]


@pytest.mark.parametrize(("arguments", "status", "words"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_costs_nothing(
    mock: KlingMock,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    """The error comes at once; no client is made and nothing is requested."""
    try:
        ended = main(arguments, open_client=lambda: pytest.fail("a client was made"))
    except SystemExit as end:
        ended = int(end.code or 0)
    output = capsys.readouterr()

    assert ended == status
    assert words in output.err
    assert output.out == ""
    assert sorted(path.name for path in Path().rglob("*")) == ["out", "pipe"]


@pytest.mark.parametrize(
    ("place", "name"), [("kitten.mp4", "kitten.mp4"), ("out", "out/"), ("out/", "out/")]
)
def test_a_file_or_a_folder_is_taken(
    mock: KlingMock, capsys: pytest.CaptureFixture[str], place: str, name: str
) -> None:
    """The try leaves nothing behind, and the video is there at the end."""
    assert main([*CREATE, "--download", place], open_client=mock.client) == 0

    (video,) = Path().rglob("*.mp4")
    assert str(video).startswith(name)
    assert not list(Path().rglob(".*"))
    assert str(video) in capsys.readouterr().out


def test_a_video_that_cannot_be_fetched_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """The task is paid for: the command says how to fetch it again."""
    with FaultyKling() as server:
        server.kling.file_url = f"{server.url}/files/a.mp4?signature=1"
        server.breaks(None, then=Fault.page(404))
        status = main(
            [*CREATE, "--download", "a.mp4"],
            open_client=lambda: Kling("a|b", base_url=server.url, clock=FakeClock()),
        )
    stderr = capsys.readouterr().err

    assert status == 11
    assert "kling: the task exists; show it with: kling get text2video " in stderr
    assert "fetch it with: kling download text2video " in stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "text2video"], ["export KLING_ACCESS_KEY=", "export KLING_API_KEY=", "--relay"]),
        (["list", "text2video", "--relay", "http://x"], ["export KLING_RELAY_TOKEN=sk-"]),
        (["--relay", "http://x", "list", "text2video"], ["export KLING_RELAY_TOKEN=sk-"]),
    ],
)
def test_without_a_key_the_command_says_what_to_type(
    arguments: list[str],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message uses the shell's words, not Python's."""
    for name in [name for name in os.environ if name.startswith("KLING")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_ACCESS_KEY", "half of a pair")

    assert main(arguments) == 3
    stderr = capsys.readouterr().err
    for word in words:
        assert word in stderr
    assert "Kling(" not in stderr


@pytest.mark.parametrize("url", ["localhost", "http://u:secret@x", "ftp://x"])
def test_an_address_that_is_none_is_a_mistake_in_an_option(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is not quoted: it may hold a password."""
    monkeypatch.setenv("KLING_RELAY_TOKEN", "sk-1")
    assert main(["list", "text2video", "--relay", url]) == 2
    assert "secret" not in capsys.readouterr().err


def test_a_relay_is_used_with_the_token_of_the_environment(
    mock: KlingMock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create, show and list, over the relay's own bodies."""
    monkeypatch.setenv("KLING_RELAY_TOKEN", mock.relay_token)
    relay = ["--relay", mock.relay_url]
    assert main([*CREATE, *relay, "--external-task-id", "mine"]) == 0
    task_id = capsys.readouterr().out.split()[1]
    assert task_id.startswith("kling_")
    assert main([*relay, "get", "text2video", "mine"]) == 0
    assert task_id in capsys.readouterr().out
    assert main(["list", "text2video", *relay]) == 0
    assert task_id in capsys.readouterr().out
