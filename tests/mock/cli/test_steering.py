"""The commands that steer a running server, and what it tells the person who has started it."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.admin.calls import CALLS as SERVED
from kling_mock.cli.admin_client import CALLS, connect
from kling_mock.cli.main import main
from kling_mock.cli.servers import find_servers, folder, remembered
from kling_mock.cli.steering import seconds_of
from tests.mock.receiver import Receiver, closed_url
from tests.started import ROOT, SERVE


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(relay=False) as mock:
        yield mock


@pytest.fixture
def steer(
    mock: KlingMock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str], str]]:
    """Run a command; return its status, the lines of its output, and its error output."""
    ready = tmp_path / "ready.json"
    line = {"kling_url": mock.kling_url, "admin_token": mock.admin_token, "api_key": mock.api_key}
    ready.write_text(json.dumps(line), encoding="utf-8")

    def run(*words: str) -> tuple[int, list[str], str]:
        capsys.readouterr()
        status = main([*words, "--server", str(ready)])
        output, complaint = capsys.readouterr()
        return status, output.splitlines(), complaint

    return run


def created(
    mock: KlingMock, external_id: str | None = None, callback_url: str | None = None
) -> str:
    """Create a task as an application does; return its id."""
    with mock.client() as kling:
        task = kling.text2video.create(
            model_name="kling-v2-6",
            prompt="a kitten",
            external_task_id=external_id,
            callback_url=callback_url,
        )
    return task.task_id


def status_of(mock: KlingMock, task_id: str) -> str:
    with mock.client() as kling:
        return kling.text2video.get(task_id).status


def test_each_call_is_one_of_the_admin_api() -> None:
    """The commands know methods and paths by heart: those of the table that serves them."""
    assert {name: (SERVED[name].method, SERVED[name].path) for name in CALLS} == dict(CALLS)


# ---------------------------------------------------------------- moving on


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1d", 86_400)],
)
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1x", "m", "5m3", "nan", "1e9"])
def test_what_is_no_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and what it must be; nothing is sent."""
    with pytest.raises(SystemExit) as caught:
        main(["advance", "--server", "http://127.0.0.1:9", "--", text])
    assert caught.value.code == 2
    assert "must be seconds, or a time such as 5m, 1h30m or 1d" in capsys.readouterr().err


def test_the_clock_is_advanced(mock: KlingMock, steer: Any) -> None:
    """Work that comes due by then is done."""
    task_id, before = created(mock), mock.clock.now()
    status, output, _ = steer("advance", "1h30m")
    assert (status, mock.clock.now()) == (0, before + 5400)
    assert output[0].endswith("on the server's clock")
    assert status_of(mock, task_id) == "succeed"


def test_tasks_are_ended_by_id_and_by_external_id(mock: KlingMock, steer: Any) -> None:
    first, second = created(mock), created(mock, "order-2")
    status, output, _ = steer("complete", first, "order-2")
    assert status == 0
    assert [line.split()[:2] for line in output] == [[first, "succeed"], [second, "succeed"]]
    assert output[1].endswith("external id order-2")


def test_the_newest_open_task_or_all_of_them(mock: KlingMock, steer: Any) -> None:
    """`--latest` ends one, `--all` the rest; then no task is open."""
    tasks = [created(mock) for _ in range(3)]
    assert steer("complete", "--latest")[0] == 0
    assert [status_of(mock, task) for task in tasks] == ["submitted", "submitted", "succeed"]
    status, output, _ = steer("fail", "--all", "--code", "1301", "--message", "withheld")
    assert status == 0
    assert [line.split()[0] for line in output] == tasks[:2]
    assert all(line.endswith("withheld") for line in output)
    assert steer("complete", "--latest")[::2] == (1, "kling-mock: no task is open\n")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ((), 2, "no task given; give ids, --latest or --all"),
        (("x", "--all"), 2, "no task given; give ids, --latest or --all"),
        (("nobody",), 1, "There is no task 'nobody'; it must be the task id or the external id"),
        (("1" * 18,), 1, "no task"),
        (("ended",), 1, "it will never change again"),
    ],
)
def test_which_task(
    mock: KlingMock, steer: Any, words: tuple[str, ...], status: int, message: str
) -> None:
    """An unclear, unknown or ended task is named, and nothing changes."""
    task_id = created(mock, "ended")
    mock.clock.advance(3600)
    exit_status, output, complaint = steer("complete", *words)
    assert (exit_status, output) == (status, [])
    assert message in complaint
    assert status_of(mock, task_id) == "succeed"


def test_an_external_id_of_two_accounts(mock: KlingMock, steer: Any) -> None:
    """It names no task; the command guesses nothing."""
    account = mock.accounts.add("second")
    created(mock, "same")
    with mock.client(api_key=account.api_key) as kling:
        kling.text2video.create(prompt="a", model_name="kling-v2-6", external_task_id="same")
    status, _, complaint = steer("complete", "same")
    assert status == 1
    assert "Tasks of several accounts have the external id 'same'" in complaint


