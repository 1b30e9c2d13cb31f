"""The command `kling`, against a real emulated Kling."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from inspect import signature
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_mock import KlingMock
from kling_sdk import Kling
from kling_sdk.cli import main
from kling_sdk.cli.exits import EXITS, exit_status
from kling_sdk.cli.options import help_text
from kling_sdk.endpoints import ENDPOINTS, request_class
from kling_sdk.errors import KlingError, OutcomeUnknownError, TransportError
from tests.mock.sounds import wav
from tests.sdk.faulty_server import Fault, FaultyKling

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)
PROMPT = "a kitten on the grass"


@attrs.frozen
class Said:
    """The results of a run of the command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=3) as server:
        yield server


@pytest.fixture
def run(mock: KlingMock, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command against the mock; waiting takes no time."""

    def run(*arguments: str, **options: Any) -> Said:
        status = main(arguments, open_client=lambda: mock.client(**options))
        return Said(status, *capsys.readouterr())

    return run


def test_one_command_makes_a_video(run: Run, tmp_path: Path) -> None:
    """Create, wait, download: results on standard output, progress on standard error."""
    place = tmp_path / "kitten.mp4"
    output = run("create", "text2video", "--prompt", PROMPT, "--download", str(place))

    assert output.status == 0
    assert place.read_bytes()[4:8] == b"ftyp"
    assert str(place) in output.out
    assert "succeed" in output.out
    assert "submitted" in output.err
    assert PROMPT not in output.out + output.err


def test_json_is_one_object_for_other_programs(run: Run, tmp_path: Path) -> None:
    """`--json` prints the task, its signed URL included, and nothing else."""
    output = run("create", "text2video", "--prompt", PROMPT, "--wait", "--json")

    assert output.json["status"] == "succeed"
    assert output.json["videos"][0]["url"].startswith("http")
    assert output.json["external_task_id"].startswith("cli-")
    fetched = run("download", "text2video", output.json["task_id"], str(tmp_path), "--json")
    assert Path(fetched.json["path"]).stat().st_size == fetched.json["size"]


def test_a_task_can_be_shown_listed_and_waited_for(run: Run, mock: KlingMock) -> None:
    """Another process continues with the output of `create`."""
    task = run("create", "text2video", "--prompt", PROMPT, "--json").json

    assert run("get", "text2video", task["task_id"], "--json").json == task
    assert run("get", "text2video", task["external_task_id"]).out.count(task["task_id"]) == 1
    listed = run("list", "text2video")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["task_id", task["task_id"]]
    assert run("list", "text2video", "--json").json == [task]
    assert run("wait", "text2video", task["task_id"], "--json").json["status"] == "succeed"


@pytest.mark.parametrize("place", range(4))
def test_common_options_stand_anywhere(run: Run, mock: KlingMock, place: int) -> None:
    """Before the command, behind it, or behind the endpoint."""
    words = ["create", "text2video", "--prompt=x"]
    words.insert(place, "--json")
    assert run(*words).json["status"] == "submitted"


def test_costs_are_shown(run: Run, mock: KlingMock) -> None:
    """The account's resource packs, as a table or as JSON."""
    mock.account.add_pack(units=100)
    (pack,) = run("costs", "--json").json
    assert pack["name"] in run("costs").out
    assert Decimal(pack["total"]) == 100
    assert pack["status"] == "online"
    assert pack["invalid_at"][10] == "T"


def test_every_parameter_is_an_option_with_its_documentation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`kling create text2video --help` says what `help(TextToVideo)` says."""
    for endpoint in ENDPOINTS:
        cls = request_class(endpoint)
        command = "create" if cls.record.returns is None else "call"
        with pytest.raises(SystemExit):
            main([command, endpoint, "--help"])
        page = " ".join(capsys.readouterr().out.split())
        for name in signature(cls).parameters:
            assert f"--{name.replace('_', '-')}" in page
            # A line may end at any hyphen.
            assert "".join(help_text(cls, name).split()) in page.replace(" ", "")
        assert bool(MAX_PROMPT.search(page)) is ("prompt" in attrs.fields_dict(cls))
        for model in cls.record.model_names:
            assert model in page
        for mode in {mode for model in cls.record.models for mode in model.modes} - {""}:
            assert mode in page.partition(f"--{cls.record.size_field} ")[2].partition(" ")[0]


MAX_PROMPT = re.compile(r"--prompt TEXT [^-]*\b(2500|200) characters")
PYTHON = re.compile(
    r"\b(None|True|False|int|bool|bytes|tuple|mapping|path object|data-URI|[A-Z]\w+[a-z][A-Z]\w+)\b"
    r"|`|\b(?!TEXT)[a-z]+_[a-z_]+\b"
)


def test_help_is_in_a_persons_words() -> None:
    """It names options and their values, but no Python types and no parameters."""
    for endpoint in ENDPOINTS:
        cls = request_class(endpoint)
        for name in signature(cls).parameters:
            text = help_text(cls, name)
            assert PYTHON.search(text) is None, (endpoint, name, text)


def test_a_call_without_a_task_prints_its_result(run: Run, mock: KlingMock) -> None:
    """Each value is on a separate line, or in JSON; the price is known before."""
    options = ["call", "identify-face", "--video-url", "https://example.com/a.mp4"]
    output = run(*options)

    assert (output.status, output.err) == (0, "")
    names = [line.split()[0] for line in output.out.splitlines()]
    assert names[:3] == ["session_id", "faces.0.face_id", "faces.0.image_url"]
    session = run(*options, "--json").json
    assert (session["units"], session["faces"][0]["end_time"]) == ("0.05", 5000)
    assert run(*options, "--estimate", "--json").json["units"] == "0.05"
    assert run(*options, "--max-units", "0.01").status != 0
    assert len(mock.journal) == 2


def test_a_call_whose_answer_is_lost_says_that_nothing_can_be_asked(
    run: Run, mock: KlingMock
) -> None:
    """No command can find out."""
    mock.faults.add("response-lost")
    output = run("call", "identify-face", "--video-url", "https://example.com/a.mp4")

    assert output.status == exit_status(OutcomeUnknownError("x", external_task_id=""))
    assert (
        "later: the call may have been carried out; its outcome cannot be looked up" in output.err
    )


OPTIONS = {
    "text2video": ["--prompt", PROMPT, "--duration", "10", "--mode", "pro", "--sound", "on"],
    "image2video": ["--image", "a.png", "--model-name", "kling-v3", "--element-list", "7"],
    "omni-video": [
        "--prompt",
        PROMPT,
        "--image-list",
        '{"image_url": "a.png", "type": "first_frame"}',
        "--image-list",
        "https://example.com/a.png",
        "--no-watermark-info",
    ],
    "multi-image2video": ["--prompt", PROMPT, "--image-list", "a.png", "--image-list", "a.png"],
    "image-generation": [
        *("--prompt", PROMPT, "--image", "a.png", "--n", "3", "--resolution", "2k"),
        *("--aspect-ratio", "21:9"),
    ],
    "omni-image": [
        *("--prompt", PROMPT, "--image-list", "a.png", "--image-list", '{"image": "a.png"}'),
        *("--element-list", "7", "--result-type", "series", "--series-amount", "auto"),
    ],
    "multi-image2image": ["--subject-image-list", "a.png", "--scene-image", "a.png"],
    "image-expand": [
        *("--image", "a.png", "--up-expansion-ratio", "0", "--down-expansion-ratio", "0"),
        *("--left-expansion-ratio", "0.5", "--right-expansion-ratio", "0.5"),
    ],
    "virtual-try-on": ["--human-image", "a.png", "--cloth-image", "https://example.com/a.png"],
    "motion-control": [
        *("--image-url", "a.png", "--video-url", "https://example.com/a.mp4"),
        *("--character-orientation", "video", "--keep-original-sound", "no"),
    ],
    "effects": ["--effect-scene", "hug_pro", "--input", '{"images": ["a.png", "a.png"]}'],
    "avatar": ["--image", "a.png", "--sound-file", "a.wav", "--mode", "pro"],
    "lip-sync": [
        "--input",
        json.dumps(
            {
                "video_url": "https://example.com/a.mp4",
                "mode": "audio2video",
                "audio_type": "file",
                "audio_file": "a.wav",
            }
        ),
    ],
    "text-to-audio": ["--prompt", PROMPT, "--duration", "3.5"],
    "video-to-audio": [
        *("--video-url", "https://example.com/a.mp4", "--bgm-prompt", PROMPT, "--asmr-mode"),
    ],
}


@pytest.mark.parametrize("endpoint", OPTIONS)
def test_options_become_the_request(
    run: Run,
    mock: KlingMock,
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Texts, numbers, files by path, lists and objects arrive as the API wants them."""
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(PNG)
    Path("a.wav").write_bytes(wav(3))

    output = run("create", endpoint, *OPTIONS[endpoint], "--json")

    assert output.status == 0, output.err
    assert output.json["endpoint"] == endpoint


def test_a_selection_is_made_from_a_shell(run: Run) -> None:
    """Its calls are listed with others that do not make a task; points are JSON."""
    selection = run("call", "init-selection", "--video-url", "https://example.com/a.mp4", "--json")
    session = ("--session-id", selection.json["session_id"])
    added = run(
        "call", "add-selection", *session, "--frame-index", "3", "--points", '{"x": 0.5, "y": 0.5}',
        "--points", '{"x": 0.25, "y": 1}', "--json",
    )  # fmt: skip
    assert (added.json["frame_index"], added.json["masks"][0]["width"]) == (3, 1280)
    output = run(
        "create", "multi-elements", *session, "--edit-mode", "swap", "--prompt", PROMPT,
        "--image-list", "https://example.com/a.png", "--duration", "5", "--json",
    )  # fmt: skip
    assert output.json["endpoint"] == "multi-elements", output.err


def test_camera_and_shots_are_json(run: Run) -> None:
    """What is an object in the API is an object here."""
    camera = '{"type": "simple", "config": {"zoom": 5}}'
    output = run(
        "create", "text2video", "--prompt", PROMPT, "--model-name", "kling-v1", "--mode", "std",
        "--camera-control", camera,
    )  # fmt: skip
    assert "kling: warning: kling-v1 is retired" in output.err
    shots = ["--multi-prompt", '{"prompt": "x", "duration": 2}'] * 2
    output = run(
        "create", "text2video", "--model-name", "kling-v3", "--multi-shot", "--shot-type",
        "customize", "--duration", "4", *shots, "--json",
    )  # fmt: skip
    assert output.status == 0, output.err


def test_a_prompt_can_come_from_standard_input(
    run: Run, mock: KlingMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt of `-` is not in the shell's history."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PROMPT}\n"))
    assert run("create", "text2video", "--prompt", "-").status == 0
    assert json.loads(mock.journal[-1].request)["prompt"] == PROMPT


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO(b"\xff"), "utf-8")])
def test_a_standard_input_without_text_is_a_mistake_in_an_option(
    run: Run, mock: KlingMock, monkeypatch: pytest.MonkeyPatch, stream: Any
) -> None:
    """It is closed, or holds a picture; nothing is sent."""
    monkeypatch.setattr(sys, "stdin", stream)
    output = run("create", "text2video", "--prompt", "-")

    assert output.status == 2
    assert "--prompt cannot be read from standard input" in output.err
    assert not list(mock.journal)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["create", "text2video"], 2, "kling: --prompt is missing"),
        (["create", "text2video", "--prompt", "x", "--duration", "7"], 2, "expected 5, 10 s"),
        (["create", "image2video", "--image", "no.png"], 2, "a file that cannot be read"),
        (
            ["create", "omni-video", "--prompt", "x", "--image-list", "{"],
            2,
            "--image-list is not JSON",
        ),
        (["get", "text2video", "1"], 10, "code 1201"),
        (["list", "text2video", "--page", "0"], 2, "expected 1 to 1000"),
        (["download", "text2video", "mine"], 11, "has no result yet"),
        (["wait", "text2video", "mine", "--timeout", "1"], 7, "kling wait text2video "),
    ],
)
def test_an_error_is_a_sentence_and_a_status(
    run: Run, mock: KlingMock, arguments: list[str], status: int, words: str
) -> None:
    """The class of the error is the exit status, and what to do is on standard error."""
    run("create", "text2video", "--prompt", PROMPT, "--external-task-id", "mine")
    output = run(*arguments)

    assert output.status == status
    assert words in output.err
    assert output.out == ""
    assert "Traceback" not in output.err


