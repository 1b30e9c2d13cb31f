"""The programs in `examples` do what they say; the quickstart is a newcomer's first command."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def without_keys() -> dict[str, str]:
    """Return the environment without the developer's own keys."""
    return {name: value for name, value in os.environ.items() if "KLING" not in name}


def run(*arguments: str, example: str = "quickstart.py") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), *arguments],
        capture_output=True,
        text=True,
        env=without_keys(),
        check=False,
    )


@pytest.mark.slow
def test_it_leaves_four_files_and_says_where(tmp_path: Path) -> None:
    """A newcomer's first command ends with four videos."""
    answer = run("--out", str(tmp_path))

    assert (answer.returncode, answer.stderr) == (0, "")  # no warning either
    files = sorted(tmp_path.iterdir())
    assert [file.stem for file in files] == [
        "image2video",
        "omni-video-pictures",
        "omni-video",
        "text2video",
    ]
    for file in files:
        assert str(file) in answer.stdout
        assert file.read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_the_real_service_is_asked_for_a_key_first(tmp_path: Path) -> None:
    """Without a key, `--real` says which variables to set, and calls nothing."""
    answer = run("--real", "--out", str(tmp_path))

    assert answer.returncode == 1
    assert "KLING_ACCESS_KEY" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "interfaces"),
    [
        ([], {"kling-v3": "v1", "kling-3.0": "model-path"}),
        (["kling-2.6", "kling-v2-6"], {"kling-2.6": "model-path", "kling-v2-6": "v1"}),
    ],
)
def test_one_program_runs_on_both_interfaces(
    tmp_path: Path, models: list[str], interfaces: dict[str, str]
) -> None:
    """It is unchanged except for the model's name, which the command line may give."""
    answer = run(*models, "--out", str(tmp_path), example="both_interfaces.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    printed = re.findall(r"^(\S+): (\S+), task (\d+), succeed", answer.stdout, re.MULTILINE)
    assert {model: interface for model, interface, _ in printed} == interfaces
    again = re.findall(r"repeated: task (\d+), reused True", answer.stdout)
    assert again == [task for *_, task in printed]
    for model in interfaces:
        assert (tmp_path / f"{model}.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    """The message is Kling's own."""
    answer = run("kling-v9", "--out", str(tmp_path), example="both_interfaces.py")

    assert answer.returncode == 1
    assert "model_name value 'kling-v9' is invalid" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "app", ["batch_from_csv", "local_callbacks", "picture_bot", "video_backend"]
)
def test_an_app_passes_its_own_tests(app: str) -> None:
    """They run as a reader of the example runs them."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"examples/{app}"]
    answer = subprocess.run(
        words, cwd=ROOT, env=without_keys(), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


@pytest.mark.slow
def test_the_batch_makes_a_page(tmp_path: Path) -> None:
    """The batch reads the file beside it."""
    file = ROOT / "examples" / "batch_from_csv" / "prompts.csv"
    answer = run(str(file), "--out", str(tmp_path), example="batch_from_csv/batch.py")

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"3 of 3 videos: {tmp_path / 'report.html'}\n"
    assert len(list(tmp_path.glob("*.mp4"))) == 3


@pytest.mark.slow
def test_the_bot_edits_a_picture(tmp_path: Path) -> None:
    """Its message says so."""
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    inbox.mkdir()
    Image.new("RGB", (512, 512), "orange").save(inbox / "cat.png")
    (inbox / "cat.txt").write_text("give it a red hat", encoding="utf-8")
    answer = run(str(inbox), str(outbox), "--once", example="picture_bot/bot.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "cat is answered\n"
    assert [file.name for file in outbox.iterdir()] == ["cat.png"]


def test_each_example_is_in_the_list() -> None:
    """The list in each language has it."""
    folder = ROOT / "examples"
    names = {path.name for path in folder.iterdir() if not path.name.startswith(("_", "README"))}
    for page in ("README.md", "README.zh-CN.md"):
        listed = re.findall(r"\]\(([^)/]+)/?[^)]*\)", (folder / page).read_text("utf-8"))
        assert set(listed) - {"README.md", "README.zh-CN.md"} == names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "arguments", "files"),
    [
        ("talking_avatar.py", [], ["avatar.mp4", "speech.mp3"]),
        ("talking_avatar.py", ["--voice", "uk_man2", "Hello there. " * 5], ["avatar.mp4"]),
        ("lip_synced_song.py", [], ["song.mp4"]),
        ("lip_synced_song.py", ["--video", "https://example.com/me.mp4"], ["song.mp4"]),
    ],
)
def test_a_recipe_leaves_its_files(
    tmp_path: Path, example: str, arguments: list[str], files: list[str]
) -> None:
    """It prints their length and path."""
    answer = run(*arguments, "--out", str(tmp_path), example=example)

    assert (answer.returncode, answer.stderr) == (0, "")
    for name in files:
        start = b"ID3" if name.endswith(".mp3") else b"ftyp"
        assert start in (tmp_path / name).read_bytes()[:8]
        assert str(tmp_path / name) in answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "arguments", "words"),
    [
        ("talking_avatar.py", ["Hi"], "must be a sound of 2 to 300 s, got one of 0.5 s"),
        ("talking_avatar.py", ["--voice", "nobody"], "Voice id not found"),
        ("lip_synced_song.py", ["--seconds", "1"], "at least 2000 ms"),
    ],
)
def test_a_recipe_says_what_is_wrong(
    tmp_path: Path, example: str, arguments: list[str], words: str
) -> None:
    """It does so in one line."""
    answer = run(*arguments, "--out", str(tmp_path), example=example)

    assert answer.returncode == 1
    assert words in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.slow
def test_one_element_is_in_three_videos(tmp_path: Path) -> None:
    """Made once, named three times, and deleted at the end."""
    answer = run("--out", str(tmp_path), example="element_in_three_videos.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "market.mp4",
        "pier.mp4",
        "train.mp4",
    ]
    (created, gone) = re.findall(r"^element (\d+): (\w+)$", answer.stdout, re.MULTILINE)
    assert (created[1], gone) == ("Mara", (created[0], "deleted"))


@pytest.mark.slow
def test_an_element_may_stay_in_the_library(tmp_path: Path) -> None:
    """The element can be used in later videos."""
    answer = run("--out", str(tmp_path), "--keep", example="element_in_three_videos.py")

    assert answer.returncode == 0
    assert "deleted" not in answer.stdout


def size_of(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.slow
def test_a_product_shot_is_made_in_three_shapes(tmp_path: Path) -> None:
    """A banner, a square and a story; what they cost is said before, and is what they cost."""
    answer = run("--out", str(tmp_path), example="product_in_three_ratios.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "3 pictures will cost 24 units of an image pack" in answer.stdout
    assert answer.stdout.count(", 8 units, ") == 3
    shapes = {file.stem: size_of(file) for file in tmp_path.iterdir()}
    assert shapes.keys() == {"banner", "square", "story"}
    assert shapes["square"] == (2048, 2048)
    assert shapes["banner"] == shapes["story"][::-1]
    assert shapes["banner"][0] / shapes["banner"][1] == pytest.approx(16 / 9, rel=0.03)


@pytest.mark.slow
def test_a_series_is_as_long_as_asked_for(tmp_path: Path) -> None:
    """The pictures are made from a picture of your own, and no two of them are the same."""
    answer = run("--out", str(tmp_path), "--count", "6", example="image_series.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert ": 6 pictures, 48 units" in answer.stdout
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"stamp-{number}.png" for number in range(1, 7)]
    assert len({file.read_bytes() for file in files}) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "arguments", "message"),
    [
        ("image_series.py", ["--count", "10"], "series_amount is 10"),
        ("image_series.py", ["--picture", "no-such.png"], "no-such.png"),
        ("image_series.py", ["--real"], "KLING_ACCESS_KEY"),
        ("product_in_three_ratios.py", ["--real"], "KLING_ACCESS_KEY"),
        ("product_in_three_ratios.py", ["--prompt", "x" * 2501], "at most 2500 characters"),
    ],
)
def test_what_the_picture_examples_cannot_do_is_said_in_a_line(
    tmp_path: Path, example: str, arguments: list[str], message: str
) -> None:
    """The message has no traceback."""
    answer = run(*arguments, "--out", str(tmp_path), example=example)

    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
