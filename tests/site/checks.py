"""The checks of a built site, read from its files."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

_HOST: Final = "http://site"
#: Elements whose address the browser fetches by itself, and the attribute that has it.
_FETCHED: Final = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_NOT_FETCHED: Final = frozenset({"alternate", "canonical", "describedby", "next", "prev"})


class Document(HTMLParser):
    """A page of the site.

    Attributes:
        address: Where it is, relative to the site.
        ids: Its anchors.
        links: Where its links lead.
        fetched: What a browser fetches to show it.
        pickers: Where its language picker leads.
        pictures: The alternative texts of its pictures.
    """

    def __init__(self, address: str, text: str, base: str = "/") -> None:
        super().__init__()
        self._home = _HOST + base
        self.address = address
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.pickers: list[str] = []
        self.pictures: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element names."""
        attributes = dict(attrs)
        self.ids |= {name for name in (attributes.get("id"), attributes.get("name")) if name}
        address = attributes.get(_FETCHED.get(tag, "href"))
        if tag == "img":
            self.pictures.append(attributes.get("alt"))
        if address is None:
            return
        self.links.append(address)
        relation = (attributes.get("rel") or "").strip()
        if tag in _FETCHED and relation not in _NOT_FETCHED:
            self.fetched.append(address)
        if tag == "a" and relation == "alternate":
            self.pickers.append(self.resolve(address))

    def resolve(self, link: str) -> str:
        """Return where a link leads, relative to the site; with its host if that is another."""
        whole = urljoin(self._home + self.address, link)
        return unquote(whole.removeprefix(self._home))


@functools.cache
def documents(site: Path, base: str = "/") -> dict[str, Document]:
    """Return the pages of a site by address.

    Args:
        site: Its folder.
        base: The path on its host that it is built for: the page of what does not exist names it.
    """
    by_address = {}
    for file in sorted(site.rglob("*.html")):
        address = str(file.relative_to(site)).removesuffix("index.html")
        by_address[address] = Document(address, file.read_text("utf-8"), base)
    return by_address


def dead_links(site: Path, base: str = "/") -> Iterator[str]:
    """Yield each link of the site that leads to a missing file, or to a missing place of a page."""
    pages = documents(site, base)
    for page in pages.values():
        for link in dict.fromkeys(page.links):
            there = page.resolve(link)
            if urlsplit(there).scheme:
                continue
            address, _, anchor = there.partition("#")
            if address in pages:
                if anchor and anchor not in pages[address].ids:
                    yield f"{page.address or 'home'}: {link} (no such anchor)"
            elif not (site / address).is_file():
                yield f"{page.address or 'home'}: {link}"


def outside_requests(site: Path) -> Iterator[str]:
    """Yield what a page, or a style sheet, fetches from another host."""
    for page in documents(site).values():
        for address in page.fetched:
            if urlsplit(page.resolve(address)).scheme not in {"", "data"}:
                yield f"{page.address or 'home'}: {address}"
    for sheet in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        text = sheet.read_text("utf-8")
        for url in re.findall(r"""(?:url\(|@import|href=)\s*["']?(https?:[^"')]*)""", text):
            yield f"{sheet.relative_to(site)}: {url}"
    # The theme's script would fetch what draws such a block.
    for file in site.rglob("*.html"):
        if 'class="mermaid"' in file.read_text("utf-8"):
            yield f"{file.relative_to(site)}: a Mermaid diagram"


def inventory(site: Path) -> dict[str, str]:
    """Return the names that the site documents, with their addresses."""
    _, _, packed = (site / "objects.inv").read_bytes().partition(b"using zlib.\n")
    rows = (line.split(" ") for line in zlib.decompress(packed).decode().splitlines())
    return {row[0]: row[3].replace("$", row[0]) for row in rows}


def sizes_of(site: Path) -> dict[str, int]:
    """Return the bytes of a site by kind of file, the largest first."""
    kinds = {".html": "pages", ".js": "scripts", ".css": "styles", ".json": "OpenAPI and coverage"}
    sizes: dict[str, int] = {}
    for file in site.rglob("*"):
        if file.is_file():
            kind = kinds.get(file.suffix, "others")
            kind = "search" if file.name == "search.json" else kind
            kind = "pictures" if file.suffix in {".png", ".svg"} else kind
            sizes[kind] = sizes.get(kind, 0) + file.stat().st_size
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))