def test_a_failed_task_is_told_with_its_reason(run: Run, mock: KlingMock) -> None:
    """The status says that it failed, and standard error why."""
    task = run("create", "text2video", "--prompt", PROMPT, "--json").json
    mock.fail(task["task_id"], 1301, "the picture is not allowed")
    output = run("wait", "text2video", task["task_id"])

    assert output.status == 6
    assert "the picture is not allowed" in output.err


def test_a_servers_words_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape codes and markup in an answer are printed as text."""
    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1201, "\x1b[2J[bold]no[/bold]"))
        status = main(
            ["get", "text2video", "1"], open_client=lambda: Kling("a|b", base_url=server.url)
        )

    assert status == 2
    assert capsys.readouterr().err.startswith("kling:  [2J[bold]no[/bold] (HTTP 400")


def test_an_unknown_outcome_says_what_to_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A create that lost its answer ends with the command that finds out."""
    with FaultyKling() as server:
        server.breaks(then=Fault("accepted"))
        status = main(
            ["create", "text2video", "--prompt", PROMPT],
            open_client=lambda: Kling("a|b", base_url=server.url, retries=0),
        )

    assert status == 8
    assert "kling get text2video cli-" in capsys.readouterr().err


def errors_below(cls: type[KlingError]) -> Iterator[type[KlingError]]:
    for error in cls.__subclasses__():
        yield error
        yield from errors_below(error)


