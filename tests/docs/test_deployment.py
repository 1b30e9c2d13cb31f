"""The deployment page: every command block is run, in its order, on a real old table."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_mock.storage.migration.session import connect
from tests.migration import tables
from tests.storage.databases import Mysql, need

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


def run(block: str, cwd: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a block in a shell where `kling-mock` is this package's, on a database of ours."""
    program = cwd / "kling-mock"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kling_mock "$@"\n')
    program.chmod(0o755)
    return subprocess.run(
        ["bash", "-ec", block.replace("one_api", name)],
        cwd=cwd,
        env={
            **os.environ,
            "PATH": f"{cwd}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
            "KLING_MOCK_DB": f"mysql://root@127.0.0.1:3306/{name}",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_works_from_top_to_bottom(database: str, tmp_path: Path) -> None:
    """An operator who follows the page gets from an old table to a new one and back."""
    with connect(f"mysql://root@127.0.0.1:3306/{database}") as session:
        tables.make(session, "gorm")
        old = tables.checksum(session)
    statuses = {"kling-mock db check\n": 10}
    for block in blocks(PAGES[0]):
        done = run(block, tmp_path, database)
        assert done.returncode == statuses.get(block, 0), (block, done.stdout, done.stderr)
    assert "CREATE TABLE `videos`" in (tmp_path / "videos.backup.sql").read_text("utf-8")
    assert "not executed" in (tmp_path / "upgrade-mysql.sql").read_text("utf-8")
    with connect(f"mysql://root@127.0.0.1:3306/{database}") as session:
        assert tables.checksum(session) == old
