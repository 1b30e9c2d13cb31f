"""What a person reads after a mistake in a command: what was wrong, and what was probably meant."""

from __future__ import annotations

import pytest

from kling_mock import KlingMock
from kling_sdk.cli import main
from kling_sdk.cli.connect import where_the_key_went

CREATE = "kling create text2video"


@pytest.mark.parametrize(
    ("words", "command", "text"),
    [
        (
            ["create", "text2video", "--promt", "a kitten"],
            CREATE,
            "unknown option --promt; did you mean --prompt?",
        ),
        (
            ["create", "text2video", "--ratio=16:9", "--prompt", "a kitten"],
            CREATE,
            "unknown option --ratio; did you mean --aspect-ratio?",
        ),
        (["create", "text2video", "--webhook", "x"], CREATE, "unknown option --webhook"),
        (
            ["create", "text2video", "a kitten"],
            CREATE,
            ("'a kitten' is not expected; parameters are given by name, as --prompt \"...\""),
        ),
        (
            ["list", "text2video", "2"],
            "kling list",
            "'2' is not expected; parameters are given by name, as --NAME VALUE",
        ),
        (["create"], "kling create", "the following arguments are required: ENDPOINT"),
        ([], "kling", "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(
    words: list[str], command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with the command that lists them all; nothing fills the screen."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{command}: error: {text}\nsee: {command} --help\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["create", "text2vidoe"], "; did you mean text2video?"),
        (["creat"], "; did you mean create?"),
        (["xyz"], ")"),
    ],
)
def test_a_wrong_command_is_answered_with_the_nearest(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind the list of all; where none is near there is only the list."""
    with pytest.raises(SystemExit):
        main(words)
    assert capsys.readouterr().err.splitlines()[0].endswith(meant)


def test_a_key_that_is_not_accepted_is_traced_to_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the server that it was sent to: often the key is that of another one."""
    with KlingMock() as mock:
        monkeypatch.setenv("KLING_BASE_URL", mock.kling_url)
        monkeypatch.setenv("KLING_API_KEY", "another-key")
        assert main(["create", "text2video", "--prompt", "a kitten"]) == 3
        advice = f"kling: {mock.kling_url} does not accept the key in KLING_API_KEY; "
    shown = capsys.readouterr().err
    assert advice in shown
    assert "another-key" not in shown


@pytest.mark.parametrize(
    ("relay", "environment", "beginning"),
    [
        (
            None,
            {"KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "b", "KLING_REGION": "cn"},
            (
                "https://api-beijing.klingai.com does not accept the key in "
                "KLING_ACCESS_KEY, KLING_SECRET_KEY;"
            ),
        ),
        (
            None,
            {"KLING_API_KEY": "a"},
            "https://api-singapore.klingai.com does not accept the key in KLING_API_KEY;",
        ),
        (
            "http://relay",
            {"KLING_API_KEY": "a", "KLING_RELAY_TOKEN": "b"},
            "http://relay does not accept the key in KLING_RELAY_TOKEN;",
        ),
    ],
)
def test_where_a_key_went(relay: str | None, environment: dict[str, str], beginning: str) -> None:
    """The variables that were read, and no others."""
    assert where_the_key_went(relay, environment).startswith(beginning)