def test_every_status_is_told_apart_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`kling --help` lists the statuses; an error has the status of its class."""
    with pytest.raises(SystemExit):
        main(["--help"])
    page = " ".join(capsys.readouterr().out.split())
    for status, (words, errors) in EXITS.items():
        assert f"{status} {words}" in page
        for cls in errors:
            assert exit_status(cls.__new__(cls)) == status
    assert exit_status(TransportError("x")) == 9
    others = {
        cls.__name__ for cls in errors_below(KlingError) if exit_status(cls.__new__(cls)) == 1
    }
    assert others == {
        "KlingAPIError",
        "_TaskError",
        "NotCreatedError",
        "WaitCancelledError",
        "CallbackVerificationError",
    }


# ---------------------------------------------------------------- as a process


def environment(url: str, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("KLING")}
    return own | {"KLING_BASE_URL": url} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "import sys; from kling_sdk.cli import main; sys.exit(main())",
            *arguments]  # fmt: skip


@pytest.mark.slow
def test_keys_come_from_the_environment() -> None:
    """The command takes the same variables as the client, and names them if there is no key."""
    with KlingMock(clock="real") as mock:
        for keys in (
            {"KLING_ACCESS_KEY": mock.access_key, "KLING_SECRET_KEY": mock.secret_key},
            {"KLING_API_KEY": mock.api_key},
        ):
            answer = subprocess.run(
                command("list", "text2video", "--json"),
                env=environment(mock.kling_url, **keys),
                capture_output=True,
                text=True,
                check=False,
            )
            assert (answer.returncode, answer.stdout.strip()) == (0, "[]"), answer.stderr
        answer = subprocess.run(
            command("list", "text2video"),
            env=environment(mock.kling_url),
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 3
    assert "export KLING_ACCESS_KEY=" in answer.stderr
    assert "Kling(" not in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume() -> None:
    """An interrupted wait prints the command that resumes it; the task is untouched."""
    with KlingMock(clock="real") as mock:
        process = subprocess.Popen(
            command("create", "text2video", "--prompt", PROMPT, "--wait"),
            env=environment(mock.kling_url, KLING_API_KEY=mock.api_key),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            task_id = process.stderr.readline().split()[0]  # it is created, and waited for now
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()

    assert process.returncode == 130
    assert f"kling wait text2video {task_id}" in err
    assert "Traceback" not in err
    assert out == ""


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """A plain install has the command, which names the missing extra."""
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'rich' else real(name, *a)\n"
        "from kling_sdk.cli import main; sys.exit(main(['--help']))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "pip install 'kling-sdk[cli]'" in answer.stderr


def test_every_picture_of_a_task_is_fetched(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are fetched to a file and others beside it, or into a folder, with correct suffixes."""
    monkeypatch.chdir(tmp_path)
    words = ("create", "image-generation", "--prompt", PROMPT, "--n", "3")

    output = run(*words, "--download", "cat.png", "--json")
    assert output.status == 0, output.err
    names = ["cat.png", "cat-1.png", "cat-2.png"]
    assert [file["path"] for file in output.json["files"]] == names
    assert output.json["file"] == output.json["files"][0]
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in names)

    Path("all").mkdir()
    task_id = output.json["task_id"]
    output = run("download", "image-generation", task_id, "all", "--json")
    paths = sorted(Path("all").iterdir())
    assert [file["path"] for file in output.json] == [str(path) for path in paths]
    assert [path.suffix for path in paths] == [".png"] * 3
    assert len(run("download", "image-generation", task_id, "all").out.splitlines()) == 3


