"""The findings of axe-core on a page of the built site, in a browser."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.mock.dashboard.chromium import AXE, Page

#: What the theme has and neither its settings nor a style sheet can change: the rule, a part of
#: the element that it is about, and why it stays.
ACCEPTED: Final = (
    (
        "landmark-unique",
        "md-code__nav",
        "the theme's script puts a landmark without a name around each button that copies code",
    ),
    (
        "landmark-unique",
        'data-md-level="1"',
        "the theme hides the label that names a section of the navigation",
    ),
    (
        "color-contrast",
        "#shadow",
        "the grey of the search's results is written into its script, and styles do not reach it",
    ),
    (
        "label-content-name-mismatch",
        "#shadow",
        "the script of the search names a result by its title alone, and shows its text too",
    ),
)
_RUN: Final = """axe.run(document, { resultTypes: ["violations"], %s }).then((found) =>
  found.violations.flatMap(({ id, nodes }) => nodes.map((node) => [
    id,
    (Array.isArray(node.target[0]) ? "#shadow " : "") + node.html,
    node.failureSummary,
  ])))"""


class Barrier(NamedTuple):
    """Something that keeps a person out.

    Attributes:
        rule: Name of axe-core's rule.
        element: Its HTML; begins with `#shadow` inside of a component of the theme's script.
        summary: What is wrong with it.
    """

    rule: str
    element: str
    summary: str


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:  # it is a test
        pass


@contextlib.contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a site on this computer; yield its address."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # a page that was left
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def barriers(page: Page, *, of_colours: bool = False) -> list[Barrier]:
    """Return what axe-core finds on a page as it is now.

    Args:
        page: The page.
        of_colours: Check only the contrast of colours.
    """
    if not page.run("typeof axe === 'object'"):
        page.run(f"{AXE.read_text('utf-8')};0")
    rules = 'runOnly: ["color-contrast"]' if of_colours else ""
    return [Barrier(*fields) for fields in page.run(_RUN % rules)]


def unexpected(violations: list[Barrier]) -> list[str]:
    """Return what is not accepted, as text."""
    return [
        json.dumps(violation._asdict(), ensure_ascii=False)[:600]
        for violation in violations
        if not any(
            violation.rule == rule and part in violation.element for rule, part, _ in ACCEPTED
        )
    ]
