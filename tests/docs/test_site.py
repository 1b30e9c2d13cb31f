"""The documentation site: every page is in it, in both languages, and leads where it says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.programs import require
from tests.site import checks, command_pages, http_pages, pages
from tests.site.build import BuildError, address_of_files, build, home, share_files
from tests.site.interface_pages import PACKAGES, anchors_of, public_names
from tests.site.languages import CHINESE, ENGLISH
from tests.site.links import anchors, rewrite

ROOT = pages.ROOT
SOURCES = {"README.md", "docs/relay.md", "docs/scaling.md", "docs/decisions/0001-a.md"}
#: Bytes on disk, most of them the text of all pages in both languages and its search index.
LARGEST = 9_500_000
NEEDS_EXTRA = "the extra `docs` is not installed: pip install -e '.[docs]'"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a small repository, one page of which is translated."""
    for name, text in {
        "README.md": "# Home\n",
        "docs/relay.md": "# Relay\n\n## Clocks\n\n## Money\n",
        "docs/scaling.md": "# Scaling\n\n## Many\n",
        "docs/scaling.zh-CN.md": "# 扩展\n\n## 许多\n",
        "docs/decisions/0001-a.md": "# 1. A\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_every_page_is_in_the_navigation() -> None:
    """Each page in docs/ has an entry in `zensical.toml`, where readers find it."""
    assert pages.orphans() == set()


def test_a_page_that_no_section_has_is_found(repository: Path) -> None:
    """Control: an orphan is named."""
    (repository / "zensical.toml").write_text(
        '[project]\nnav = ["README.md", { A = ["docs/relay.md", "docs/decisions/*.md"] }]\n'
    )
    assert pages.orphans(repository) == {"docs/scaling.md"}


def test_a_page_that_is_not_there_yet_is_left_out() -> None:
    """The navigation may name pages that are not written yet; an empty section is left out."""
    plan = ["README.md", {"Start": ["docs/tutorial.md", "docs/relay.md"]}, {"Later": ["docs/x.md"]}]

    navigation = pages.navigation(plan, ["README.md", "docs/relay.md"], {"Start": "开始"})

    assert navigation == ["index.md", {"开始": ["relay.md"]}]


@pytest.mark.parametrize(
    ("language", "source", "link", "expected"),
    [
        (ENGLISH, "README.md", "docs/relay.md#clocks", "relay.md#clocks"),
        (ENGLISH, "docs/relay.md", "../README.md", "index.md"),
        (ENGLISH, "docs/decisions/0001-a.md", "../relay.md", "../relay.md"),
        (ENGLISH, "docs/relay.md", "https://kling.ai", "https://kling.ai"),
        (ENGLISH, "docs/relay.md", "#money", "#money"),
        (ENGLISH, "docs/scaling.md", "scaling.zh-CN.md", "zh/scaling/"),
        (CHINESE, "docs/scaling.md", "scaling.md", "../scaling/"),
        (CHINESE, "docs/relay.md", "scaling.zh-CN.md#许多", "scaling.md#许多"),
        (CHINESE, "docs/relay.md", "scaling.md#many", "scaling.md#许多"),
        (CHINESE, "docs/relay.md", "scaling.md#gone", "../scaling/#gone"),
        (CHINESE, "README.md", "docs/relay.md#money", "relay.md#money"),
    ],
)
def test_links_lead_to_pages_of_the_same_language(
    language: Any, source: str, link: str, expected: str, repository: Path
) -> None:
    """A link to a file of docs/ is a link to its page, and to the same heading of it."""
    text = rewrite(f"see [it]({link})", source, language, SOURCES, root=repository)

    assert text == f"see [it]({expected})\n"


def test_links_lead_to_the_english_site_where_it_alone_has_the_page(repository: Path) -> None:
    """This applies to links from a Chinese page; those from an English one are unchanged."""
    text = "see [it](decisions/0001-a.md)"
    shared = {"docs/decisions/0001-a.md"}

    chinese = rewrite(text, "docs/relay.md", CHINESE, SOURCES, shared=shared, root=repository)
    english = rewrite(text, "docs/relay.md", ENGLISH, SOURCES, shared=shared, root=repository)

    assert chinese == "see [it](../decisions/0001-a/)\n"
    assert english == f"{text}\n"


def test_a_page_is_shared_until_it_is_translated(repository: Path) -> None:
    """The settings name patterns; a Chinese version makes a page one of both sites."""
    (repository / "zensical.toml").write_text(
        '[site.zh]\nshared = ["docs/decisions/*.md", "docs/scaling.md"]\n'
    )
    assert pages.shared(repository) == {"docs/decisions/0001-a.md"}


def test_what_both_sites_have_alike_is_there_once(tmp_path: Path) -> None:
    """The Chinese pages use the scripts and pictures of the English ones; others are refused."""
    for site in ("", "zh/"):
        (tmp_path / site / "assets").mkdir(parents=True)
        (tmp_path / site / "assets" / "a.js").write_text("a")
        (tmp_path / site / "pictures").mkdir()
    page = tmp_path / "zh" / "x" / "index.html"
    page.parent.mkdir()
    page.write_text('<script src="../assets/a.js"></script><img src="../pictures/b.svg">')

    share_files(tmp_path, tmp_path / "zh")

    assert page.read_text() == (
        '<script src="../../assets/a.js"></script><img src="../../pictures/b.svg">'
    )
    assert not (tmp_path / "zh" / "assets").exists()
    (tmp_path / "zh" / "assets").mkdir()
    (tmp_path / "zh" / "assets" / "a.js").write_text("b")
    with pytest.raises(BuildError, match=r"zh/assets/a\.js is another file"):
        share_files(tmp_path, tmp_path / "zh")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "# A\n\n中文\N{FULLWIDTH COLON}[a](a.zh-CN.md)\n\nOne `b` of\n[two](x.md). Three.\n",
            "One b of two",
        ),
        ("# 1. A\n\nDate: 2026-01-01\n\nStatus: accepted\n\n## Why\n\n**As** it is.\n", "As it is"),
        ("# A\n\n- a\n\n| b |\n", ""),
    ],
)
def test_the_first_sentence_says_what_a_page_is_about(text: str, sentence: str) -> None:
    """It stands in llms.txt, behind the page's title."""
    assert pages.summary(text) == sentence