# ---------------------------------------------------------------- looking


def test_tasks_are_listed(mock: KlingMock, steer: Any) -> None:
    """The newest first, as lines or as JSON; one status alone."""
    first, second = created(mock), created(mock)
    assert [line.split()[0] for line in steer("tasks")[1]] == [second, first]
    steer("complete", first)
    (row,) = steer("tasks", "--status", "succeed", "--json")[1]
    assert json.loads(row)["task_id"] == first
    status, _, complaint = steer("tasks", "--limit", "0")
    assert status == 1
    assert "limit: must be" in complaint


def test_the_tail_shows_requests_and_callbacks(
    mock: KlingMock, steer: Any, receiver: Receiver
) -> None:
    """They are sorted by time, and have the task that a create has made."""
    receiver.answers = [500]
    task_id = created(mock, callback_url=receiver.url)
    mock.clock.advance(7200)
    _, output, _ = steer("tail", "--no-follow", "--lines", "100")
    create, *callbacks = [line for line in output if task_id in line]
    assert f"POST  /v1/videos/text2video  200  task {task_id}" in create
    assert all("callback" in line and receiver.url in line for line in callbacks)
    assert callbacks[0].endswith("500")
    assert any(line.endswith("attempt 2") for line in callbacks)
    assert len(steer("tail", "--no-follow", "--lines", "2")[1]) == 2
    matching = steer("tail", "--no-follow", "--match", "POST *")[1]
    assert len(matching) == 1


def test_a_line_has_nothing_that_a_terminal_obeys(mock: KlingMock, steer: Any) -> None:
    """An application, or whoever reaches the server, chooses paths and ids."""
    created(mock, "\x1b]0;owned\x07")
    mock.clock.advance(60)
    assert all(line.isprintable() for line in steer("tasks")[1] + steer("tail", "--no-follow")[1])


@pytest.mark.slow
def test_the_tail_follows(mock: KlingMock, tmp_path: Path) -> None:
    """Each request is shown once, soon after it came; a reset restarts the count."""
    ready = tmp_path / "ready.json"
    line = {"kling_url": mock.kling_url, "admin_token": mock.admin_token}
    ready.write_text(json.dumps(line), encoding="utf-8")
    task = created(mock)
    with command("tail", "--server", str(ready)) as tail:
        assert tail.stdout is not None
        assert task in tail.stdout.readline()
        for _ in range(2):
            task = created(mock)
            assert task in tail.stdout.readline()
        mock.reset(seed=8)
        task = created(mock)
        assert task in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 0


@pytest.mark.slow
def test_the_tail_ends_with_its_reader(mock: KlingMock, tmp_path: Path) -> None:
    """It ends quietly, as in `kling-mock tail | head -1`."""
    ready = tmp_path / "ready.json"
    line = {"kling_url": mock.kling_url, "admin_token": mock.admin_token}
    ready.write_text(json.dumps(line), encoding="utf-8")
    created(mock)
    with command("tail", "--server", str(ready)) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        created(mock)
        assert tail.wait(10) == 141
        assert tail.stderr.read() == ""


@contextmanager
def command(
    *words: str, stdout: int = subprocess.PIPE, environment: Mapping[str, str] | None = None
) -> Generator[subprocess.Popen[str]]:
    """Run `kling-mock WORDS` in a process of its own, which is killed in the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
    with subprocess.Popen(
        [sys.executable, "-m", "kling_mock", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# ---------------------------------------------------------------- callbacks


def test_the_callbacks_of_a_new_task_are_triggered(
    mock: KlingMock, steer: Any, receiver: Receiver
) -> None:
    """An application gets what Kling sends of a task that fails, or succeeds."""
    status, output, _ = steer("trigger", "failed", "--to", receiver.url, "--external-id", "mine")
    assert status == 0
    assert [callback.task["task_status"] for callback in receiver.received][-1] == "failed"
    assert receiver.received[-1].task["task_info"]["external_task_id"] == "mine"
    assert len(output) == len(receiver.received)
    assert all(line.endswith("200") for line in output)
    assert steer("trigger", "succeed", "--to", receiver.url)[0] == 0
    assert receiver.received[-1].task["task_result"]["videos"]
    assert mock.journal.unexpected == []


def test_an_application_that_refuses_a_callback_fails_the_command(
    steer: Any, receiver: Receiver
) -> None:
    """The output shows the application's responses, also a missing one."""
    receiver.answers = [401] * 10
    status, output, _ = steer("trigger", "succeed", "--to", receiver.url)
    assert status == 1
    assert all("401" in line for line in output)
    status, output, _ = steer("trigger", "succeed", "--to", closed_url())
    assert status == 1
    assert all("ClientConnectorError" in line for line in output)
    status, output, _ = steer("trigger", "succeed", "--to", "http://192.0.2.1/")
    assert status == 1
    assert "--callback-host" in output[-1]


