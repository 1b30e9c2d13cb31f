"""The option `--db` of every command that works on a relay's database."""

from __future__ import annotations

import argparse
import os

__all__ = ["add_database_option"]


def add_database_option(
    parser: argparse.ArgumentParser, about: str = "database", *, required: bool = True
) -> None:
    """Add `--db URL`, whose default is `KLING_MOCK_DB`.

    Args:
        parser: The command's parser.
        about: What the help says.
        required: Whether one of the two has to be given; else the value can be `None`.
    """
    url = os.environ.get("KLING_MOCK_DB") or None
    parser.add_argument(
        "--db",
        default=url,
        required=required and url is None,
        metavar="URL",
        help=f"{about} (KLING_MOCK_DB)",
    )
