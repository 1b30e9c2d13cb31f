"""The command: one line of JSON, signals, settings by environment, and clear failures."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from kling_mock import __version__
from kling_mock.cli.main import main
from tests.started import ROOT, SERVE, started


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
    environment = {
        "KLING_MOCK_SEED": "3",
        "KLING_MOCK_KLING_PORT": "0",
        "KLING_MOCK_PORT": "0",
        "KLING_MOCK_PUBLIC_URL": "https://k.test",
    }
    with started("serve", *options, variables=environment) as (_, ready):
        assert ready["kling_url"].startswith("https://127.0.0.1:")
        url = f"{ready['kling_url']}/v1/videos/text2video"
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, trust_env=False) as client:
            created = client.post(url, json={"prompt": "a"}, headers=headers).json()["data"]
            replies = (
                client.get(f"{url}/{created['task_id']}", headers=headers) for _ in range(1000)
            )
            tasks = (reply.json()["data"] for reply in replies)
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
    assert "Errno" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "kling-mock: error: the following arguments are required: COMMAND"),
        (["serve", "--seed", "x"], "kling-mock serve: error: argument --seed: invalid int"),
        (["serve", "--more"], "kling-mock serve: error: unknown option --more"),
        (["serve", "--admin", "all"], "kling-mock serve: error: argument --admin: invalid choice"),
        (["serve", "--kling-prot", "1"], "--kling-prot; did you mean --kling-port?"),
        (["srve"], "; did you mean serve?"),
        (["rest"], "db, import, completion, help)"),  # no command is near
        (["fault", "ad", "status"], "; did you mean add?"),
    ],
)
def test_a_wrong_command_line_is_answered_with_the_right_word(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, what was wrong, what was probably meant, and where help is."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    complaint, where = capsys.readouterr().err.splitlines()
    assert text in complaint.replace("'", "")  # which Python 3.11 puts around each choice
    assert where.startswith("see: kling-mock")


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_the_version_is_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The output has the form of `kling --version`."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"kling-mock {__version__} (python/3.")


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        (["help"], "usage: kling-mock [-h]"),
        (["help", "serve"], "usage: kling-mock serve"),
        (["help", "fault", "add"], "usage: kling-mock fault add"),
        (["help", "--help"], "usage: kling-mock help"),
    ],
)
def test_help_is_a_command(
    words: list[str], beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same text as `--help` behind a command."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(beginning)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"], ["--version"]])
def test_a_full_disk_is_an_error_and_no_traceback(words: list[str]) -> None:
    """One line, and a status by which a script notices."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "kling_mock", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"kling-mock: cannot print the result: No space left on device\n"


@pytest.mark.slow
def test_a_server_whose_ready_line_cannot_be_printed_ends() -> None:
    """Otherwise the server would run without a known address."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "kling_mock", *SERVE]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"kling-mock: cannot print the result: No space left on device\n"


@pytest.mark.slow
def test_bash_completes_kling_mock(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands and options; the script holds everything, so Tab starts no Python."""
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for line, word in [
        ("kling-mock ser", "serve"),
        ("kling-mock serve --clock ma", "manual"),
        ("kling-mock fault ad", "add"),
        ("kling-mock fault add --ext", "--external-id"),
        ("kling-mock user rotate", "rotate-secret"),
        ("kling-mock serve --faults te", "tests"),
    ]:
        words = line.split()
        quoted = " ".join(f"'{argument}'" for argument in words)
        code = (
            f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; PATH=; "
            '_shtab_kling_mock; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["/bin/bash", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert (done.stdout.split(), done.stderr) == ([word], "")


@pytest.mark.slow
def test_a_ready_file_says_that_the_server_is_up(tmp_path: Path) -> None:
    """The same line, for this person alone; one that an earlier server left does not count."""
    path = tmp_path / "ready.json"
    path.write_text("{}")
    with started(*SERVE, "--ready-file", str(path)) as (process, ready):
        assert json.loads(path.read_text()) == ready
        assert path.stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_ready_file_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    """Otherwise the server would run without telling that it is up."""
    words = [sys.executable, "-m", "kling_mock", *SERVE, "--ready-file", str(tmp_path / "no" / "x")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No such file or directory" in done.stderr
    assert "Errno" not in done.stderr


def test_a_server_that_cannot_start_leaves_signals_as_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that calls `main` goes on afterwards: its Ctrl-C would be lost."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    assert main(["serve", "--port", "0", "--tls-cert", f"{tmp_path}/none.pem"]) == 1
    assert capsys.readouterr().err
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.slow
def test_a_closed_terminal_ends_a_server_well() -> None:
    """SIGHUP is SIGTERM; with `nohup`, which ignores it, the server stays."""
    with started(*SERVE) as (process, _):
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with started(*SERVE) as (process, ready):
            process.send_signal(signal.SIGHUP)
            assert httpx.get(f"{ready['kling_url']}/health", trust_env=False).is_success
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_is_locked_does_not_hold_a_signal_up(mode: str, tmp_path: Path) -> None:
    """The start says what it waits for, and SIGTERM ends it at once."""
    path = tmp_path / "relay.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN IMMEDIATE")
        words = [sys.executable, "-m", "kling_mock", *SERVE, "--db", f"sqlite:///{path}"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                line = process.stderr.readline()
                assert f"another process has locked {path}; waiting for it, for up to 30 s" in line
                process.terminate()
                assert process.wait(20) == 0
            finally:
                process.kill()


def test_the_level_of_the_log_stands_before_or_behind_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At `error`, a relay's warning that it is in memory is not written, in both places."""
    monkeypatch.setenv("KLING_API_KEY", "a-key")
    relay = ["relay", "--upstream", "http://127.0.0.1:9", "--db", "sqlite://", "--port", "70000"]
    for words in (["--log-level", "error", *relay], [*relay, "--log-level", "error"]):
        assert main(words) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(SystemExit):
        main(["--log-level", "loud", *relay])
    assert "choose from" in capsys.readouterr().err


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
    """The error names what is wrong in a profile, and the server does not start."""
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
        with started(*SERVE, *options, variables=environment) as (
            _,
            ready,
        ):
            reply = httpx.get(f"{ready['kling_url']}/__kling/clock", trust_env=False)
            assert reply.status_code == 404
            assert ready["dashboard_url"] is None


@pytest.mark.slow
def test_the_size_of_the_journal_is_set_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """It is set by flag or environment; a value that is not a size is refused before the start."""
    with started(*SERVE, variables={"KLING_MOCK_JOURNAL_SIZE": "2"}) as (_, ready):
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        admin_headers = {"Authorization": f"Bearer {ready['admin_token']}"}
        with httpx.Client(base_url=ready["kling_url"], trust_env=False) as client:
            for _ in range(3):
                client.get("/v1/videos/text2video", headers=headers)
            assert client.get("/__kling/journal", headers=admin_headers).json()["forgotten"] == 1
    assert main(["serve", "--journal-size", "0"]) == 1
    assert "journal_size: must be a whole number of 1 or more" in capsys.readouterr().err
