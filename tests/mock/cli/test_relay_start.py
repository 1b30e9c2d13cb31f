"""`kling-mock relay` does not start with settings that cannot work, and says which and why."""

from __future__ import annotations

import httpx
import pytest

from kling_mock.cli.main import main
from tests.started import SERVE, started

START = ("relay", "--port", "0")
UPSTREAM = ("--upstream", "http://127.0.0.1:9")
MEMORY = ("--db", "sqlite://")
WELL = (*UPSTREAM, *MEMORY)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KLING_MOCK_DB", "CALLBACK_DOMAIN", "KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KLING_API_KEY", "a-key")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((*WELL, "--callback-domain", "relay.example.com"), "--callback-domain: must be http"),
        ((*WELL, "--callback-domain", "https://x.example/?a=b"), "--callback-domain: must be http"),
        ((*MEMORY, "--upstream", "ftp://x"), "--upstream: must be http or https"),
        ((*MEMORY, "--upstream", "klingai.com"), "--upstream: must be http or https"),
        ((*MEMORY, "--upstream", f"http://x/{'a' * 300}"), "--upstream: must have at most 255"),
        (UPSTREAM, "no database; give --db URL"),
        ((*UPSTREAM, "--db", "oracle://x"), "a database URL begins with"),
        ((*WELL, "--port", "70000"), "--port: must be"),
        ((*WELL, "--callback-host", "http://a:80"), "--callback-host: must be a host alone"),
        ((*WELL, "--admin-host", "a b"), "--admin-host: must be"),
        ((*WELL, "--token-rate", "-1"), "--token-rate: must be"),
        ((*WELL, "--token-rate", "nan"), "--token-rate: must be"),
        ((*WELL, "--open-tasks-per-token", "-1"), "--open-tasks-per-token: must be"),
        ((*WELL, "--reads-per-channel", "0"), "--reads-per-channel: must be"),
        ((*WELL, "--receiver-off-days", "-1"), "--receiver-off-days: must be"),
        ((*WELL, "--max-connections", "0"), "--max-connections: must be"),
        ((*WELL, "--header-timeout", "0"), "--header-timeout: must be"),
        ((*WELL, "--speed", "0"), "speed"),
    ],
)
def test_a_setting_that_cannot_work_ends_the_start(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on standard error names the option; nothing is served."""
    assert main([*START, *words]) == 1
    output, complaint = capsys.readouterr()
    assert output == ""
    told = [line for line in complaint.splitlines() if "WARNING" not in line]
    assert len(told) == 1
    assert told[0].startswith(f"kling-mock: {why}")


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"KLING_API_KEY": ""}, "no key; set"),
        ({"KLING_API_KEY": "", "KLING_ACCESS_KEY": "half"}, "no key; set"),
        ({"KLING_API_KEY": "Bearer secret-one"}, "line 1 has a space or another character"),
        ({"KLING_API_KEY": "schlüssel-secret-one"}, "line 1 has a space or another character"),
        ({"KLING_API_KEY": "secret-one|b|c"}, "line 1 is no key pair"),
        ({"KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "secret one"}, "line 1 has a space"),
        ({"KLING_API_KEY": "secret-one" * 7000}, "must have at most 65535 bytes in UTF-8"),
    ],
)
def test_a_key_that_cannot_be_one_ends_the_start(
    keys: dict[str, str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It names the variables and never shows the key."""
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    assert main([*START, *WELL]) == 1
    complaint = capsys.readouterr().err
    assert why in complaint
    assert "KLING_API_KEY" in complaint
    assert "secret" not in complaint


#: A token lives for 1800 s of the emulated Kling's clock: at this speed for 0.36 s.
FAST = ("--speed", "5000")


@pytest.mark.slow
def test_a_fast_relay_may_be_started_long_after_the_emulator() -> None:
    """It takes the emulator's time, and so makes tokens that have not expired."""
    with started(*SERVE, *FAST) as (_, kling):
        pair = {"KLING_ACCESS_KEY": kling["access_key"], "KLING_SECRET_KEY": kling["secret_key"]}
        words = (*START, *MEMORY, "--upstream", kling["kling_url"], *FAST)
        with started(*words, given=pair) as (_, relay):
            reply = httpx.post(
                f"{relay['relay_url']}/kling/v1/videos/text2video",
                json={"model": "kling-v1-6", "prompt": "a kitten", "duration": 5},
                headers={"Authorization": f"Bearer {relay['relay_token']}"},
                timeout=60,
            )
            assert reply.status_code == 200, reply.text
            assert reply.json()["kling_task_id"]


def test_a_fast_relay_without_its_emulator_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It cannot know the time there; the sentence says what to start first."""
    assert main([*START, *WELL, *FAST]) == 1
    output, complaint = capsys.readouterr()
    assert output == ""
    assert complaint.startswith("kling-mock: --speed: the clock of the emulated Kling")
    assert "Start `kling-mock serve --speed N` first" in complaint
