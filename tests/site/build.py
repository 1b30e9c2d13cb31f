"""Building the site."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.site import command_pages, http_pages, interface_pages
from tests.site.languages import CHINESE, ENGLISH, LANGUAGES, Language
from tests.site.links import rewrite
from tests.site.pages import (
    ROOT,
    address_of,
    flat,
    heading,
    is_translated,
    navigation,
    page_of,
    path_of,
    settings,
    shared,
    sources,
    summary,
)
from tests.translations import translation_of

_THEME: Final = Path(__file__).parent / "theme"
_NAMES: Final = {"en": "English", "zh": "中文"}
#: What the sites of both languages have alike.
_SHARED_FOLDERS: Final = ("assets", "pictures")
#: Kinds of code that the theme shows as other code, not in a link: white space, names, prefixes.
_PLAIN_CODE: Final = re.compile(
    r'(?:<span class="(?:w|nx|sa)">|(?<!">)<span class="n">)([^<]*)</span>'
)
#: What a drawing needs in a file of its own.
_NAMESPACE: Final = ' xmlns="http://www.w3.org/2000/svg"'
_PATH_NAMES: Final = {"en": "Breadcrumb", "zh": "当前位置"}


class BuildError(Exception):
    """The site could not be built without a warning; the text is what the builder said."""


def build(target: Path, work: Path) -> None:
    """Build the site in both languages.

    Args:
        target: The folder of the site, which is made again.
        work: A folder for intermediate files, which is made again.

    Raises:
        BuildError: The builder failed, or warned of something.
    """
    for folder in (target, work):
        shutil.rmtree(folder, ignore_errors=True)
    generated = dict(_generated())
    builders = [_start(language, work / language.code, generated) for language in LANGUAGES]
    outputs = [(builder, builder.communicate()[0]) for builder in builders]
    for builder, output in outputs:
        if builder.returncode or re.search(r"(?i)\bwarning|\berror", output):
            raise BuildError(output)
    for language in LANGUAGES:
        shutil.copytree(
            work / language.code / "out",
            target / language.folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("classic"),  # styles that no page uses
        )
    # A host shows the first site's page for what it does not have.
    (target / CHINESE.folder / "404.html").unlink()
    share_files(target, target / CHINESE.folder)
    for page in target.rglob("*.html"):
        page.write_text(_finished(page.read_text("utf-8")), "utf-8")
    (target / "llms.txt").write_text(_index(generated), "utf-8")


def share_files(first: Path, second: Path) -> None:
    """Let the pages of the second site use the scripts, styles and pictures of the first.

    Raises:
        BuildError: The two differ.
    """
    for name in _SHARED_FOLDERS:
        for file in (second / name).rglob("*"):
            twin = first / file.relative_to(second)
            if file.is_file() and (not twin.is_file() or file.read_bytes() != twin.read_bytes()):
                raise BuildError(f"{file} is another file than {twin}")
        shutil.rmtree(second / name)
    names = "|".join(_SHARED_FOLDERS)
    for page in second.rglob("*.html"):
        text = page.read_text("utf-8")
        moved = re.sub(rf'(")((?:\.\./)*)(?:\./)?(?=(?:{names})/)', r"\1\2../", text)
        page.write_text(moved, "utf-8")


def _generated() -> Iterator[tuple[str, str]]:
    """Yield the pages that are made from the code, and the state of the translations."""
    yield from interface_pages.pages()
    yield from command_pages.pages()
    yield from http_pages.pages()
    yield "reference/translations.md", _translations()


def _translations() -> str:
    rows = [
        f"| [{heading((ROOT / source).read_text('utf-8'))}](../{path_of(source)}) "
        f"| {'中文' if translation_of(ROOT / source).is_file() else ''} |"
        for source in sources()
        if source == "README.md" or (source.startswith("docs/") and source.count("/") == 1)
    ]
    table = "\n".join(["| page | translated |", "|---|---|", *rows])
    return f"""# Translations

Which pages there are in Chinese. A Chinese page names the English text that it was made from, and
the tests fail while the English page has changed since: a translation here is up to date. Pages
without one are shown in English on the Chinese site, with a notice.

