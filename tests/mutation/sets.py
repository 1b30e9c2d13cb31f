"""The modules that are mutated together, and the tests that must notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple


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
    # Both packages, and all that looks at what they do. Tests of the repository look at its texts.
    "all": MutationSet(
        targets=("kling_sdk", "kling_mock"),
        tests=(
            *(f"tests/{name}" for name in ("sdk", "mock", "e2e", "proof", "docs", "acceptance")),
            "tests/repository/test_endpoints.py",
            "tests/repository/test_public_surface.py",
        ),
    ),
    # What decides what is bought, and what a reply means.
    "sdk": MutationSet(
        targets=tuple(
            f"kling_sdk/{name}"
            for name in ("facts", "flows", "wire", "endpoints", "auth.py", "callbacks.py")
        ),
        # The second compares what the SDK and the emulator make of the facts.
        tests=("tests/sdk", "tests/mock/kling/endpoints/test_two_tables.py"),
    ),
    # What decides who pays how much, and that each task ends. The relay's prices are made from
    # the SDK's price list.
    "relay": MutationSet(
        targets=(
            "kling_mock/relay/domain",
            "kling_mock/relay/service",
            "kling_mock/relay/storage/transactions",
            "kling_sdk/facts/prices.py",
            "kling_sdk/facts/products",
            "kling_sdk/prices.py",
        ),
        tests=(
            "tests/mock/relay",
            "tests/sdk/test_prices.py",
            "tests/mock/kling/endpoints/test_two_tables.py",
            "tests/docs/test_relay.py",  # compares limits with the page that states them
        ),
        # Concurrent writers; receivers and channels that hang.
        slow=("tests/mock/relay/service", "tests/mock/relay/storage/test_races.py"),
    ),
}
