"""The deployment page: every command block is run, in its order, on a real old table."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kling_mock.migration.database.session import connect
from tests.mock.migration import tables
from tests.mock.storage.databases import Mysql, need

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "deployment.md", DOCS / "deployment.zh-CN.md"]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def test_both_languages_have_the_same_commands() -> None:
    """Who reads the Chinese page runs the same commands in the same order."""
    assert blocks(PAGES[0]) == blocks(PAGES[1])


@pytest.fixture
def database() -> Iterator[Mysql]:
    need("mysql")
    made = Mysql()
    asyncio.run(made.make())
    try:
        yield made
    finally:
        asyncio.run(made.drop())


def run(block: str, cwd: Path, database: Mysql, ports: dict[str, int]) -> tuple[int, str, str]:
    """Run a block in a shell where `kling-mock` is this package's, on a database of ours."""
    program = cwd / "kling-mock"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kling_mock "$@"\n')
    program.chmod(0o755)
    block = block.replace("one_api", database.name)
    for said, meant in ports.items():
        block = block.replace(said, str(meant))
    done = subprocess.run(
        ["bash", "-ec", f"set -o pipefail; {block}"],
        cwd=cwd,
        env={
            **os.environ,
            "PATH": f"{cwd}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
            "KLING_MOCK_DB": database.url,
            "no_proxy": "*",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


#: What a block prints that an operator is told to look for.
SAID = {
    "kling-mock db check\n": "shape     gorm",
    "kling-mock db verify\n": "pass  checksum",
    "videos/text2video": '"message"',
    "kling-mock reconcile": '"difference": 0',
    "kling-mock db downgrade": "the table is gorm again",
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
            for part, said in SAID.items():
                assert said in out or part not in block, (block, out, err)
    finally:
        if (pid := tmp_path / "relay.pid").exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
    assert "CREATE TABLE `videos`" in (tmp_path / "videos.backup.sql").read_text("utf-8")
    script = (tmp_path / "upgrade-mysql.sql").read_text("utf-8")
    assert "tested on MySQL 9.7, not on 5.7 or 8" in script
    with connect(database.url) as session:
        now = tables.rows(session)
        assert set(old) < set(now)
        assert len(now) == len(old) + 1  # the task that the relay made
