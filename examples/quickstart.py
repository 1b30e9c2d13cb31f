"""Four videos: of a text, of a picture, with sound, of two pictures; first sync, then async.

    python examples/quickstart.py            # against a Kling that runs inside this program
    python examples/quickstart.py --real     # against the real one: costs units, takes minutes

`--real` needs KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. The files go to
`videos/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import time
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    ImageToVideo,
    Kling,
    KlingError,
    OmniVideo,
    Task,
    TextToVideo,
)

# A 320 x 320 PNG of one colour, so that the example needs no other file.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAUAAAAFAAQMAAAD3XjfpAAAABlBMVEU8eFoAAAC7zTrRAAAAI0lEQVR42u3BAQ0A"
    "AADCoPdPbQ8HFAAAAAAAAAAAAAAAAPwaM0AAAWQoMfMAAAAASUVORK5CYII="
)

TEXT = TextToVideo(prompt="a kitten on the grass", duration=5, aspect_ratio="16:9")
IMAGE = ImageToVideo(image=PICTURE, prompt="the colour begins to move", mode="pro", duration=10)
OMNI = OmniVideo(
    prompt="a lighthouse in a storm", aspect_ratio="9:16", duration=3, mode="std", sound=True
)
PICTURES = OmniVideo(
    prompt="<<<image_1>>> meets <<<image_2>>>",
    image_list=[PICTURE, PICTURE],
    aspect_ratio="1:1",
    duration=5,
    mode="std",
)

Row = tuple[Task, Path, int]


def sync_half(kling: Kling, folder: Path) -> list[Row]:
    """Make two videos, one after the other."""
    rows: list[Row] = []
    for resource, request in ((kling.text2video, TEXT), (kling.image2video, IMAGE)):
        task = resource.submit(request)
        task = resource.wait(task)
        file = kling.download(task.videos[0], folder / f"{task.endpoint}.mp4")
        rows.append((task, file.path, file.size))
    return rows


async def async_half(kling: AsyncKling, folder: Path) -> list[Row]:
    """Make two videos at the same time."""
    names = ("omni-video", "omni-video-pictures")

    async def keep(name: str, task: Task) -> Row:
        file = await kling.download(task.videos[0], folder / f"{name}.mp4")
        return task, file.path, file.size

    async with kling:
        ended = kling.run_many([OMNI, PICTURES])
        return [await keep(names[one.index], one.result()) async for one in ended]


def show(rows: list[Row], seconds: float) -> None:
    """Print what was made and where it is."""
    print(f"{'endpoint':<12} {'task':<20} {'status':<8} {'video':>6} {'bytes':>9}  file")
    for task, path, size in rows:
        length, name = f"{task.videos[0].duration} s", task.endpoint
        print(f"{name:<12} {task.task_id:<20} {task.status:<8} {length:>6} {size:>9,}  {path}")
    print(f"{len(rows)} videos in {seconds:.1f} s")


def main() -> int:
    """Run the example; return 0 when all four videos are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        if arguments.real:
            with Kling() as kling:
                rows = sync_half(kling, arguments.out)
            rows += asyncio.run(async_half(AsyncKling(), arguments.out))
        else:
            # Waiting takes minutes of the mock's time and none of yours.
            with KlingMock() as mock:
                with mock.client() as kling:
                    rows = sync_half(kling, arguments.out)
                rows += asyncio.run(async_half(mock.async_client(), arguments.out))
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    show(rows, time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
