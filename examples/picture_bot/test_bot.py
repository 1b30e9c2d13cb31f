"""The tests of the bot: an emulated Kling, and folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from examples.picture_bot.bot import Mailbox, PictureBot
from kling_mock import KlingMock
from kling_sdk import AsyncKling

CREATE = "POST /v1/images/omni-image"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two empty folders."""
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    inbox.mkdir()
    outbox.mkdir()
    return inbox, outbox


@pytest.fixture
def bot(async_kling: AsyncKling, folders: tuple[Path, Path]) -> PictureBot:
    """The bot."""
    return PictureBot(async_kling, Mailbox(*folders), pause=0.01)


def send(inbox: Path, name: str, wish: str, size: int = 512) -> None:
    """Put a job into the folder."""
    Image.new("RGB", (size, size), "orange").save(inbox / f"{name}.png")
    (inbox / f"{name}.txt").write_text(wish, encoding="utf-8")


async def answered(bot: PictureBot) -> list[str]:
    """Let a bot answer the jobs that are there; return their names."""
    return [name async for name in bot.answers(once=True)]


async def test_each_job_is_answered(
    bot: PictureBot, folders: tuple[Path, Path], kling_mock: KlingMock
) -> None:
    """With a picture, or with the reason why there is none."""
    inbox, outbox = folders
    kling_mock.content.add("knife", "refuse")
    send(inbox, "cat", "give it a red hat")
    send(inbox, "dog", "give it a knife")
    send(inbox, "tiny", "make it blue", size=20)
    (inbox / "notes.txt").write_text("no picture, no job", encoding="utf-8")

    assert sorted(await answered(bot)) == ["cat", "dog"]

    assert sorted(file.name for file in outbox.iterdir()) == ["cat.png", "dog.txt", "tiny.txt"]
    with Image.open(outbox / "cat.png") as edited:
        assert edited.format == "PNG"
    assert "1301" in (outbox / "dog.txt").read_text("utf-8")
    assert "at least 300" in (outbox / "tiny.txt").read_text("utf-8")
    kling_mock.journal.assert_called(CREATE, code=0, times=1)


async def test_a_bot_that_was_stopped_goes_on(
    bot: PictureBot, async_kling: AsyncKling, folders: tuple[Path, Path], kling_mock: KlingMock
) -> None:
    """The answer was lost with the process; the picture is bought once."""
    inbox, outbox = folders
    send(inbox, "cat", "give it a red hat")
    assert await answered(bot) == ["cat"]
    (outbox / "cat.png").unlink()

    assert await answered(PictureBot(async_kling, Mailbox(*folders))) == ["cat"]
    assert (outbox / "cat.png").exists()
    kling_mock.journal.assert_called(CREATE, code=0, times=1)

    assert await answered(PictureBot(async_kling, Mailbox(*folders))) == []
    kling_mock.journal.assert_called(CREATE, times=2)


@pytest.mark.kling_mock(clock=1000)
async def test_jobs_that_come_later_are_answered(
    bot: PictureBot, folders: tuple[Path, Path]
) -> None:
    """Until the bot is stopped."""
    inbox, outbox = folders
    answers = bot.answers()
    for name in ("first", "second"):
        send(inbox, name, "make it blue")
        assert await anext(answers) == name
        assert (outbox / f"{name}.png").exists()
    await answers.aclose()
