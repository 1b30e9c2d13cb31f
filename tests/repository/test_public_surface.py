"""The public surface changes only when the record is changed."""

from __future__ import annotations

import pytest

from tests import public_surface as surface
from tests.committed import check_copy

CHANGELOG = (surface.ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.committed_copy
def test_the_snapshot_is_the_surface() -> None:
    """A changed name or signature shows in docs/public-surface.txt, and so in the review."""
    check_copy(surface.CURRENT, surface.text(), "python -m tests.public_surface")


def test_what_changed_since_the_release_is_in_the_changelog() -> None:
    """The changelog names each public name that has changed."""
    names = surface.changed_names(
        surface.RELEASED.read_text("utf-8"), surface.CURRENT.read_text("utf-8")
    )

    assert surface.not_in_changelog(names, CHANGELOG) == set()


def test_a_change_without_a_changelog_line_is_found() -> None:
    """The check can fail: a new parameter that the changelog does not mention is named."""
    before = "kling_sdk.Kling: class()(key)\nkling_sdk.Task.units: Decimal\n"
    after = "kling_sdk.Kling: class()(key, region)\nkling_sdk.Task.units: Decimal\n"
    changelog = "# Changelog\n\n## [Unreleased]\n\n- `Task` has units.\n\n## [0.1.0]\n\n- `Kling`\n"

    assert surface.changed_names(before, after) == {"Kling"}
    assert surface.not_in_changelog({"Kling", "Task"}, changelog) == {"Kling"}