def test_without_the_ready_line_a_key_is_made(
    mock: KlingMock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The admin token is enough."""
    monkeypatch.setenv("KLING_MOCK_ADMIN_TOKEN", mock.admin_token)
    words = ["trigger", "succeed", "--to", receiver.url, "--server", mock.kling_url]
    assert main(words) == 0
    assert receiver.received


def test_callbacks_are_replayed(mock: KlingMock, steer: Any, receiver: Receiver) -> None:
    """One is replayed by its id, or all of a task, byte for byte or signed again."""
    mock.accounts["default"].add_webhook_secret()
    task_id = created(mock, callback_url=receiver.url)
    mock.clock.advance(3600)
    sent = len(receiver.received)
    delivery_id = mock.deliveries[-1].delivery_id
    assert steer("replay-callback", delivery_id)[0] == 0
    assert receiver.received[sent].body == receiver.received[sent - 1].body
    old = receiver.received[sent].headers["webhook-timestamp"]
    assert old == receiver.received[sent - 1].headers["webhook-timestamp"]
    status, output, _ = steer("replay-callback", task_id, "--resign")
    assert status == 0
    assert len(output) == len(receiver.received) - sent - 1 == sent
    assert all(line.endswith("replayed") for line in output)
    assert receiver.received[-1].headers["webhook-timestamp"] > old
    assert steer("replay-callback", "nothing")[0] == 1


def test_an_old_callback_is_replayed(
    mock: KlingMock, steer: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is printed, although a page of newer callbacks came since."""
    monkeypatch.setattr("kling_mock.cli.steering._TAIL_PAGE", 2)
    for _ in range(2):
        created(mock, callback_url=receiver.url)
        mock.clock.advance(3600)
    oldest = mock.deliveries[0].delivery_id
    status, output, _ = steer("replay-callback", oldest)
    assert (status, len(output)) == (0, 1)
    assert output[0].endswith("replayed")


def test_a_callback_is_sent_changed(mock: KlingMock, steer: Any, receiver: Receiver) -> None:
    """The body or the address is changed; a task with several callbacks needs a choice."""
    task_id = created(mock, callback_url=closed_url())
    mock.clock.advance(0)
    words = ("replay-callback", mock.deliveries[-1].delivery_id, "--to", receiver.url)
    status, output, _ = steer(*words, "--body", "{}")
    assert (status, receiver.received[-1].body) == (0, b"{}")
    assert len(output) == 1
    status, _, error = steer("replay-callback", task_id, "--body", "{}")
    assert (status, "change one delivery" in "".join(error)) == (2, True)


# ---------------------------------------------------------------- faults


def test_faults_are_added_listed_and_ended(mock: KlingMock, steer: Any) -> None:
    """They have a kind, a target and settings; a setting is JSON, else text."""
    status, output, _ = steer(
        *("fault", "add", "status", "http=503", "message=busy", "--times", "2"),
        *("--match", "POST /v1/*", "--after", "1", "--external-id", "order-*"),
    )
    assert status == 0
    assert output[0].endswith("has happened 0 of 2 times")
    (fault,) = mock.faults
    assert (fault.settings["http"], fault.settings["message"]) == (503, "busy")
    assert (fault.times, fault.after, fault.where.external_id) == (2, 1, "order-*")
    assert steer("fault", "list")[1] == output
    assert steer("fault", "remove", fault.fault_id)[0] == 0
    assert list(mock.faults) == []
    assert steer("fault", "remove", fault.fault_id)[0] == 1
    steer("fault", "add", "latency")
    assert steer("fault", "clear")[1] == ["faults that have ended: 1"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("nonsense",), 1, "kind: must be one of latency, status"),
        (("status", "http"), 2, "a setting must be NAME=VALUE, such as http=503; got 'http'"),
        (("status", "http=9"), 1, "http"),
    ],
)
def test_a_fault_that_cannot_be(
    steer: Any, words: tuple[str, ...], status: int, message: str
) -> None:
    exit_status, output, complaint = steer("fault", "add", *words)
    assert (exit_status, output) == (status, [])
    assert message in complaint


# ---------------------------------------------------------------- which server


def ready_of(mock: KlingMock) -> dict[str, str | None]:
    return {"kling_url": mock.kling_url, "admin_token": mock.admin_token, "api_key": mock.api_key}


