"""`kling-mock channel`, `user`, `token` and `stats`: the operator's work from a shell."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.cli.main import main
from kling_mock.cli.operator import COMMANDS, _rows, operator_on
from kling_mock.relay.domain.credentials import user_secret
from kling_mock.relay.migration.database.session import connect as connect_session
from kling_mock.relay.operator.operations import CALLS
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import NewUser
from tests.mock.relay.http_calls import GUIDE, PRICE, VIDEOS, Caller
from tests.mock.relay.storage.databases import Mysql, SqliteFile, need
from tests.plain_http import NO_TLS
from tests.started import SERVE, started

KEY = "access|a-very-secret-key"
CHANNEL = ("channel", "add", "--name", "two", "--base-url", "http://127.0.0.1:1")


class Shell:
    """Runs commands on one database, in this process."""

    def __init__(self, url: str, read: Callable[[], tuple[str, str]]) -> None:
        self.url = url
        self._read = read
        self.printed = ""

    def run(self, *words: str) -> tuple[int, list[dict[str, Any]], str]:
        """Return the status, the lines of JSON, and the error output."""
        status = main([*words, "--db", self.url])
        output, complaint = self._read()
        self.printed += output + complaint
        return status, [json.loads(line) for line in output.splitlines()], complaint

    def does(self, *words: str) -> dict[str, Any]:
        """Run a command that succeeds and prints one line."""
        status, (line,), _ = self.run(*words)
        assert status == 0
        return line

    def refuses(self, status: int, *words: str) -> str:
        """Run a command that is refused with *status*; return why."""
        got, lines, complaint = self.run(*words)
        assert (got, lines) == (status, [])
        assert complaint.startswith("kling-mock: ")
        return complaint


@pytest.fixture(params=["sqlite", "mariadb"])
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    def read() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    if request.param == "sqlite":
        yield Shell(SqliteFile(tmp_path).url, read)
        return
    need("mysql")
    server = Mysql()
    asyncio.run(server.make())
    try:
        yield Shell(server.url, read)
    finally:
        asyncio.run(server.drop())


def test_a_channel_is_made_changed_and_deleted(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys come from the environment, a file or standard input, and are never shown again."""
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    channel = shell.does(*CHANNEL, "--key-env", "UPSTREAM_KEY", "--model-mapping", '{"a": "b"}')
    assert (channel["id"], channel["status"], len(channel["keys"])) == (1, "enabled", 1)
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\nother|another-secret-key\n")
    secrets = tmp_path / "secrets"
    secrets.write_text("whsec_" + "QUJD" * 8)
    changed = shell.does(
        *("channel", "set", "two", "--key-file", str(keys), "--priority", "7"),
        *("--webhook-secrets-file", str(secrets)),
    )
    assert (len(changed["keys"]), changed["priority"], changed["webhook_secrets"]) == (2, 7, 1)
    assert changed["model_mapping"] == '{"a": "b"}'  # what is not named stays
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    assert shell.does("channel", "set", "1", "--key-file", "-")["keys"] == channel["keys"]
    assert shell.does("channel", "disable", "two")["status"] == "disabled"
    assert shell.does("channel", "enable", "two")["status"] == "enabled"
    assert shell.does("channel", "list")["name"] == "two"
    assert shell.does("channel", "delete", "two")["status"] == "deleted"
    assert shell.run("channel", "list") == (0, [], "")
    assert shell.does("channel", "list", "--deleted")["status"] == "deleted"
    for hidden in ("a-very-secret-key", "another-secret-key", "QUJD"):
        assert hidden not in shell.printed