SPOKEN = ("call", "tts", "--text", "-", "--voice-id", "oversea_male1", "--voice-language", "en")


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("clip.mp4", ["clip.mp4", "clip-1.mp3"]),
        ("clip.wav", ["clip.mp4", "clip-1.wav"]),
        ("clip", ["clip", "clip-1.mp3"]),
    ],
)
def test_a_video_and_its_sound_have_their_own_suffixes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, names: list[str]
) -> None:
    """Either of the two may be named."""
    monkeypatch.chdir(tmp_path)
    words = ("create", "video-to-audio", "--video-url", "https://example.com/a.mp4")
    output = run(*words, "--download", place, "--json")

    assert output.status == 0, output.err
    assert [file["path"] for file in output.json["files"]] == names
    starts = {".mp3": b"ID3", ".wav": b"RIFF"}
    assert Path(names[0]).read_bytes()[4:8] == b"ftyp"
    assert Path(names[1]).read_bytes().startswith(starts[Path(names[1]).suffix])


@pytest.mark.parametrize(("suffix", "start"), [("mp3", b"ID3"), ("wav", b"RIFF")])
def test_a_sound_is_the_file_that_its_name_says(
    run: Run, tmp_path: Path, suffix: str, start: bytes
) -> None:
    """An MP3 or a WAV, from the command that makes it."""
    place = tmp_path / f"rain.{suffix}"
    words = ("create", "text-to-audio", "--prompt", "rain", "--duration", "3.5")
    output = run(*words, "--download", str(place))

    assert output.status == 0, output.err
    assert "audio" in output.out
    assert place.read_bytes().startswith(start)


