"""The command: one line of JSON, signals, settings by environment, and clear failures."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from kling_mock.cli.main import main
from tests.started import SERVE, started


def test_serve_prints_one_line_and_ends_on_sigterm() -> None:
    """It accepts connections once the line is out, says nothing else, and exits with 0."""
    with started(*SERVE) as (process, ready):
        assert set(ready) == {
            "relay_url",
            "kling_url",
            "dashboard_url",
            "access_key",
            "secret_key",
            "api_key",
            "relay_token",
            "admin_token",
        }
        assert httpx.get(ready["dashboard_url"], trust_env=False).status_code == 200
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        url = f"{ready['kling_url']}/v1/videos/text2video"
        with httpx.Client(trust_env=False) as client:  # stays open: must not hold up the end
            assert client.get(url, headers=headers).status_code == 200
            before = time.monotonic()
            process.send_signal(signal.SIGTERM)
            rest, errors = process.communicate(timeout=10)
        assert time.monotonic() - before < 10
        assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.slow
def test_settings_by_flag_and_environment(certificate: tuple[Path, Path]) -> None:
    """A seed by environment, TLS by flag, a speed that makes tasks end, a public URL."""
    cert, key = certificate
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--speed", "100000")
    given = {
        "KLING_MOCK_SEED": "3",
        "KLING_MOCK_KLING_PORT": "0",
        "KLING_MOCK_PORT": "0",
        "KLING_MOCK_PUBLIC_URL": "https://k.test",
    }
    with started("serve", *options, given=given) as (_, ready):
        assert ready["kling_url"].startswith("https://127.0.0.1:")
        url = f"{ready['kling_url']}/v1/videos/text2video"
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, trust_env=False) as client:
            made = client.post(url, json={"prompt": "a"}, headers=headers).json()["data"]
            asked = (client.get(f"{url}/{made['task_id']}", headers=headers) for _ in range(1000))
            tasks = (reply.json()["data"] for reply in asked)
            task = next(task for task in tasks if task["task_status"] == "succeed")
        assert task["task_result"]["videos"][0]["url"].startswith("https://k.test/")
    with started(*SERVE, "--seed", "3") as (_, again):
        assert again["secret_key"] == ready["secret_key"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--kling-port", "99999"], "port"),
        (["--kling-port", "0", "--port", "99999"], "port"),
        (["--kling-port", "0", "--port", "0", "--db", "oracle://x"], "a database URL begins with"),
        (["--speed", "0"], "speed"),
        (["--host", "256.0.0.1"], "cannot listen on 256.0.0.1"),
        (["--tls-cert", "/nowhere.pem"], "No such file"),
        (["--clock", "manual", "--speed", "2"], "speed: must not be given with --clock manual"),
    ],
)
def test_failures_are_told(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, one line on standard error, nothing on standard output."""
    assert main(["serve", *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kling-mock: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["serve", "--seed", "x"], ["serve", "--more"], ["serve", "--admin", "all"]]
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line ends with status 2 and the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: kling-mock" in capsys.readouterr().err


def test_without_the_extra() -> None:
    """Without aiohttp the command says how to install it."""
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from kling_mock.cli.main import main; sys.exit(main(['serve']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'kling-sdk[mock]'" in done.stderr


@pytest.mark.slow
def test_faults_and_hosts_by_flag(tmp_path: Path) -> None:
    """A profile of faults strikes from the first request on; a wrong one ends the command."""
    profile = tmp_path / "faults.json"
    profile.write_text('[{"kind": "status", "http": 503, "times": 1}]', encoding="utf-8")
    options = (
        "--port",
        "0",
        "--kling-port",
        "0",
        "--faults",
        str(profile),
        "--callback-host",
        "a.example",
    )
    with started("serve", *options) as (_, ready), httpx.Client(trust_env=False) as client:
        assert client.get(ready["kling_url"]).status_code == 503
        assert client.get(ready["kling_url"]).status_code == 404


def test_a_wrong_profile_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong in a profile is named, and nothing is served."""
    profile = tmp_path / "faults.json"
    profile.write_text('[{"kind": "explode"}]', encoding="utf-8")
    assert main([*SERVE, "--faults", str(profile)]) == 1
    assert "profile[0].kind: must be one of" in capsys.readouterr().err


@pytest.mark.slow
def test_who_may_steer_it_by_flag() -> None:
    """The admin API is there with its token, and gone with --no-admin or by environment."""
    with started(*SERVE, "--clock", "manual") as (_, ready):
        headers = {"Authorization": f"Bearer {ready['admin_token']}"}
        with httpx.Client(headers=headers, trust_env=False) as client:
            reply = client.get(f"{ready['kling_url']}/__kling/clock")
            assert reply.json()["kind"] == "manual"
    for options, environment in [(["--no-admin"], {}), ([], {"KLING_MOCK_ADMIN": "off"})]:
        with started(*SERVE, *options, given=environment) as (
            _,
            ready,
        ):
            reply = httpx.get(f"{ready['kling_url']}/__kling/clock", trust_env=False)
            assert reply.status_code == 404
            assert ready["dashboard_url"] is None


@pytest.mark.slow
def test_the_size_of_the_journal_is_set_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """By flag or environment; a size that is none is refused before anything starts."""
    with started(*SERVE, given={"KLING_MOCK_JOURNAL_SIZE": "2"}) as (_, ready):
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        asked = {"Authorization": f"Bearer {ready['admin_token']}"}
        with httpx.Client(base_url=ready["kling_url"], trust_env=False) as client:
            for _ in range(3):
                client.get("/v1/videos/text2video", headers=headers)
            assert client.get("/__kling/journal", headers=asked).json()["forgotten"] == 1
    assert main(["serve", "--journal-size", "0"]) == 1
    assert "journal_size: must be a whole number of 1 or more" in capsys.readouterr().err
