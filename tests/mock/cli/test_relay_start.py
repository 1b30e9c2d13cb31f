"""`kling-mock relay` does not start with settings that cannot work, and says which and why."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import httpx
import pytest

from kling_mock import RelaySettings
from kling_mock.cli.main import main
from kling_mock.relay.standalone import RelayServer
from tests.clusters.servers import free_ports
from tests.mock.receiver import Receiver
from tests.started import SERVE, started

START = ("relay", "--port", "0")
UPSTREAM = ("--upstream", "http://127.0.0.1:9")
MEMORY = ("--db", "sqlite://")
WELL = (*UPSTREAM, *MEMORY)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = ("KLING_MOCK_DB", "CALLBACK_DOMAIN", "KLING_ACCESS_KEY", "KLING_SECRET_KEY")
    for name in (*variables, "KLING_BASE_URL"):
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
    """One sentence on standard error names the option; the server does not start."""
    assert main([*START, *words]) == 1
    output, complaint = capsys.readouterr()
    assert output == ""
    lines = [line for line in complaint.splitlines() if "WARNING" not in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"kling-mock: {why}")


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"KLING_API_KEY": ""}, "no key; set"),
        ({"KLING_API_KEY": "", "KLING_ACCESS_KEY": "half"}, "no key; set"),
        ({"KLING_API_KEY": "Bearer secret-one"}, "line 1 has a space or another character"),
        ({"KLING_API_KEY": "schlüssel-secret-one"}, "line 1 has a space or another character"),
        ({"KLING_API_KEY": "secret-one|b|c"}, "line 1 is not a key pair"),
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


def complaint_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return why a relay does not start."""
    assert main(["relay", *MEMORY, *words]) == 1
    output, complaint = capsys.readouterr()
    assert output == ""
    return complaint.splitlines()[-1]


def test_the_upstream_is_the_option_or_the_variable_of_the_guide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option wins; an error names where a wrong value stands, or says that none is given."""
    assert "no upstream; give --upstream URL" in complaint_of(capsys, "--port", "0")
    monkeypatch.setenv("KLING_BASE_URL", "ftp://x")
    assert complaint_of(capsys, "--port", "0").startswith(
        "kling-mock: KLING_BASE_URL: must be http or https"
    )
    assert complaint_of(capsys, "--port", "0", "--upstream", "x").startswith(
        "kling-mock: --upstream: must be http or https"
    )


@pytest.mark.parametrize(
    ("host", "upstream"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}"),
        ("127.0.0.1", "http://localhost:{}/kling"),
        ("0.0.0.0", "http://127.0.0.1:{}"),  # noqa: S104 - a case; nothing is served
        ("0.0.0.0", "https://[::1]:{}"),  # noqa: S104 - as above
        ("127.0.0.1", "https://relay.example/"),
    ],
)
def test_an_upstream_that_is_the_relay_itself_is_refused(
    host: str,
    upstream: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each create would come back to it, by its port or by the address that Kling reports to."""
    port = free_ports(1)[0]
    address = upstream.format(port)
    monkeypatch.setenv("KLING_BASE_URL", address)
    monkeypatch.setenv("CALLBACK_DOMAIN", "https://relay.example:443")
    assert complaint_of(capsys, "--host", host, "--port", str(port)) == (
        f"kling-mock: KLING_BASE_URL: {address.rstrip('/')} is this relay's own address; "
        "it must be Kling's, such as https://api-singapore.klingai.com"
    )


#: A token lives for 1800 s of the emulated Kling's clock: at this speed for 0.36 s.
FAST = ("--speed", "5000")


@pytest.mark.slow
def test_a_fast_relay_may_be_started_long_after_the_emulator() -> None:
    """It takes the emulator's time, and so makes tokens that have not expired."""
    with started(*SERVE, *FAST) as (_, kling):
        pair = {"KLING_ACCESS_KEY": kling["access_key"], "KLING_SECRET_KEY": kling["secret_key"]}
        words = (*START, *MEMORY, "--upstream", kling["kling_url"], *FAST)
        with started(*words, variables=pair) as (_, relay):
            reply = httpx.post(
                f"{relay['relay_url']}/kling/v1/videos/text2video",
                json={"model": "kling-v1-6", "prompt": "a kitten", "duration": 5},
                headers={"Authorization": f"Bearer {relay['relay_token']}"},
                timeout=60,
            )
            assert reply.status_code == 200, reply.text
            assert reply.json()["kling_task_id"]


def test_a_fast_relay_in_front_of_a_real_kling_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its clock would run ahead, and it would fail running tasks."""
    with closing(Receiver()) as real:
        assert main([*START, *MEMORY, "--upstream", real.url, *FAST]) == 1
    _, complaint = capsys.readouterr()
    assert complaint.startswith("kling-mock: --speed: the server at --upstream is not an emulated")


@pytest.mark.parametrize("name", ["token", "admin_token"])
def test_a_token_that_can_be_guessed_is_refused(name: str) -> None:
    """`a` and `x` were accepted without a word; a token of 16 characters is."""
    settings: dict[str, Any] = {"upstream_url": "https://kling.test", "upstream_key": "an-api-key"}
    with pytest.raises(ValueError, match=f"^{name}: must have 16 characters or more"):
        RelayServer(RelaySettings(**settings | {name: "x" * 15}))
    RelayServer(RelaySettings(**settings | {name: "x" * 16}))


def test_a_fast_relay_without_its_emulator_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It cannot know the time there; the sentence says what to start first."""
    assert main([*START, *WELL, *FAST]) == 1
    output, complaint = capsys.readouterr()
    assert output == ""
    assert complaint.startswith("kling-mock: --speed: the clock of the emulated Kling")
    assert "Start `kling-mock serve --speed N` first" in complaint
