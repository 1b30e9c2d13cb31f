"""A small app: one video of each product, made once, kept as a file.

    python examples/my_app.py "a red mug"    # needs a key, costs units, takes minutes

How it is tested without a key, units and minutes is in `test_my_app.py`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from kling_sdk import ContentPolicyError, Kling, TaskFailedError


class NoVideoError(Exception):
    """There will be no video of this product; the text says why."""


class VideoShelf:
    """Videos of products, in a folder.

    Args:
        kling: The client that makes videos.
        folder: Where the files are.
    """

    def __init__(self, kling: Kling, folder: Path) -> None:
        self._kling = kling
        self._folder = folder

    def video(self, product: str) -> Path:
        """Return the file with the video of *product*; it is made when first asked for.

        If the app is stopped while it waits, the next call goes on with the same task: the
        external id is the product's, and Kling accepts it once.

        Raises:
            NoVideoError: Kling refuses to make it, or did not succeed.
        """
        name = re.sub(r"\W+", "-", product.lower()).strip("-")
        file = self._folder / f"{name}.mp4"
        if file.exists():
            return file
        try:
            task = self._kling.text2video.create(
                prompt=f"{product} turns slowly on a white table",
                duration=5,
                external_task_id=f"shelf-{name}",
            )
            task = self._kling.text2video.wait(task)
        except (ContentPolicyError, TaskFailedError) as error:
            raise NoVideoError(f"no video of {product!r}: {error}") from error
        return self._kling.download(task.videos[0], file).path


if __name__ == "__main__":
    with Kling() as client:
        print(VideoShelf(client, Path.cwd()).video(sys.argv[1]))
