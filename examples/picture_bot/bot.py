"""A bot that edits pictures: put a picture and a wish into its folder, and take the edited one.

    python examples/picture_bot/bot.py inbox outbox           # until Ctrl-C
    python examples/picture_bot/bot.py inbox outbox --real    # costs units, takes half a minute

A job is two files: `cat.png` (or `.jpg`) and `cat.txt`, which says what to change. The answer is
`cat.png` in the other folder, or `cat.txt` with the reason why there is none. The bot works on
several jobs at the same time. If it is stopped and started again it goes on: a job that was
bought is not bought twice. A folder stands for a chat here; a chat service needs another `Mailbox`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import attrs

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    KlingError,
    OmniImageGeneration,
    Outcome,
    ReferenceImage,
    RequestValidationError,
    external_id_for,
)

PICTURES = (".png", ".jpg", ".jpeg")


class Mailbox:
    """Jobs that come in as files, and answers that go out as files.

    Args:
        inbox: The folder with the jobs; a job that is answered stays there.
        outbox: The folder for the answers.
    """

    def __init__(self, inbox: Path, outbox: Path) -> None:
        self._inbox = inbox
        self._outbox = outbox

    def jobs(self) -> list[tuple[str, Path, str]]:
        """Return name, picture and wish of each job that has no answer yet."""
        answered = {file.stem for file in self._outbox.iterdir() if not file.name.startswith(".")}
        found: list[tuple[str, Path, str]] = []
        for picture in sorted(self._inbox.iterdir()):
            wish = picture.with_suffix(".txt")
            is_job = picture.suffix in PICTURES and wish.exists()
            if is_job and picture.stem not in answered:
                found.append((picture.stem, picture, wish.read_text("utf-8").strip()))
        return found

    def place_of(self, name: str) -> Path:
        """Return where the edited picture of a job belongs."""
        return self._outbox / f"{name}.png"

    def refuse(self, name: str, reason: str) -> None:
        """Answer a job with the reason why there is no picture."""
        (self._outbox / f"{name}.txt").write_text(f"{reason}\n", encoding="utf-8")


class PictureBot:
    """Edits the pictures of a mailbox.

    Args:
        kling: The client.
        mailbox: Where jobs come from and answers go.
        pause: Seconds between two looks for jobs.
    """

    def __init__(self, kling: AsyncKling, mailbox: Mailbox, pause: float = 1.0) -> None:
        self._kling = kling
        self._mailbox = mailbox
        self._pause = pause
        self._names: list[str] = []

    async def answers(self, *, once: bool = False) -> AsyncGenerator[str]:
        """Answer jobs, and yield the name of each; with *once* those that are there now."""
        async for outcome in self._kling.run_many(self._requests(once=once), max_concurrent=4):
            name = self._names[outcome.index]
            await self._answer(name, outcome)
            yield name

    async def _requests(self, *, once: bool) -> AsyncIterator[OmniImageGeneration]:
        seen: set[str] = set()
        while True:
            for name, picture, wish in self._mailbox.jobs():
                if name in seen:
                    continue
                seen.add(name)
                try:
                    request = await asyncio.to_thread(request_of, name, picture, wish)
                except RequestValidationError as error:
                    self._mailbox.refuse(name, f"This cannot be edited: {error}")
                    continue
                self._names.append(name)
                yield request
            if once:
                return
            await asyncio.sleep(self._pause)

    async def _answer(self, name: str, outcome: Outcome) -> None:
        try:
            task = outcome.result()
            await self._kling.download(task.images[0], self._mailbox.place_of(name))
        except KlingError as error:
            self._mailbox.refuse(name, f"There is no picture: {error}")


def request_of(name: str, picture: Path, wish: str) -> OmniImageGeneration:
    """Return the request of a job; its external id is the same whenever the bot is started.

    Raises:
        RequestValidationError: The picture or the wish cannot be sent.
    """
    request = OmniImageGeneration(
        prompt=f"<<<image_1>>> {wish}",
        image_list=[ReferenceImage(picture)],
        resolution="1k",
    )
    return attrs.evolve(request, external_task_id=external_id_for(request, f"bot-{name}"))


async def serve(given: argparse.Namespace) -> None:
    """Run the bot on the emulated Kling, or on the real one."""
    mailbox = Mailbox(given.inbox, given.outbox)
    if given.real:
        async with AsyncKling() as kling:
            await tell(PictureBot(kling, mailbox), once=given.once)
    else:
        with KlingMock() as mock:
            async with mock.async_client() as kling:
                await tell(PictureBot(kling, mailbox), once=given.once)


async def tell(bot: PictureBot, *, once: bool) -> None:
    """Run a bot, and print what it has answered."""
    async for name in bot.answers(once=once):
        print(f"{name} is answered", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("inbox", type=Path, help="folder with the jobs")
    parser.add_argument("outbox", type=Path, help="folder for the answers")
    parser.add_argument("--once", action="store_true", help="end when all jobs are answered")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    given = parser.parse_args(arguments)
    for folder in (given.inbox, given.outbox):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(serve(given))
    except KeyboardInterrupt:
        return 0
    except (KlingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