def test_links_to_code_lead_to_the_code_host_or_nowhere(repository: Path) -> None:
    """Without an address of the repository the text stays, and no link is dead."""
    text = "[prices](../kling_sdk/prices.py)"
    host = "https://host/kling-sdk/blob/main/"

    without = rewrite(text, "docs/relay.md", ENGLISH, SOURCES, root=repository)
    with_host = rewrite(text, "docs/relay.md", ENGLISH, SOURCES, files=host, root=repository)

    assert without == "prices\n"
    assert with_host == f"[prices]({host}kling_sdk/prices.py)\n"


def test_addresses_are_taken_from_the_project(tmp_path: Path) -> None:
    """Links to edit a page, and to code, are there once the project says where it is."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\n")
    assert (address_of_files(tmp_path), home(tmp_path)) == (None, None)

    urls = 'Repository = "https://host/x/"\nDocumentation = "https://docs/x"\n'
    file.write_text(f"[project.urls]\n{urls}")
    assert address_of_files(tmp_path) == "https://host/x/blob/main/"
    assert home(tmp_path) == "https://docs/x/"


def test_code_is_not_rewritten(repository: Path) -> None:
    """What looks like a link in an example is an example."""
    text = "```\n[it](docs/relay.md)\n```\n"

    assert rewrite(text, "README.md", ENGLISH, SOURCES, root=repository) == text


def test_a_bar_in_the_code_of_a_table_is_a_bar(repository: Path) -> None:
    """The code host wants a backslash before it, which the site's builder would show."""
    table = '| `Kling("AK\\|SK")` | a \\| b |\n'
    text = f"{table}\n`a \\| b`\n\n```\n{table}```\n"

    rewritten = rewrite(text, "README.md", ENGLISH, SOURCES, root=repository)
    assert rewritten == text.replace("AK\\|SK", "AK|SK", 1)


def test_anchors_are_those_of_a_code_host() -> None:
    """A heading that comes twice is counted, and marks and code leave no trace."""
    text = "# A `b`, c\n\n```\n# no heading\n```\n\n## Why?\n\n## [Why](x.md)?\n\n## 行数\n"

    assert anchors(text) == ["a-b-c", "why", "why-1", "行数"]


