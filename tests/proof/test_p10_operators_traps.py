"""P10: an operator's mistake is reported in one line, and does no harm.

Each trap is carried out with the command line that an operator would use. `-s` shows a table of
the commands and their answers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest

from kling_mock.cli.main import main
from kling_mock.web.access import FREE
from tests.clusters.servers import free_ports
from tests.mock.receiver import Receiver
from tests.mock.relay.storage.databases import MYSQL, POSTGRES, need
from tests.started import SERVE, started

pytestmark = pytest.mark.slow

NOWHERE: Final = "http://127.0.0.1:9"
HOUR: Final = 3_600


@attrs.frozen
class Shell:
    """Runs commands of an operator on a SQLite file, and remembers what they answered."""

    folder: Path
    read: Callable[[], tuple[str, str]]
    answers: list[tuple[str, str]]

    @property
    def file(self) -> Path:
        return self.folder / "relay.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def run(self, *words: str) -> tuple[int, list[str], list[str]]:
        """Run a command in this process; return its status and the lines of both outputs."""
        status = main([*words])
        output, complaint = self.read()
        return status, output.splitlines(), complaint.splitlines()

    def refused(self, *words: str) -> str:
        """Run a command that is refused in one line; return it."""
        status, output, (line,) = self.run(*words)
        assert (status, output) == (1, [])
        return line

    def run_json(self, *words: str) -> dict[str, Any]:
        """Run a command that prints one line; return what it shows."""
        status, (line,), _ = self.run(*words, "--db", self.url)
        assert status == 0
        fields: dict[str, Any] = json.loads(line)
        return fields

    @contextmanager
    def running(
        self, *words: str, **environment: str
    ) -> Iterator[tuple[dict[str, Any], Callable[[str], str]]]:
        """Run a server; yield its ready line, and what waits for a line of its log."""
        log = self.folder / f"log{len(list(self.folder.glob('log*')))}"

        def logged(pattern: str) -> str:
            until = time.monotonic() + 30
            while not (line := re.search(f".*(?:{pattern}).*", log.read_text("utf-8"))):
                assert time.monotonic() < until, log.read_text("utf-8")
                time.sleep(0.05)
            return line.group()

        with (
            log.open("w") as lines,
            started(*words, "--db", self.url, variables=environment, errors=lines) as (
                process,
                ready,
            ),
        ):
            yield ready, logged
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0

    def answer(self, words: tuple[str, ...], line: str, before: str = "") -> None:
        """Record the response of a command; *before* sets its environment."""
        command = f"{before}kling-mock {' '.join(words)}".replace(self.url, "sqlite:///relay.db")
        self.answers.append((command, line))


@pytest.fixture(scope="module")
def answers() -> Iterator[list[tuple[str, str]]]:
    """The table of commands and answers, which is printed in the end."""
    rows: list[tuple[str, str]] = []
    yield rows
    print("\nP10 traps of an operator")  # noqa: T201 - the table
    for command, answer in rows:
        print(f"| `{command}` | {answer} |")  # noqa: T201 - the table


@pytest.fixture
def shell(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answers: list[tuple[str, str]],
) -> Shell:
    for name in [name for name in os.environ if name.startswith("KLING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KLING_API_KEY", "a-key-of-mine")

    def read() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    return Shell(tmp_path, read, answers)


RELAY: Final = ("relay", "--port", "0", "--upstream")


@pytest.mark.parametrize("variable", ["KLING_MOCK_RELAY_TOKEN", "KLING_MOCK_ADMIN_TOKEN"])
def test_a_token_that_can_be_guessed(
    shell: Shell, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "secret")
    words = (*RELAY, NOWHERE, "--db", shell.url)
    line = shell.refused(*words)
    assert line.startswith(f"kling-mock: {variable}: must have 16 characters")
    assert not shell.file.exists()
    shell.answer(words, line, before=f"{variable}=secret ")


def test_a_speed_in_front_of_something_that_is_no_emulator(shell: Shell) -> None:
    with closing(Receiver()) as real:
        words = (*RELAY, real.url, "--db", shell.url, "--speed", "60")
        line = shell.refused(*words)
    shell.answer(words, line)
    assert line.startswith("kling-mock: --speed: the server at --upstream is not an emulated Kling")
    assert not shell.file.exists()


def test_an_upstream_that_is_the_relay_itself(shell: Shell) -> None:
    port = str(free_ports(1)[0])
    words = ("relay", "--port", port, "--upstream", f"http://127.0.0.1:{port}", "--db", shell.url)
    line = shell.refused(*words)
    shell.answer(words, line)
    assert "is this relay's own address; it must be Kling's" in line
    assert not shell.file.exists()


@pytest.fixture
def servers() -> None:
    """Use both servers; it has to come before `shell`, which takes the variables of tests away."""
    need("mysql")
    need("postgres")


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        (f"mysql://nobody:hunter2@127.0.0.1:{MYSQL[1]}/relay", "wrong user or password"),
        (f"mysql://root@127.0.0.1:{MYSQL[1]}/kling_x", "there is no such database"),
        ("mysql://root@127.0.0.1:9/relay", "nothing listens there"),
        (f"postgresql://postgres@127.0.0.1:{POSTGRES[1]}/kling_x", "there is no such database"),
        ("sqlite:////nowhere/relay.db", "unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_used(shell: Shell, address: str, why: str) -> None:
    """The answer is in words, and without the password."""
    words = (*RELAY, NOWHERE, "--db", address)
    status, output, (*_, line) = shell.run(*words)
    assert (status, output) == (1, [])
    assert line.startswith("kling-mock: ")
    assert why in line
    assert "hunter2" not in line
    shell.answer(words, line)


def serve_changes_nothing(shell: Shell) -> None:
    """Start and end an emulated Kling on the file, and compare what it has."""
    tables = ("users", "tokens", "channels")
    with closing(sqlite3.connect(shell.file)) as file:
        before = {table: file.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
        with shell.running(*SERVE) as (_, logged):
            after = {table: file.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
            changed = [table for table in tables if after[table] != before[table]]
            assert changed == []
            line = logged("no channel has both the address and the key")
    assert "the start has changed none of them" in line
    shell.answer((*SERVE, "--db", shell.url), line)


def test_serve_on_the_database_of_a_relay(shell: Shell) -> None:
    """The channel leads to a gateway on this computer, as that of an emulator would."""
    shell.run_json("user", "add", "alice", "--quota", "500")
    gateway = ("channel", "add", "--name", "gateway", "--base-url", NOWHERE)
    shell.run_json(*gateway, "--key-env", "KLING_API_KEY")
    serve_changes_nothing(shell)


def test_the_check_catches_a_serve_that_changes_a_channel(shell: Shell) -> None:
    """Negative control: a database that `serve` has made follows it."""
    with shell.running(*SERVE):
        pass
    with pytest.raises(AssertionError, match="channels"):
        serve_changes_nothing(shell)


def test_no_secret_for_callbacks_and_guesses_behind_the_same_proxy(shell: Shell) -> None:
    """Users' secrets are those of before the restart; guesses make only guesses wait."""
    words, environment = (*RELAY, NOWHERE), {"KLING_API_KEY": "a-key-of-mine"}
    secrets: list[str] = []
    guesses: list[int] = []
    served: list[int] = []
    for _ in range(2):
        with (
            shell.running(*words, **environment) as (ready, _),
            httpx.Client(base_url=ready["relay_url"], timeout=20) as http,
        ):
            right = {"Authorization": f"Bearer {ready['admin_token']}"}
            user = http.get("/__kling/relay/users/default", headers=right)
            secrets.append(user.json()["webhook_secret"])
            wrong = {"Authorization": "Bearer a-guess"}
            guesses = [
                http.get("/__kling/relay/overview", headers=wrong).status_code
                for _ in range(FREE + 2)
            ]
            assert guesses[-1] == 429
            served = [
                http.get(path, headers=right).status_code
                for path in ("/__kling/relay/overview", "/metrics")
            ]
            assert served == [200, 200]
    assert secrets[0] == secrets[1]
    shell.answer(words, "users' webhook secrets are those of the start before")
    shell.answer(
        words, f"{FREE + 2} wrong admin tokens: {guesses[-1]}; the right one and /metrics: {served}"
    )


