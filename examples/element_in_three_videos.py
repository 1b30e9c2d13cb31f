"""One person in three videos: an element is made once, and each video shows it again.

    python examples/element_in_three_videos.py
    python examples/element_in_three_videos.py --front mara.png --side mara-left.png

It runs against a Kling inside this program. With `--real` it goes to the real one: that costs
units, takes minutes, and needs KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY. Pictures
are files, or URLs that the service can fetch. The files go to `videos/`, or to the folder given by
`--out`. The element is deleted at the end; `--keep` leaves it in the account's library.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import Element, ElementImages, Kling, KlingError, OmniVideo

SCENES = {
    "pier": "<<<element_1>>> walks along a pier at dawn",
    "market": "<<<element_1>>> buys apples at a market",
    "train": "<<<element_1>>> looks out of the window of a train",
}


def make_element(kling: Kling, front: str, side: str) -> Element:
    """Make the element of two pictures."""
    task = kling.elements.run(
        element_name="Mara",
        element_description="a woman in a red coat",
        element_image_list=ElementImages(picture(front), [picture(side)]),
    )
    return task.elements[0]


def picture(place: str) -> str | Path:
    """Return a picture as requests take it: a URL as text, a file as a path."""
    return place if place.startswith(("http://", "https://")) else Path(place)


def make_videos(kling: Kling, element: Element, folder: Path) -> bool:
    """Make a video of each scene; return whether all were made."""
    requests = [OmniVideo(prompt=words, element_list=[element]) for words in SCENES.values()]
    names = list(SCENES)
    well = True
    for outcome in kling.run_many(requests):
        name = names[outcome.index]
        if outcome.task is None or outcome.error is not None:
            print(f"{name}: {outcome.error}", file=sys.stderr)
            well = False
            continue
        file = kling.download(outcome.task.videos[0], folder / f"{name}.mp4")
        print(f"{name}: {file.path}, {outcome.task.units} units")
    return well


def work(kling: Kling, arguments: argparse.Namespace) -> bool:
    """Make the element and its videos, and take the element away again."""
    element = make_element(kling, arguments.front, arguments.side)
    print(f"element {element.element_id}: {element.name}")
    try:
        return make_videos(kling, element, arguments.out)
    finally:
        if not arguments.keep:
            kling.elements.delete(element)
            print(f"element {element.element_id}: deleted")


def main() -> int:
    """Run the example; return 0 when every video is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--front", default="https://example.com/mara.png", help="its front")
    parser.add_argument("--side", default="https://example.com/mara-left.png", help="its side")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--keep", action="store_true", help="leave the element in the library")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.real:
            with Kling() as kling:
                return 0 if work(kling, arguments) else 1
        with KlingMock() as mock, mock.client() as kling:
            return 0 if work(kling, arguments) else 1
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
