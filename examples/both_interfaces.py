"""One program on both of Kling's interfaces: only the name of the model differs.

    python examples/both_interfaces.py                    # kling-v3, then kling-3.0
    python examples/both_interfaces.py kling-3.0-turbo    # any models, one after the other

Both run against a Kling inside this program. With `--real` they go to the real one: that costs
units, takes minutes, and needs KLING_API_KEY, since the newer interface takes no key pair. The
files go to `videos/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import Kling, KlingError, TextToVideo


def make_video(kling: Kling, model: str, folder: Path) -> None:
    """Make a video with a model of either interface, and print the outcome."""
    request = TextToVideo(
        prompt="a kitten on the grass",
        model_name=model,
        resolution="1080p",
        aspect_ratio="16:9",
        duration=5,
        external_task_id=f"kitten-{uuid.uuid4()}",
    )
    task = kling.text2video.submit(request)
    again = kling.text2video.submit(request)  # a repeat is answered with the first task
    task = kling.text2video.wait(task)
    file = kling.download(task.videos[0], folder / f"{model}.mp4")
    print(f"{model}: {task.interface}, task {task.task_id}, {task.status}, {task.units} units")
    print(f"  repeated: task {again.task_id}, reused {again.reused}")
    print(f"  {file.path}: {task.videos[0].duration} s, {file.size:,} bytes")


def main() -> int:
    """Run the example; return 0 when every video is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    models = ["kling-v3", "kling-3.0"]
    parser.add_argument("models", nargs="*", default=models, help=f"default: {' '.join(models)}")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.real:
            with Kling() as kling:
                for model in arguments.models:
                    make_video(kling, model, arguments.out)
        else:
            with KlingMock() as mock, mock.client() as kling:
                for model in arguments.models:
                    make_video(kling, model, arguments.out)
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