def test_users_and_their_money(shell: Shell) -> None:
    """A top-up is booked once per reference; a deleted user is gone, and its books stay."""
    assert shell.does("user", "add", "alice", "--quota", "500")["quota"] == 500
    for _ in range(2):
        entry = shell.does("user", "topup", "alice", "100", "--reference", "payment-1")
        assert (entry["kind"], entry["amount"]) == ("credit", 100)
    shell.does("user", "topup", "1", "7", "--note", "a gift")
    assert shell.does("user", "list")["quota"] == 607
    assert shell.does("user", "disable", "alice")["status"] == "disabled"
    assert shell.does("user", "enable", "alice")["status"] == "enabled"
    assert shell.does("user", "delete", "alice")["status"] == "deleted"
    assert shell.run("user", "list") == (0, [], "")
    assert shell.does("user", "list", "--deleted")["username"] == "alice"
    assert shell.does("reconcile")["is_explained"]


def test_a_repair_is_shown_before_it_is_made(shell: Shell) -> None:
    """Status 1 while something is wrong; only `--yes` changes anything."""
    shell.does("user", "add", "alice", "--quota", "500")
    assert shell.run("reconcile", "--repair")[0] == 0
    with connect_session(shell.url) as session:
        session.execute("UPDATE users SET quota = 510, request_count = 3")
    for _ in range(2):
        status, (balance, credited, requests, user), _ = shell.run("reconcile", "--repair")
        assert (status, user["is_explained"], user["difference"]) == (1, False, 10)
        assert (balance["repair"], balance["done"]) == ("user-balance", False)
        assert (balance["insert"]["kind"], balance["insert"]["amount"]) == ("credit", 10)
        assert "id" not in balance["insert"]
        assert (credited["column"], credited["add"]) == ("credited_quota", 10)
        assert requests == {
            "repair": "user-requests",
            "row": "users 1",
            "done": False,
            "column": "request_count",
            "add": -3,
        }
    status, (balance, _, requests, user), _ = shell.run("reconcile", "--repair", "--yes")
    assert (status, user["is_explained"], user["quota"]) == (0, True, 510)
    assert (balance["done"], requests["done"]) == (True, True)
    assert shell.does("reconcile", "--repair", "--yes")["is_explained"]
    assert "--repair" in shell.refuses(2, "reconcile", "--yes")


def test_the_hold_of_a_deleted_task_is_released_by_a_command(shell: Shell) -> None:
    """It is shown first; afterwards the user can spend it, and nothing is left to report."""
    shell.does("user", "add", "alice", "--quota", "500")
    shell.does("token", "add", "alice")
    with connect_session(shell.url) as session:
        for table in ("users", "tokens"):
            session.execute(f"UPDATE {table} SET held_quota = 90")
        session.execute(
            "INSERT INTO ledger (kind, reference, user_id, token_id, amount)"
            " VALUES ('hold', 'deleted', 1, 1, 90)"
        )
    words = ("reconcile", "--repair", "--release-deleted")
    assert shell.run("reconcile", "--repair", "--yes")[0] == 1
    _, (release, user, token, books), _ = shell.run(*words)
    assert (release["insert"]["kind"], release["insert"]["amount"]) == ("release", -90)
    assert {(row["column"], row["add"], row["done"]) for row in (user, token)} == {
        ("held_quota", -90, False)
    }
    assert (books["held"], books["is_explained"]) == (90, False)
    status, (*repairs, books), _ = shell.run(*words, "--yes")
    assert (status, books["held"], books["is_explained"]) == (0, 0, True)
    assert [repair["done"] for repair in repairs] == [True] * 3
    assert shell.does(*words, "--yes")["is_explained"]
    assert "--release-deleted: only with --repair" in shell.refuses(
        2, "reconcile", "--release-deleted"
    )


def test_a_token_is_shown_once(shell: Shell) -> None:
    """`token add` prints it; no other command ever does."""
    shell.does("user", "add", "alice")
    token = shell.does("token", "add", "alice", "--name", "web", "--quota", "9")
    assert token["token"].startswith("sk-")
    shell.printed = ""
    assert shell.does("token", "list", "alice")["remain_quota"] == 9
    assert shell.does("token", "disable", "1")["status"] == "disabled"
    assert shell.does("token", "enable", "1")["status"] == "enabled"
    assert shell.does("token", "delete", "1")["status"] == "deleted"
    assert shell.run("token", "list", "alice") == (0, [], "")
    assert token["token"].removeprefix("sk-") not in shell.printed