def test_a_text_is_spoken_into_a_file(
    run: Run, mock: KlingMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text may come from standard input; the result has the id that an avatar takes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("Good morning\n"))
    output = run(*SPOKEN, "--download", str(tmp_path / "hello.mp3"), "--json")

    assert output.status == 0, output.err
    assert json.loads(mock.journal[0].request)["text"] == "Good morning"
    assert output.json["audios"][0]["id"].isdigit()
    assert output.json["files"][0]["path"] == str(tmp_path / "hello.mp3")
    assert (tmp_path / "hello.mp3").read_bytes().startswith(b"ID3")


def test_a_sound_that_is_paid_for_is_told_also_without_its_file(
    run: Run, mock: KlingMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id is good for 30 days; a place that cannot be written is refused before."""
    output = run(*SPOKEN, "--download", str(tmp_path / "no" / "hello.mp3"))
    assert (output.status, output.out, len(mock.journal)) == (2, "", 0)
    monkeypatch.setattr(sys, "stdin", io.StringIO("Good morning"))
    mock.faults.add("status", match="GET /media/*", http=404)
    output = run(*SPOKEN, "--download", str(tmp_path / "hello.mp3"))

    assert output.status == 11
    assert "audios.0.id" in output.out
    assert list(tmp_path.iterdir()) == []