def test_the_server_that_a_person_has_started_is_found(
    mock: KlingMock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server that has ended is skipped; if two are running, neither is chosen."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    where = folder(os.environ)
    gone = {"kling_url": closed_url().rstrip("/"), "admin_token": "x"}
    assert main(["tasks"]) == 1
    assert (
        "no running server is known; start one with 'kling-mock serve'" in capsys.readouterr().err
    )
    with remembered(gone, where), remembered(ready_of(mock), where):
        assert main(["tasks"]) == 0
        with KlingMock(relay=False) as second, remembered(ready_of(second), where):
            assert main(["tasks"]) == 1
            assert "choose one with --server" in capsys.readouterr().err
            assert main(["tasks", "--server", second.kling_url]) == 0
    assert find_servers(None, os.environ) == []


def test_only_the_person_can_read_what_is_remembered(mock: KlingMock, tmp_path: Path) -> None:
    """It has the server's keys."""
    where = tmp_path / "servers"
    with remembered(ready_of(mock), where):
        (path,) = where.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(where.stat().st_mode) == 0o700
    assert list(where.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_nothing(mock: KlingMock, tmp_path: Path) -> None:
    """The server runs; commands then need its address."""
    (tmp_path / "file").touch()
    with remembered(ready_of(mock), tmp_path / "file" / "servers"):
        pass


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, Path("/run/user/7/kling-mock")),
        ({"XDG_CACHE_HOME": "/var/me"}, Path("/var/me/kling-mock/servers")),
        ({}, Path.home() / ".cache/kling-mock/servers"),
    ],
)
def test_where_servers_are_remembered(environment: Mapping[str, str], path: Path) -> None:
    assert folder(environment) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "Expecting value"),
        ("[]", "it must be a JSON object with kling_url and admin_token"),
        ('{"kling_url": 1, "admin_token": "x"}', "it must be a JSON object"),
    ],
)
def test_a_file_without_a_ready_line(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and what can be given instead."""
    path = tmp_path / "ready.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["tasks", "--server", str(path)]) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert "give --server FILE with the line that 'kling-mock serve' prints" in complaint


def test_what_is_no_server(
    mock: KlingMock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A URL without a token, a wrong token, a closed port, another service; no token is shown."""
    assert main(["tasks", "--server", mock.kling_url]) == 2
    assert "the admin token must be in KLING_MOCK_ADMIN_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("KLING_MOCK_ADMIN_TOKEN", "wrong-token")
    for url, message in (
        (mock.kling_url, "token"),
        (closed_url(), "does not respond (ConnectError"),
    ):
        assert main(["tasks", "--server", url]) == 1
        complaint = capsys.readouterr().err
        assert message in complaint
        assert "wrong-token" not in complaint


def test_a_page_of_another_service(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that is not JSON is not from the emulated Kling."""
    monkeypatch.setenv("KLING_MOCK_ADMIN_TOKEN", "x")
    with (
        connect(receiver.url) as client,
        pytest.raises(Exception, match="is not an emulated Kling"),
    ):
        client.call("advance_clock", {"seconds": 1})


# ---------------------------------------------------------------- on a terminal


@pytest.mark.slow
def test_a_person_on_a_terminal_is_told_what_to_do(tmp_path: Path) -> None:
    """It says where to look, what to set and how to steer; the commands then find the server."""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    ours, theirs = pty.openpty()
    with command(*SERVE, stdout=theirs, environment=environment) as process:
        os.close(theirs)
        text = read_until(ours, "KLING_RELAY_TOKEN=sk-")
        assert "/__kling/" in text
        assert "export KLING_BASE_URL=http://127.0.0.1:" in text
        assert "kling-mock tail" in text
        with command("tasks", environment=environment) as tasks:
            output, complaint = tasks.communicate(timeout=20)
        assert (tasks.returncode, output, complaint) == (0, "", "no task\n")
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert list((tmp_path / "kling-mock").iterdir()) == []
    os.close(ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "visible", "hidden"),
    [
        (("--json",), '{"relay_url"', "Look at it"),
        (("--no-admin",), "with --speed 60", "Steer it"),
        (("--speed", "60"), "--download", "2 minutes"),
        (("--clock", "manual"), "--download", "2 minutes"),
    ],
)
def test_a_terminal_with_other_wishes(
    words: tuple[str, ...], visible: str, hidden: str, tmp_path: Path
) -> None:
    """The line of JSON, where it is wanted; no word of an admin API that is off."""
    ours, theirs = pty.openpty()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with command(*SERVE, *words, stdout=theirs, environment=environment):
        os.close(theirs)
        text = read_until(ours, "sk-")
        assert visible in text
        assert hidden not in text
        assert hidden == "2 minutes" or list(tmp_path.iterdir()) == []
    os.close(ours)


def read_until(terminal: int, mark: str) -> str:
    """Return what is on a terminal once it shows *mark*."""
    text = ""
    while mark not in text:
        text += os.read(terminal, 4096).decode()
    return text
