"""One product shot in three shapes: a banner, a square and a story, made at the same time.

    python examples/product_in_three_ratios.py                  # a Kling inside this program
    python examples/product_in_three_ratios.py --prompt "a red kettle on slate"
    python examples/product_in_three_ratios.py --real           # the real one: costs units

`--real` needs KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. The files go to
`pictures/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import ImageGeneration, Kling, KlingError

SHAPES = {"banner": "16:9", "square": "1:1", "story": "9:16"}
PROMPT = "a brass compass on moss, product photograph, soft morning light"


def make_pictures(kling: Kling, prompt: str, folder: Path) -> int:
    """Make a picture of each shape; return how many failed."""
    names = list(SHAPES)
    requests = [
        ImageGeneration(prompt=prompt, aspect_ratio=ratio, resolution="2k")
        for ratio in SHAPES.values()
    ]
    cost = sum(kling.estimate(request).units or 0 for request in requests)
    print(f"{len(requests)} pictures will cost {cost} units of an image pack")
    failed = 0
    for outcome in kling.run_many(requests, max_units=cost):
        name = names[outcome.index]
        try:
            task = outcome.result()
            file = kling.download(task.images[0], folder / f"{name}.png")
        except KlingError as error:  # the other pictures are kept
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            failed += 1
            continue
        print(f"{name}: {SHAPES[name]}, task {task.task_id}, {task.units} units, {file.path}")
    return failed


def main() -> int:
    """Run the example; return 0 when every picture is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--prompt", default=PROMPT, help="what to show")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.real:
            with Kling() as kling:
                failed = make_pictures(kling, arguments.prompt, arguments.out)
        else:
            with KlingMock() as mock, mock.client() as kling:
                failed = make_pictures(kling, arguments.prompt, arguments.out)
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
