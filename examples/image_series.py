"""A series of pictures that belong together, made of one picture: four stamps of one cat.

    python examples/image_series.py                             # a Kling inside this program
    python examples/image_series.py --picture cat.png --count 6
    python examples/image_series.py --real                      # the real one: costs units

`--real` needs KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. The files go to
`pictures/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import Kling, KlingError

# A 320 x 320 PNG of one colour, so that the example needs no other file.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAUAAAAFAAQMAAAD3XjfpAAAABlBMVEU8eFoAAAC7zTrRAAAAI0lEQVR42u3BAQ0A"
    "AADCoPdPbQ8HFAAAAAAAAAAAAAAAAPwaM0AAAWQoMfMAAAAASUVORK5CYII="
)


def make_series(kling: Kling, picture: bytes, count: int, folder: Path) -> None:
    """Make a series and fetch its pictures, in order."""
    task = kling.omni_image.run(
        prompt="<<<image_1>>> as a series of stamps, one for each season",
        model_name="kling-v3-omni",  # the only one that makes series
        image_list=[picture],
        result_type="series",
        series_amount=count,
        aspect_ratio="3:4",
    )
    print(f"task {task.task_id}: {len(task.series_images)} pictures, {task.units} units")
    for number, image in enumerate(task.series_images, 1):
        file = kling.download(image, folder / f"stamp-{number}.png")
        print(f"  {file.path}: {file.size:,} bytes")


def main() -> int:
    """Run the example; return 0 when every picture is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--picture", type=Path, help="a jpg or png of at least 300 px a side")
    parser.add_argument("--count", type=int, default=4, help="how many pictures, 2 to 9")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        picture = arguments.picture.read_bytes() if arguments.picture else PICTURE
        if arguments.real:
            with Kling() as kling:
                make_series(kling, picture, arguments.count, arguments.out)
        else:
            with KlingMock() as mock, mock.client() as kling:
                make_series(kling, picture, arguments.count, arguments.out)
    except (KlingError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
