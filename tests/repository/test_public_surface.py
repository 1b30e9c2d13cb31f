"""The public surface changes only when somebody says so."""

from __future__ import annotations

from tests import public_surface as surface

CHANGELOG = (surface.ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_snapshot_is_the_surface() -> None:
    """A changed name or signature shows in docs/public-surface.txt, and so in the review."""
    assert surface.CURRENT.read_text("utf-8").splitlines() == surface.text().splitlines(), (
        "the public surface has changed: run python -m tests.public_surface and look at the diff"
    )


def test_what_changed_since_the_release_is_in_the_changelog() -> None:
    """Whoever updates reads in the changelog which names have changed."""
    names = surface.changed_names(
        surface.RELEASED.read_text("utf-8"), surface.CURRENT.read_text("utf-8")
    )

    assert surface.not_in_changelog(names, CHANGELOG) == set()


def test_a_change_without_a_changelog_line_is_found() -> None:
    """The check is no formality: a new parameter that nobody mentions is named."""
    before = "kling_sdk.Kling: class()(key)\nkling_sdk.Task.units: Decimal\n"
    after = "kling_sdk.Kling: class()(key, region)\nkling_sdk.Task.units: Decimal\n"
    changelog = "# Changelog\n\n## [Unreleased]\n\n- `Task` has units.\n\n## [0.1.0]\n\n- `Kling`\n"

    assert surface.changed_names(before, after) == {"Kling"}
    assert surface.not_in_changelog({"Kling", "Task"}, changelog) == {"Kling"}
