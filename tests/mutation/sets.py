"""What is mutated together, and the tests that must notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["SETS", "MutationSet"]


class MutationSet(NamedTuple):
    """A part of the code, and its tests.

    Attributes:
        targets: Files and folders below the root. Generators and generated files are left out.
        tests: The folders and files of its tests; those marked slow are left out.
        slow: The folders and files whose slow tests are run too, with `--thorough`, for what the
            others let pass.
    """

    targets: Sequence[str]
    tests: Sequence[str]
    slow: Sequence[str] = ()


SETS: Final[Mapping[str, MutationSet]] = {
    # What decides what is bought, and what a reply means.
    "sdk": MutationSet(
        targets=tuple(
            f"kling_sdk/{name}"
            for name in ("flows", "wire", "endpoints", "auth.py", "callbacks.py")
        ),
        # The second compares the SDK's table of models with the emulator's.
        tests=("tests/sdk", "tests/mock/kling/endpoints/test_two_tables.py"),
    ),
    # What decides who pays how much, and that each task ends. The relay's prices are made from
    # the SDK's price list.
    "relay": MutationSet(
        targets=(
            "kling_mock/relay/domain",
            "kling_mock/relay/service",
            "kling_mock/storage/transactions",
            "kling_sdk/prices.py",
        ),
        tests=(
            "tests/mock/relay",
            "tests/mock/storage",
            "tests/sdk/test_prices.py",
            "tests/mock/kling/endpoints/test_two_tables.py",
            "tests/docs/test_relay.py",  # compares limits with the page that states them
        ),
        # Concurrent writers; receivers and channels that hang.
        slow=("tests/mock/relay/service", "tests/mock/storage/test_races.py"),
    ),
}