def test_receivers_are_switched_off_and_on(shell: Shell) -> None:
    """What fails is listed by user and host; a running relay reads the same rows."""
    shell.does("user", "add", "alice")
    assert shell.run("receiver", "list") == (0, [], "")

    async def fail() -> None:
        store = connect(shell.url)
        await store.open()
        await store.record_failure(1, "dead.example", now=5, off_from=0, min_failures=9)
        await store.close()

    asyncio.run(fail())
    listed = shell.does("receiver", "list")
    assert (listed["user_id"], listed["host"], listed["status"]) == (1, "dead.example", "enabled")
    number = str(listed["id"])
    assert shell.does("receiver", "disable", number)["status"] == "disabled"
    assert shell.does("receiver", "list")["status"] == "disabled"
    assert shell.does("receiver", "enable", number)["status"] == "enabled"
    assert "there is no receiver 99" in shell.refuses(1, "receiver", "enable", "99")
    assert "is not a receiver id" in shell.refuses(2, "receiver", "enable", "dead.example")


def test_a_secret_is_rotated_and_shown_only_where_the_relay_s_own_is_known(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new secret is derived from the relay's own, which may be in its environment only."""
    shell.does("user", "add", "alice")
    first = shell.does("user", "rotate-secret", "alice", "--overlap", "60")
    assert (first["generation"], "webhook_secret" in first) == (1, False)
    monkeypatch.setenv("KLING_MOCK_CALLBACK_SECRET", "relay's own")
    second = shell.does("user", "rotate-secret", "alice", "--overlap", "0")
    assert second["webhook_secret"] == user_secret(b"relay's own", 1, 2)
    assert "webhook_secret" not in shell.does("user", "list")
    assert "overlap_seconds" in shell.refuses(2, "user", "rotate-secret", "alice", "--overlap=-1")


def test_what_cannot_be_done_is_told_by_the_exit_status(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1: the object does not exist, or is taken; 2: a wrong argument, or no database."""
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    shell.does("user", "add", "alice", "--quota", "500")
    shell.does("token", "add", "alice")
    shell.does("token", "delete", "1")
    shell.does(*CHANNEL, "--key-env", "UPSTREAM_KEY")
    assert "there is no user 'bob'" in shell.refuses(1, "user", "delete", "bob")
    assert "already" in shell.refuses(1, "user", "add", "alice")
    another = ("--weight", "2", "--key-env", "UPSTREAM_KEY")
    assert "already" in shell.refuses(1, *CHANNEL, *another)
    assert "is not enough" in shell.refuses(1, "user", "topup", "alice", "-501")
    assert "there is no token 1" in shell.refuses(1, "token", "enable", "1")
    assert "there is no channel 'x'" in shell.refuses(1, "channel", "disable", "x")
    assert "give --key-file" in shell.refuses(2, *CHANNEL)
    assert "no NO_KEY" in shell.refuses(2, *CHANNEL, "--key-env", "NO_KEY")
    assert "key: " in shell.refuses(2, "channel", "set", "two", "--key-file", os.devnull)
    assert "nothing to change" in shell.refuses(2, "channel", "set", "two")
    assert "quota: " in shell.refuses(2, "user", "add", "eve", "--quota", "-1")
    assert "is not a token id" in shell.refuses(2, "token", "disable", "x")


def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse says what is missing; an unknown database is named as such. The status is 2."""
    for words in (["user"], ["channel", "add", "--db", "sqlite://"], ["token", "fly"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert main(["user", "list", "--db", "oracle://x"]) == 2
    assert "a database URL begins with" in capsys.readouterr().err


def test_the_help_says_why_keys_are_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The options for keys name a file or a variable, and the help says why."""
    with pytest.raises(SystemExit):
        main(["channel", "add", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "everybody on the computer can read a command's arguments" in text
    assert "--key-file" in text
    assert "--key " not in text


def test_every_argument_is_a_parameter_of_the_call() -> None:
    """What a command can be told, its call of the API can be told too."""
    prepared = {"key_file", "key_env", "webhook_secrets_file", "quota"}
    for command in (command for group in COMMANDS.values() for command in group.values()):
        call = CALLS[command.call]
        known = {*call.path_parameters, *call.query, *(call.body or {}).get("properties", ())}
        parser = argparse.ArgumentParser()
        for name, settings in command.arguments:
            parser.add_argument(name, **settings)
        names = {action.dest for action in parser._actions} - {"help"}
        assert names - prepared <= known, command.call
        assert command.constants.keys() <= known, command.call


async def test_long_lists_are_listed_whole() -> None:
    """A list of users has as many pages as it needs."""
    store = MemoryStorage()
    for number in range(250):
        await store.create_user(NewUser(f"user {number}"), now=1)
    ids = [row["id"] async for row in _rows(operator_on(store), "list_users", {})]
    assert ids == list(range(1, 251))


# ---------------------------------------------------------------- a relay that runs


@pytest.fixture
def relay(shell: Shell, tmp_path: Path) -> Iterator[dict[str, str]]:
    """`kling-mock serve` over the shell's database; two seconds of its clock are 20 ms."""
    words = (*SERVE, "--speed", "100", "--db", shell.url)
    with started(*words) as (process, ready):
        yield ready
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.mark.slow
def test_a_running_relay_notices(shell: Shell, relay: dict[str, str]) -> None:
    """Users and tokens count at once, channels within two seconds of the relay's clock."""
    with httpx.Client(base_url=relay["relay_url"], timeout=20) as http:

        def create(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return http.post(f"{VIDEOS}/text2video", json=GUIDE, headers=headers).status_code

        def until(status: int) -> None:
            for _ in range(500):
                if create(relay["relay_token"]) == status:
                    return
            raise AssertionError(f"no create was answered with {status}")

        until(200)
        shell.does("user", "add", "alice")
        token = shell.does("token", "add", "alice")
        assert create(token["token"]) == 402
        shell.does("user", "topup", "alice", str(PRICE))
        assert create(token["token"]) == 200
        shell.does("token", "disable", str(token["id"]))
        assert create(token["token"]) == 401
        shell.does("token", "enable", str(token["id"]))
        shell.does("user", "delete", "alice")
        assert create(token["token"]) == 403
        shell.does("channel", "disable", "Kling AI")
        until(503)
        shell.does("channel", "enable", "Kling AI")
        until(200)


# ---------------------------------------------------------------- statistics


def test_stats_tell_days_stuck_tasks_and_slow_statements(shell: Shell) -> None:
    """Totals per day, the ids of stuck tasks, and what the database knows of slow statements."""
    with (
        KlingMock(relay=RelaySettings(database=shell.url), start="now") as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        mock.progress.add("stuck")
        good, bad, stuck = (caller.created() for _ in range(3))
        mock.complete(caller.query(good)["kling_task_id"])
        mock.fail(caller.query(bad)["kling_task_id"])
        mock.clock.advance(60)
        assert caller.query(good)["status"] == "succeed"
        status, lines, _ = shell.run("stats", "--stuck-after", "0")
        stats = caller.operate("GET", "stats")
    assert status == 0
    days = [line for line in lines if "day" in line]
    assert sum(line["total"] for line in days) == 3
    assert sum(line["succeeded"] for line in days) == sum(line["failed"] for line in days) == 1
    assert sum(line["charged"] for line in days) == PRICE
    assert [line["stuck"] for line in lines if "stuck" in line] == [stuck]
    (slow,) = (line["slow_statements"] for line in lines if "slow_statements" in line)
    assert slow["recorded"] or slow["advice"]
    assert lines[-1]["open_tasks"] == 1
    # The same room answers by HTTP, with what that process has measured itself.
    assert stats["slow"] | {"running": [], "statements": []} == slow | {
        "running": [],
        "statements": [],
    }
    assert set(stats["process"]["repeats"]) >= {"deadlock", "busy"}
