"""The documentation site in a browser: no barriers, and it can be used by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_site import built_site
from tests.mock.dashboard.chromium import Chromium, Page, chromium
from tests.site.barriers import ACCEPTED, barriers, served, unexpected

__all__ = ["built_site", "chromium"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # 36 states of 9 pages, and two builders
    pytest.mark.xdist_group("site"),
]

PAGES = ("", "tutorial/", "client/", "first-five-minutes/", "reference/kling_sdk-3-errors/")
#: The reference is English; both sites share it.
PLACES = [*PAGES, *(f"zh/{path}" for path in PAGES if not path.startswith("reference/"))]
WIDTHS = (400, 1400)
SCHEMES = {"light": "default", "dark": "slate"}


@pytest.fixture(scope="module")
def site(built_site: Path) -> Iterator[str]:
    """Return the address of a site that was built just now."""
    with served(built_site) as address:
        yield address


def found_in(page: Page) -> Iterator[tuple[str, list[str]]]:
    """Show a page in each width and both colours; yield what it is shown in, and its barriers.

    The dark one is the light one in other colours.
    """
    for width in WIDTHS:
        page.resize(width)
        for colours, scheme in SCHEMES.items():
            page.colours(colours)
            page.wait(f"document.body.dataset.mdColorScheme === '{scheme}'")
            # Colours that are still on their way are those of neither scheme.
            page.wait("document.getAnimations().every((one) => one.playState !== 'running')")
            violations = barriers(page, of_colours=colours == "dark")
            yield f"{width} px, {colours}", unexpected(violations)


@pytest.mark.parametrize("path", PLACES)
def test_a_page_has_no_barriers(site: str, chromium: Chromium, path: str) -> None:
    """This holds in both languages and colours, on a phone and on a desktop."""
    with chromium.page(f"{site}{path}", still=True) as page:
        for state, violations in found_in(page):
            assert violations == [], state


@pytest.mark.parametrize(
    ("language", "query"), [("", "retries"), ("zh/", "回调")], ids=["en", "zh"]
)
def test_the_opened_search_has_no_barriers(
    site: str, chromium: Chromium, language: str, query: str
) -> None:
    """This holds with its results, in both colours and widths."""
    with chromium.page(f"{site}{language}", still=True) as page:
        search(page, query)
        for state, violations in found_in(page):
            assert violations == [], state


def test_content_and_search_are_reached_by_keyboard(site: str, chromium: Chromium) -> None:
    """The first Tab is the way past the header; `/` opens the search, and Escape closes it."""
    with chromium.page(f"{site}tutorial/", still=True) as page:
        page.press("Tab")
        assert page.run("document.activeElement.matches('.md-skip')")
        assert page.run("getComputedStyle(document.activeElement).opacity") == "1"
        page.press("Enter")
        page.wait("document.activeElement.id === '__skip'")
        assert page.run("document.activeElement.closest('main') !== null")
        page.press("Tab")
        assert page.run("document.activeElement.closest('article') !== null")

        search(page, "callback")
        page.press("Enter")
        page.wait("location.pathname !== '/tutorial/' || location.search.includes('h=')")


def test_wide_code_is_reached_by_keyboard_without_a_mouse(site: str, chromium: Chromium) -> None:
    """The theme's script takes it out of the reach where no pointer hovers."""
    with chromium.page(f"{site}tutorial/", width=400, still=True) as page:
        page.wait(
            "[...document.querySelectorAll('pre > code')]"
            ".filter((one) => one.scrollWidth > one.clientWidth)"
            ".every((one) => one.tabIndex === 0)"
        )


def test_a_page_with_barriers_is_noticed(chromium: Chromium, tmp_path: Path) -> None:
    """Control: a picture without a text, and text that is too light."""
    file = tmp_path / "index.html"
    file.write_text(
        '<html lang="en"><title>x</title><main><h1>x</h1><img src="data:image/gif;base64,R0lGODlhAQ'
        'ABAAAAACwAAAAAAQABAAA="><p style="color: #ccc">light</p></main></html>',
        "utf-8",
    )
    with chromium.page(file.as_uri()) as page:
        violations = barriers(page)
    assert {violation.rule for violation in violations} >= {"image-alt", "color-contrast"}
    assert len(unexpected(violations)) == len(violations)


def test_what_is_accepted_has_a_reason() -> None:
    """Each exception names its rule and the part of the page that it is about."""
    assert all(len(reason) > 40 for _, _, reason in ACCEPTED)


def search(page: Page, query: str) -> None:
    """Open the search by keyboard, and wait for what it finds."""
    root = "[...document.querySelectorAll('body > div')].find((one) => one.shadowRoot)?.shadowRoot"
    page.wait(f"{root} != null")  # the theme's script is there, and listens
    page.run("document.activeElement.blur()")
    page.press("/")
    page.wait(f"{root}?.activeElement?.matches('input')")
    page.type(query)
    page.wait(f"{root}.querySelectorAll('a[href]').length > 0")