def test_a_dead_link_and_an_outside_request_are_found(tmp_path: Path) -> None:
    """Control: the checks of the built site notice what they are for."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text('<h1 id="x"></h1><a href="../b/"></a>')
    (tmp_path / "index.html").write_text(
        '<a href="a/#y"></a><a href="a/#x"></a><a href="https://kling.ai"></a>'
        '<script src="https://host/x.js"></script><img src="p.png">'
    )

    assert list(checks.dead_links(tmp_path)) == [
        "a/: ../b/",
        "home: a/#y (no such anchor)",
        "home: p.png",
    ]
    assert list(checks.outside_requests(tmp_path)) == ["home: https://host/x.js"]


def test_every_command_has_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """The section has the real help, also of commands that are added on use, on any machine."""
    monkeypatch.setenv("KLING_MOCK_PORT", "4321")
    monkeypatch.setenv("COLUMNS", "40")
    text = "\n".join(text for _, text in command_pages.pages())

    for command in (
        "## kling wait",
        "### kling create text2video",
        "## kling-mock serve",
        "### kling-mock db upgrade",
        "### kling-mock channel add",
    ):
        assert f"\n{command}\n" in text
    assert "4321" not in text
    assert "usage: kling-mock channel add" in text


def test_every_operation_has_its_section() -> None:
    """Each method of each path of both OpenAPI documents, with its fields and statuses."""
    texts = dict(http_pages.pages())
    for document, page in (("openapi.json", "http-kling"), ("relay-openapi.json", "http-relay")):
        paths = json.loads((ROOT / "docs" / document).read_text("utf-8"))["paths"]
        operations = [f"## {method.upper()} {path}" for path in paths for method in paths[path]]
        lines = texts[f"reference/{page}.md"].splitlines()
        assert len(operations) > 40
        assert [operation for operation in operations if operation not in lines] == []
    assert "| `prompt`" in texts["reference/http-kling.md"]
    assert "### 402 Payment Required { #402 }" in texts["reference/http-relay.md"]


def untwinned(site: Path) -> list[str]:
    """Return the pages whose language picker leads elsewhere than to the same page."""
    documents = checks.documents(site)
    english = tuple(pages.address_of(pages.path_of(source)) for source in pages.shared())
    wrong = []
    for address, page in documents.items():
        is_chinese = address.startswith("zh/")
        twin = address.removeprefix("zh/") if is_chinese else f"zh/{address}"
        is_shared = address.startswith("reference/") or address in {"404.html", *english}
        if page.pickers != ["zh/" if is_shared else twin] or page.pickers[0] not in documents:
            wrong.append(f"{address}: {page.pickers}")
    return wrong


def without_notice(site: Path) -> list[str]:
    """Return the Chinese site's pages that say wrongly, or do not say, that they are English."""
    notice = pages.settings()["site"]["zh"]["notice"]
    wrong = []
    for source in set(pages.sources()) - pages.shared():
        address = pages.address_of(pages.path_of(source))
        text = (site / "zh" / address / "index.html").read_text("utf-8")
        if (notice in text) == pages.is_translated(source, CHINESE):
            wrong.append(source)
    return wrong


def search(site: Path, *queries: str) -> list[list[str]]:
    """Return the addresses that the site's own search finds."""
    command = ["node", str(ROOT / "tests" / "site" / "search.js"), str(site), *queries]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    addresses: list[list[str]] = json.loads(done.stdout)
    return addresses


@pytest.fixture(scope="session")
def built_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site that was built just now, without a warning."""
    if importlib.util.find_spec("zensical") is None or not importlib.util.find_spec("mkdocstrings"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NEEDS_EXTRA)
    folder = tmp_path_factory.mktemp("site")
    build(folder / "site", folder / "work")
    return folder / "site"


@pytest.mark.slow
@pytest.mark.xdist_group("site")  # one worker builds it
@pytest.mark.timeout(300)  # two builders, of 5 s each on a machine that is not busy
def test_the_site(built_site: Path, subtests: pytest.Subtests) -> None:
    """It is built without a warning, whole, without other hosts, and found by its search."""
    site = built_site

    with subtests.test("every link leads to a page and a place in it"):
        base = urlsplit(home() or "/").path
        assert list(checks.dead_links(site, base)) == []
    with subtests.test("no page makes a request to another host"):
        assert list(checks.outside_requests(site)) == []
    with subtests.test("the language picker leads to the same page"):
        assert untwinned(site) == []
    with subtests.test("pages that are not translated say so"):
        assert without_notice(site) == []
    with subtests.test("every public name, with its methods and properties, has an entry"):
        documented = set(checks.inventory(site))
        entries = [
            places
            for package in PACKAGES
            for name in public_names(package)
            for places in anchors_of(package, name)
        ]
        assert len(entries) > 400
        assert [places for places in entries if not places & documented] == []
    with subtests.test("every picture has an alternative text"):
        texts = [text for page in checks.documents(site).values() for text in page.pictures]
        assert all(texts)
    with subtests.test("the page of what does not exist has a search"):
        assert 'class="md-search"' in (site / "404.html").read_text("utf-8")
    with subtests.test("llms.txt leads to pages"):
        text = (site / "llms.txt").read_text("utf-8")
        listed = re.findall(r"^- \[.*?\]\(([^)]*)\)", text, re.MULTILINE)
        assert len(listed) > 40
        paths = [link.removeprefix(home() or "./") for link in listed]
        assert [path for path in paths if not (site / path / "index.html").is_file()] == []
    with subtests.test("it is small"):
        sizes = checks.sizes_of(site)
        assert sum(sizes.values()) < LARGEST, sizes
    with subtests.test("code that has no mark looks as it would with one"):
        (styles,) = (file.read_text("utf-8") for file in site.rglob("main.*.css"))
        assert ".highlight .s2" in styles
        assert not re.search(r"\.highlight \.(?:w|nx|sa)\b", styles)
        colours = set(re.findall(r"--md-code-hl-name-color:([^;}]*)", styles))
        assert colours == {"var(--md-code-fg-color)"}
    with subtests.test("the search finds names, and words inside of Chinese sentences"):
        require("node")
        (name,) = search(site, "AccountError")
        assert any(address.endswith("#kling_sdk.AccountError") for address in name)
        (disk, balancer, nothing) = search(site / "zh", "磁盘", "负载均衡", "量子纠缠")
        assert any(address.startswith("capacity/") for address in disk)
        assert any(address.startswith("scaling/") for address in balancer)
        assert nothing == []