{table}
"""


def _start(language: Language, folder: Path, generated: Mapping[str, str]) -> subprocess.Popen[str]:
    """Write what the builder reads, and start it."""
    docs = folder / "docs"
    hand_written = sources()
    files = address_of_files()
    english = shared()
    for source in hand_written:
        if language is not ENGLISH and source in english:
            continue
        text = page_of(source, language).read_text("utf-8")
        markdown = rewrite(text, source, language, set(hand_written), files=files, shared=english)
        if not is_translated(source, language):
            markdown = _with_notice(markdown, settings()["site"][language.code]["notice"])
        source_shown = str(page_of(source, language).relative_to(ROOT))
        meta = f"source: {source_shown}\nshared: {str(source in english).lower()}\n"
        if source == "CHANGELOG.md":  # it has each name, and no name's explanation
            meta += "search: {exclude: true}\n"
        _write(docs / path_of(source), f"---\n{meta}---\n{markdown}")
    shutil.copytree(ROOT / "docs" / "pictures", docs / "pictures")
    if language is ENGLISH:
        for path, text in generated.items():
            _write(docs / path, text)
        for file in ROOT.glob("docs/*.json"):
            dense = json.dumps(
                json.loads(file.read_bytes()), ensure_ascii=False, separators=(",", ":")
            )
            _write(docs / file.name, dense)
        shutil.copy(ROOT / "docs" / "public-surface.txt", docs)
    shutil.copytree(_THEME, folder / "theme")
    configuration = _configuration(language, hand_written, generated, files)
    # JSON is YAML, and the builder reads its settings from either TOML or YAML.
    _write(folder / "mkdocs.yml", json.dumps(configuration, ensure_ascii=False, indent=1))
    return subprocess.Popen(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", str(folder / "mkdocs.yml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _configuration(
    language: Language, pages: list[str], generated: Mapping[str, str], files: str | None
) -> dict[str, Any]:
    plan = settings()
    project: dict[str, Any] = plan["project"]
    other = CHINESE if language is ENGLISH else ENGLISH
    words = plan["site"].get(language.code, {})
    nav = navigation(project["nav"], [*pages, *generated], words.get("titles"))
    # Some pages are English alone, and the Chinese site leads to them.
    english = {path_of(source): (ROOT / source).read_text("utf-8") for source in shared()} | dict(
        generated
    )
    project["nav"] = nav if language is ENGLISH else _shared(nav, english, words["english"])
    project["theme"] |= {"language": language.code, "custom_dir": "theme"}
    project["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT)]
    project["extra"] = {
        "files": files,
        "alternate": [{"name": _NAMES[other.code], "lang": other.code, "link": language.to_other}],
        "other": {"code": other.code, "way": language.to_other, "name": _NAMES[other.code]},
    }
    if (url := home()) is not None:
        project["site_url"] = url + language.folder
    return {**project, "docs_dir": "docs", "site_dir": "out"}


def _shared(nav: list[Any], english: Mapping[str, str], called: str) -> list[Any]:
    """Return the navigation of the Chinese site, with pages that the English one alone has."""
    chinese_nav: list[Any] = []
    for entry in nav:
        if not isinstance(entry, str):
            chinese_nav.append(
                {title: _shared(inner, english, called) for title, inner in entry.items()}
            )
        elif entry in english:
            title = heading(english[entry]).replace("`", "")
            chinese_nav.append({called.format(title=title): CHINESE.to_other + address_of(entry)})
        else:
            chinese_nav.append(entry)
    return chinese_nav


def _with_notice(text: str, notice: str) -> str:
    """Put the notice below the heading of a page."""
    first, _, rest = text.partition("\n")
    return f'{first}\n\n!!! note "{notice}"\n\n{rest}'


def home(root: Path = ROOT) -> str | None:
    """Return the address that the site is built for, if the project says so."""
    url = _urls(root).get("documentation")
    return None if url is None else f"{url.rstrip('/')}/"


def address_of_files(root: Path = ROOT) -> str | None:
    """Return where the repository's files are on the code host, if the project says so."""
    url = _urls(root).get("repository")
    return None if url is None else f"{url.rstrip('/')}/blob/main/"


def _urls(root: Path) -> dict[str, str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return {name.lower(): url for name, url in project.get("urls", {}).items()}


def _index(generated: Mapping[str, str]) -> str:
    """Return llms.txt: what the site is, and each page with its address and first sentence."""
    plan = settings()["project"]
    texts = {source: (ROOT / source).read_text("utf-8") for source in sources()} | dict(generated)
    lines = [f"# {plan['site_name']}", "", f"> {plan['site_description']}"]
    for section in plan["nav"]:
        for title, entries in section.items():
            paths = list(flat(navigation(entries, texts)))
            titles = {path_of(source): heading(text) for source, text in texts.items()}
            firsts = {path_of(source): summary(text) for source, text in texts.items()}
            lines += ["", f"## {title}", ""]
            start = home() or "./"
            lines += [
                f"- [{titles[path]}]({start}{address_of(path)}): {firsts[path]}".removesuffix(": ")
                for path in paths
            ]
    return "\n".join(lines) + "\n"


def _finished(html: str) -> str:
    """Return a page without its invisible parts and without the barriers of its templates.

    The templates' white space is half of a page. Code can be scrolled by keyboard, no head of a
    table is empty, and no two landmarks have the same name.
    """
    parts = re.split(r"(<pre\b.*?</pre>|<script\b.*?</script>)", html, flags=re.DOTALL)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", part) for part in parts[::2]]
    whole = re.sub(r"(<pre\b[^>]*>(?:<span></span>)?<code)\b", r'\1 tabindex="0"', "".join(parts))
    # A table of Markdown has a head, and the head of some is empty.
    whole = re.sub(r"<thead>\s*<tr>\s*(?:<th[^>]*></th>\s*)+</tr>\s*</thead>\s*", "", whole)
    whole = re.sub(r"<th\b([^>]*)></th>", r"<td\1></td>", whole)
    whole = _PLAIN_CODE.sub(r"\1", whole).replace(_NAMESPACE, "")
    whole = re.sub(r"(?<=>)\s+(?=</?t(?:able|head|body|[rhd])\b)", "", whole)  # never shown
    # The theme gives the way to a page and the list of pages the same name.
    name = _PATH_NAMES["zh" if '<html lang="zh"' in whole[:200] else "en"]
    return re.sub(r'(<nav class="md-path" aria-label=")[^"]*', rf"\g<1>{name}", whole)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
