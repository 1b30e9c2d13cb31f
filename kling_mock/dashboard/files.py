"""The files of the dashboard as they are sent, and the headers that restrict them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from aiohttp import web

#: The pages, by what they show.
EMULATOR: Final = "index.html"
RELAY: Final = "relay.html"

_TYPES: Final = {
    ".html": "text/html;charset=UTF-8",
    ".css": "text/css;charset=UTF-8",
    ".js": "text/javascript;charset=UTF-8",
    ".mjs": "text/javascript;charset=UTF-8",
    ".svg": "image/svg+xml",
}
# Scripts and styles are files of this server; nothing inline runs, and nothing that is made of
# text. Pictures and videos are fetched with the token, and shown from memory.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; media-src blob:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


class StaticFile(NamedTuple):
    """One file.

    Attributes:
        content: Its bytes.
        content_type: As the header has it.
        etag: A strong entity tag, with its quotes.
    """

    content: bytes
    content_type: str
    etag: str

    def to(self, known: str | None) -> web.Response:
        """Return the reply.

        Args:
            known: The tag that the browser has already, from `If-None-Match`.
        """
        headers = {
            "Content-Type": self.content_type,
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",  # kept, and asked for each time
            "ETag": self.etag,
        }
        if known == self.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.content, headers=headers)


@cache
def _names() -> frozenset[str]:
    """Return the names of all files that are sent: licences and the like are not."""
    root = files("kling_mock.dashboard").joinpath("static")
    inside = {"": root, "views/": root.joinpath("views"), "vendor/": root.joinpath("vendor")}
    return frozenset(
        f"{prefix}{file.name}"
        for prefix, folder in inside.items()
        for file in folder.iterdir()
        if PurePosixPath(file.name).suffix in _TYPES
    )


@cache
def _read(name: str) -> StaticFile:
    file = files("kling_mock.dashboard").joinpath("static", *name.split("/"))
    content = file.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:32]
    return StaticFile(content, _TYPES[PurePosixPath(name).suffix], f'"{tag}"')


def find(name: str, page: str) -> StaticFile | None:
    """Return a file; `None` if there is none. It is read when it is first asked for.

    Args:
        name: Its name, with a slash between folder and file; "" is the page itself.
        page: Which page that is.
    """
    if not name:
        return _read(page)
    is_page = name in {EMULATOR, RELAY}
    return _read(name) if name in _names() and not is_page else None
