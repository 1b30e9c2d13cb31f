"""The message after a mistake in a command: what was wrong, and what was probably meant."""

from __future__ import annotations

import pytest

from kling_mock import KlingMock
from kling_sdk.cli import main
from kling_sdk.cli.connect import where_the_key_went
from tests.sdk.faulty_server import Fault, FaultyKling

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
        (["create", "text2video", "--colour", "x"], CREATE, "unknown option --colour"),
        (
            ["create", "text2video", "--webhook", "x"],
            CREATE,
            "unknown option --webhook; did you mean --callback-url?",
        ),
        (
            ["create", "text2video", "a kitten"],
            CREATE,
            (
                "unexpected argument 'a kitten'; parameters are given by name, "
                'such as --prompt "..."'
            ),
        ),
        (
            ["list", "text2video", "2"],
            "kling list",
            "unexpected argument '2'; parameters are given by name, such as --NAME VALUE",
        ),
        (["create"], "kling create", "the following arguments are required: ENDPOINT"),
        ([], "kling", "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(
    words: list[str], command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the command that lists all words, and does not fill the screen."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{command}: error: {text}\nsee: {command} --help\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["create", "text2vidoe"], "; did you mean text2video?"),
        (["creat"], "; did you mean create?"),
        (["xyz"], ")"),
    ],
)
def test_a_wrong_command_is_answered_with_the_nearest(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nearest command is behind the list of all; if none is near, there is only the list."""
    with pytest.raises(SystemExit):
        main(words)
    assert capsys.readouterr().err.splitlines()[0].endswith(hint)


def test_a_key_that_is_not_accepted_is_traced_to_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the server that it was sent to: often the key is that of another one."""
    with KlingMock() as mock:
        monkeypatch.setenv("KLING_BASE_URL", mock.kling_url)
        monkeypatch.setenv("KLING_API_KEY", "another-key")
        assert main(["create", "text2video", "--prompt", "a kitten"]) == 3
        advice = f"kling: {mock.kling_url} does not accept the key in KLING_API_KEY; "
    stderr = capsys.readouterr().err
    assert advice in stderr
    assert "another-key" not in stderr


def test_a_key_that_the_server_quotes_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log of a CI job keeps what a command prints."""
    key = "sk-0123456789-canary"
    with FaultyKling() as server:
        server.breaks(then=Fault.code(401, 1002, f"Incorrect API key provided: {key}"))
        monkeypatch.setenv("KLING_BASE_URL", server.url)
        monkeypatch.setenv("KLING_API_KEY", key)
        assert main(["create", "text2video", "--prompt", "a kitten"]) == 3
    printed = capsys.readouterr()
    assert "Incorrect API key provided: …" in printed.err
    assert key not in printed.err + printed.out


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
    """Only the variables that were read are named."""
    assert where_the_key_went(relay, environment).startswith(beginning)