def test_open_tasks_that_were_deleted(shell: Shell) -> None:
    """Their holds are released by a command, which shows first what it would do."""
    shell.run_json("user", "add", "alice", "--quota", "500")
    shell.run_json("token", "add", "alice")
    with closing(sqlite3.connect(shell.file)) as file, file:
        file.executescript(
            "UPDATE users SET held_quota = 90; UPDATE tokens SET held_quota = 90;"
            "INSERT INTO ledger (kind, reference, user_id, token_id, amount)"
            " VALUES ('hold', 'deleted', 1, 1, 90)"
        )
    words = ("reconcile", "--repair", "--release-deleted")
    status, lines, _ = shell.run(*words, "--db", shell.url)
    assert (status, len(lines)) == (1, 4)
    status, (release, *_, books), _ = shell.run(*words, "--yes", "--db", shell.url)
    assert json.loads(release)["insert"]["amount"] == -90
    assert (status, json.loads(books)["held"], json.loads(books)["is_explained"]) == (0, 0, True)
    shell.answer((*words, "--yes"), release)


def test_another_process_of_the_file_whose_clock_is_a_day_ahead(shell: Shell) -> None:
    """This process fails no task for its age while it does not know whose clock is right."""
    shell.run_json("user", "add", "alice")
    over = threading.Event()

    def live() -> None:
        """Write signs of life as the other process does."""
        with closing(sqlite3.connect(shell.file, timeout=20, isolation_level=None)) as file:
            sign = (
                "INSERT INTO processes (name, beats, beat_at) VALUES ('other', 1, ?)"
                " ON CONFLICT (name) DO UPDATE SET beats = beats + 1, beat_at = excluded.beat_at"
            )
            while not over.wait(0.1):
                file.execute(sign, (int(time.time()) + 25 * HOUR,))

    other = threading.Thread(target=live)
    other.start()
    try:
        words = (*RELAY, NOWHERE)
        with shell.running(*words, KLING_API_KEY="a-key-of-mine") as (ready, logged):
            until = time.monotonic() + 30
            while True:
                health = httpx.get(f"{ready['relay_url']}/health", timeout=20).json()
                if health.get("clock", {}).get("fault") == "apart":
                    break
                assert time.monotonic() < until, health
                time.sleep(0.1)
            line = logged("what another process writes into the same SQLite file")
    finally:
        over.set()
        other.join()
    assert abs(abs(health["clock"]["apart_seconds"]) - 25 * HOUR) < 70
    shell.answer(words, line)
