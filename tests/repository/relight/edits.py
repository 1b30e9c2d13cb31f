"""Additions of the recipe to existing files: each text goes after a line of its file."""

from __future__ import annotations

from typing import Final, NamedTuple


class Edit(NamedTuple):
    """A text that goes behind another one, which is in its file once."""

    file: str
    after: str
    text: str


#: A test of what a new endpoint can do, which is no place of the recipe.
TESTS: Final = {"checks.py": "tests/test_relight.py"}
#: Files of this folder, and where they go.
FILES: Final = {
    "facts.py": "kling_sdk/facts/products/relight.py",
    "sdk.py": "kling_sdk/endpoints/relight.py",
    "emulator.py": "kling_mock/kling/endpoints/relight.py",
    "emulator_model_path.py": "kling_mock/kling/endpoints/model_path_relight.py",
    **TESTS,
}

EDITS: Final = (
    Edit(
        "kling_sdk/client/clients.py",
        "        motion_control: Videos of a picture that moves as a video does.\n",
        "        relight: Videos of a picture in another light.\n",
    ),
    Edit(
        "CHANGELOG.md",
        "a one-api style relay; httpx, httpx2 and aiohttp as transports.\n",
        "- `kling.relight`, request class `Relight`: a picture in another light.\n",
    ),
)
