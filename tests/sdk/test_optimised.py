"""Python without docstrings and assertions: `python -OO`, `PYTHONOPTIMIZE=2`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kling_mock import KlingMock

PROGRAM = """
import asyncio, sys
from kling_sdk import AsyncKling, Kling, TextToVideo

url, key = sys.argv[1:]
with Kling(key, base_url=url) as kling:
    tasks = [kling.text2video.create(prompt="a kitten"), kling.submit(TextToVideo(prompt="a dog"))]
    tasks += [outcome.task for outcome in kling.run_many({"bird": TextToVideo(prompt="a bird")})]

async def main():
    async with AsyncKling(key, base_url=url) as kling:
        return await kling.text2video.wait(await kling.text2video.create(prompt="a fish"))

tasks.append(asyncio.run(main()))
assert False, "which -OO leaves out"
print(*(task.task_id for task in tasks))
"""


@pytest.mark.slow
def test_a_client_works_without_docstrings_and_assertions() -> None:
    """Some containers set PYTHONOPTIMIZE=2 for every program."""
    with KlingMock(clock=1000.0) as mock:
        command = [sys.executable, "-OO", "-c", PROGRAM, mock.kling_url, mock.api_key]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.split()) == 4
