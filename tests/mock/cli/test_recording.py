"""The commands `record`, `replay` and `compare`."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.cli.main import main
from kling_mock.recording.session import read_session
from tests.mock.recording.recorded_sessions import lines
from tests.plain_http import NO_TLS
from tests.started import started

T2V = "/v1/videos/text2video"
BODY = {"model_name": "kling-v2-6", "prompt": "wilhelmina"}


def post(url: str, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{url}{T2V}", json=BODY, headers=headers, trust_env=False, verify=NO_TLS)


@pytest.mark.slow
def test_record_replay_and_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each says where they serve; SIGTERM ends them; nothing private is in the file."""
    path = tmp_path / "session.jsonl"
    with KlingMock(relay=False) as mock:
        words = (
            "--upstream",
            mock.kling_url,
            "--out",
            str(path),
            "--max-units",
            "2",
            "--port",
            "0",
        )
        with started("record", *words) as (process, ready):
            assert ready["file"] == str(path)
            assert ready["units_left"] == "2"
            reply = post(ready["url"], mock.api_key)
            assert post(ready["url"], mock.api_key).status_code == 429
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out) == (0, "")
            assert err.startswith("kling-mock record: not forwarded, it costs 1.5 units")
        with started("record", *words) as (_, ready):
            assert ready["units_left"] == "0.5"
    assert "wilhelmina" not in path.read_text("utf-8")

    with started("replay", str(path), "--port", "0") as (process, ready):
        played = post(ready["url"], "any key")
        assert played.json()["data"]["task_status"] == reply.json()["data"]["task_status"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0

    assert main(["compare", str(path)]) == 0
    assert capsys.readouterr().out == "1 compared, 0 not, 0 differences\n"
    edited = path.read_text("utf-8").replace('"task_status": "submitted"', '"task_status": "new"')
    path.write_text(edited, "utf-8")
    assert main(["compare", str(path)]) == 1
    report = capsys.readouterr().out.splitlines()
    assert report == [
        f"line 3  POST {T2V}  value at data.task_status: recorded new, emulated submitted",
        "1 compared, 0 not, 1 differences",
    ]
    assert main(["compare", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "compared": 1,
        "differences": [
            {
                "line": 3,
                "method": "POST",
                "path": T2V,
                "kind": "value",
                "at": "data.task_status",
                "recorded": "new",
                "emulated": "submitted",
            }
        ],
        "skipped": [],
    }


@pytest.mark.slow
def test_a_recorder_that_is_killed_leaves_a_readable_file(tmp_path: Path) -> None:
    """In the middle of a create: its price is known, what was complete is there, and it goes on."""
    path = tmp_path / "session.jsonl"
    with KlingMock(relay=False) as mock:
        mock.faults.add("hang", f"POST {T2V}", after=1, seconds=60)
        words = (
            "--upstream",
            mock.kling_url,
            "--out",
            str(path),
            "--max-units",
            "9",
            "--port",
            "0",
        )
        with started("record", *words) as (process, ready):
            assert post(ready["url"], mock.api_key).status_code == 200
            with ThreadPoolExecutor(1) as pool:
                second = pool.submit(post, ready["url"], mock.api_key)
                while read_session(path).creates < 2:
                    threading.Event().wait(0.01)
                process.kill()
                with pytest.raises(httpx.TransportError):
                    second.result()
        session = read_session(path)
        assert len(session.exchanges) == 1
        with path.open("ab") as file:  # killed in the middle of a line
            file.write(b'{"at": 1, "ms": 3, "meth')
        spent = read_session(path).spent
        assert spent == Decimal(3)
        with started("record", *words) as (_, ready):
            assert ready["units_left"] == "6.0"
            reply = httpx.get(f"{ready['url']}{T2V}", trust_env=False, verify=NO_TLS)
            assert reply.status_code == 401
    assert len(read_session(path).exchanges) == 2
    assert len(lines(path)) == 5


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["compare", "/nowhere/session.jsonl"], 2, "No such file"),
        (["replay", "/nowhere/session.jsonl"], 1, "No such file"),
        (["replay", "letter"], 1, "line 1: not JSON"),
        (["record", "--upstream", "x", "--out", "/nowhere/x", "--max-units", "1"], 1, "upstream:"),
        (
            ["record", "--upstream", "http://x.test", "--out", "/nowhere/x", "--max-units", "1"],
            1,
            "No such file",
        ),
        (
            ["record", "--upstream", "http://x.test", "--out", "letter", "--max-units", "1"],
            1,
            "line 1",
        ),
    ],
)
def test_failures_are_told(
    words: list[str],
    status: int,
    error: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line on standard error, nothing on standard output; another file is left alone."""
    monkeypatch.chdir(tmp_path)
    Path("letter").write_text("Dear all,\n", "utf-8")
    assert main(words) == status
    assert Path("letter").read_text("utf-8") == "Dear all,\n"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kling-mock: ")
    assert error in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("units", ["-1", "NaN", "many", "Infinity"])
def test_a_ceiling_is_a_number_of_units(units: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is required, and nothing is forwarded without one."""
    words = ["record", "--upstream", "http://x.test", "--out", "x"]
    for more in ([], ["--max-units", units]):
        with pytest.raises(SystemExit) as caught:
            main([*words, *more])
        assert caught.value.code == 2
    assert "--max-units" in capsys.readouterr().err
