"""The page on migrations: every command block is run, in its order, on a real old table."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kling_mock.relay.migration.database.session import connect
from tests.mock.relay.migration import one_api_tables, tables
from tests.mock.relay.storage.databases import MYSQL, Mysql, need

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "migration.md", DOCS / "migration.zh-CN.md"]


def blocks(page: Path, language: str = "bash") -> list[str]:
    """Return the commands: in `bash` for `videos` alone, in `sh` for a whole database."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def test_both_languages_have_the_same_commands() -> None:
    """A reader of the Chinese page runs the same commands in the same order."""
    for language in ("bash", "sh"):
        assert blocks(PAGES[0], language) == blocks(PAGES[1], language)


@contextmanager
def _new_database() -> Iterator[Mysql]:
    need("mysql")
    mysql = Mysql()
    asyncio.run(mysql.make())
    try:
        yield mysql
    finally:
        asyncio.run(mysql.drop())


@pytest.fixture
def database() -> Iterator[Mysql]:
    with _new_database() as mysql:
        yield mysql


@pytest.fixture
def old() -> Iterator[Mysql]:
    with _new_database() as mysql:
        yield mysql


def run(
    block: str, cwd: Path, database: Mysql, ports: dict[str, int], old: Mysql | None = None
) -> tuple[int, str, str]:
    """Run a block in a shell where `kling-mock` is this package's, on a database of ours."""
    program = cwd / "kling-mock"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kling_mock "$@"\n')
    program.chmod(0o755)
    block = block.replace("one_api", (old or database).name)
    for documented, actual in ports.items():
        block = block.replace(documented, str(actual))
    done = subprocess.run(
        ["bash", "-ec", f"set -o pipefail; {block}"],
        cwd=cwd,
        env={
            **os.environ,
            "PATH": f"{cwd}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
            "KLING_MOCK_DB": database.url,
            "ONE_API_DB": old.url if old else "",
            "MYSQL_TCP_PORT": f"{MYSQL[1]}",  # port of the page's own client
            "no_proxy": "*",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


#: Output of a block that an operator has to look for.
SAID = {
    "kling-mock db check\n": "shape     gorm",
    "kling-mock db verify\n": "pass  checksum",
    "videos/text2video": '"message"',
    "kling-mock reconcile": '"difference": 0',
    "kling-mock db downgrade": "the table is gorm again",
    "kling-mock db finish": "finished",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_works_from_top_to_bottom(page: Path, database: Mysql, tmp_path: Path) -> None:
    """An operator who follows the page gets a new table, a relay that works on it, and back."""
    with connect(database.url) as session:
        tables.make(session, "gorm")
        old = tables.rows(session)
    ports = {"3000": free_port(), "3001": free_port()}
    try:
        for block in blocks(page):
            status, out, err = run(block, tmp_path, database, ports)
            assert status == (10 if block == "kling-mock db check\n" else 0), (block, out, err)
            for part, phrase in SAID.items():
                assert phrase in out or part not in block, (block, out, err)
    finally:
        if (pid := tmp_path / "relay.pid").exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
    assert "CREATE TABLE `videos`" in (tmp_path / "videos.backup.sql").read_text("utf-8")
    script = (tmp_path / "upgrade-mysql.sql").read_text("utf-8")
    assert "tested on MySQL 9.7, not on 8; 5.7 does not have ROW_NUMBER" in script
    with connect(database.url) as session:
        now = tables.rows(session)
        assert set(old) < set(now)
        assert len(now) == len(old) + 1  # the task that the relay made


def ask(url: str, token: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """Ask the relay as one of the old program's users does."""
    request = urllib.request.Request(  # noqa: S310 - http, of this test
        url,
        data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer sk-{token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    reply: dict[str, object] = json.load(opener.open(request, timeout=20))
    return reply


#: The rows of `videos`: a small database, or the one that is published.
ROWS = 300_000 if os.environ.get("KLING_PROOF_SIZE") == "full" else 600


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_whole_one_api_database_comes_over_by_the_commands_of_the_page(
    page: Path, database: Mysql, old: Mysql, tmp_path: Path
) -> None:
    """Users keep tokens, balances and tasks; the old database is as it was."""
    with connect(old.url) as session:
        one_api_tables.make(session, "gorm", ROWS)
        before = [
            tables.checksum(session, table) for table in ("users", "tokens", "channels", "videos")
        ]
    ports = {"3000": free_port(), "3001": free_port()}
    expected = {'kling-mock db check --db "$ONE_API_DB"\n': 11}
    try:
        for block in blocks(page, "sh"):
            status, out, err = run(block, tmp_path, database, ports, old)
            expected_status = expected.get(block, 10 if "--dry-run" in block else 0)
            assert status == expected_status, (block, out, err)
        relay, key = f"http://localhost:{ports['3000']}/kling/v1/videos", one_api_tables.key_of(3)
        own = one_api_tables.USERS[0][0]
        listed = ask(f"{relay}?limit=100", key)["data"]
        assert isinstance(listed, list)
        assert len(listed) == min(100, ROWS // 5 + 2)
        first = ask(f"{relay}/old-0000000", key)
        assert (first["task_id"], first["status"]) == ("old-0000000", "submitted")
        created = ask(f"{relay}/text2video", key, {"model": "kling-v1", "prompt": "a kitten"})
        assert ask(f"{relay}/{created['task_id']}", key)["task_id"] == created["task_id"]
    finally:
        if (pid := tmp_path / "relay.pid").exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
    with connect(database.url) as session:
        balances = session.query("SELECT id, quota FROM users WHERE id <= 40 ORDER BY id")
        assert balances == [(user[0], user[2]) for user in one_api_tables.USERS]
        assert session.query("SELECT COUNT(*) FROM videos WHERE legacy = 0") == [(1,)]
        assert session.query("SELECT user_id FROM old_users WHERE number = ?", own) == [(own,)]
    with connect(old.url) as session:
        after = [
            tables.checksum(session, table) for table in ("users", "tokens", "channels", "videos")
        ]
        assert after == before
