"""The dashboard's files: they need nothing from elsewhere, and run nothing but themselves."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

import kling_mock.dashboard
from kling_mock import KlingMock
from kling_mock.admin.calls import CALLS
from kling_mock.dashboard.files import EMULATOR, RELAY
from kling_mock.kling.callbacks.log import State
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.journal.matching import STATUSES
from kling_mock.kling.journal.notes import NoteKind
from kling_mock.kling.model.packs import PackStatus
from kling_mock.kling.model.plan import PackType
from kling_mock.relay.operator.operations import CALLS as OPERATOR_CALLS
from kling_mock.relay.storage.values import LedgerKind, NoticeState
from kling_mock.web.webhook_signing import Verdict
from tests.plain_http import NO_TLS

STATIC = Path(kling_mock.dashboard.__file__).with_name("static")
SOURCES = {path: path.read_text("utf-8") for path in sorted(STATIC.rglob("*.js"))}
OWN = "\n".join(SOURCES.values())
VENDOR = STATIC / "vendor"
BUDGET = 140_000, 48_000  # bytes of all that a browser loads: as it is, and compressed


def texts() -> dict[str, list[str]]:
    source = (STATIC / "texts.js").read_text("utf-8")
    translations: dict[str, list[str]] = json.loads(
        source[source.index("{") :].rstrip().rstrip(";")
    )
    return translations


# ---------------------------------------------------------------- how they are sent


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_address_without_its_slash_leads_to_it(mock: KlingMock, method: str) -> None:
    """The address may be typed without it; a query stays."""
    url = f"{mock.kling_url}/__kling?a=1"
    with httpx.Client(trust_env=False, verify=NO_TLS) as http:
        reply = http.request(method, url)
        assert (reply.status_code, reply.headers["location"]) == (308, "/__kling/?a=1")
        assert http.request(method, url, follow_redirects=True).status_code == 200


def test_control_other_addresses_do_not_lead_there(mock: KlingMock) -> None:
    """Without the admin API the path does not exist, like a path that only begins like it."""
    with KlingMock(admin="off") as other:
        assert other.dashboard_url is None
        urls = ["/__kling", "/__kling/", "/__kling/app.js"]
        for url in [f"{mock.kling_url}/__klingx", *(other.kling_url + path for path in urls)]:
            assert httpx.get(url, trust_env=False, verify=NO_TLS).status_code == 404


def test_it_is_served_without_a_token_and_holds_none(mock: KlingMock) -> None:
    """Every caller on this computer gets the files; the data that they show needs the token."""
    with httpx.Client(trust_env=False, verify=NO_TLS) as http:
        for path in ["", *(str(source.relative_to(STATIC)) for source in SOURCES)]:
            reply = http.get(f"{mock.kling_url}/__kling/{path}")
            assert reply.status_code == 200
            for secret in (mock.admin_token, mock.secret_key, mock.api_key):
                assert secret not in reply.text


def test_the_link_opens_it_with_the_token(mock: KlingMock) -> None:
    """The token is in the fragment, which no browser sends."""
    assert mock.dashboard_url == f"{mock.kling_url}/__kling/#token={mock.admin_token}"


def test_it_is_not_served_through_a_proxy(mock: KlingMock) -> None:
    """The page is for this computer, like the API behind it."""
    headers = {"X-Forwarded-For": "127.0.0.1"}
    for path in ("", "app.js"):
        url = f"{mock.kling_url}/__kling/{path}"
        assert httpx.get(url, headers=headers, trust_env=False, verify=NO_TLS).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "relay.html",
        "vendor/preact-LICENSE",
        "vendor/versions.json",
        "../files.py",
        "views",
        "no.js",
    ],
)
def test_nothing_else_is_a_file(mock: KlingMock, path: str) -> None:
    """Other paths belong to the API, which needs the token."""
    reply = httpx.get(f"{mock.kling_url}/__kling/{path}", trust_env=False, verify=NO_TLS)
    assert reply.status_code in {401, 404}


def test_a_browser_that_has_a_file_gets_it_once(mock: KlingMock) -> None:
    """A reload asks, and is told with 304 that nothing has changed."""
    url = f"{mock.kling_url}/__kling/app.js"
    first = httpx.get(url, trust_env=False, verify=NO_TLS)
    assert first.headers["content-type"] == "text/javascript;charset=UTF-8"
    again = httpx.get(
        url, headers={"If-None-Match": first.headers["etag"]}, trust_env=False, verify=NO_TLS
    )
    assert (again.status_code, again.content) == (304, b"")


def test_its_policy_lets_nothing_inline_run(mock: KlingMock) -> None:
    """Scripts and styles are files of this server, and no text becomes one."""
    reply = httpx.get(f"{mock.kling_url}/__kling/", trust_env=False, verify=NO_TLS)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", reply.text)


# ---------------------------------------------------------------- what is in them


def test_it_needs_nothing_from_elsewhere() -> None:
    """No address of another server in what is loaded."""
    loaded = [*SOURCES, STATIC / "index.html", STATIC / "style.css"]
    for path in loaded:
        assert not re.search(r"https?://[a-z]|@import|\burl\(", path.read_text("utf-8")), path


def test_it_never_writes_html() -> None:
    """What the page shows is text, so markup in it is text."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
    assert not re.search(forbidden, OWN)
    assert "dangerouslySet" not in OWN


def test_what_is_not_ours_is_as_its_makers_published_it() -> None:
    """Each vendored file has its version, its hash and its licence beside it."""
    known: dict[str, Any] = json.loads((VENDOR / "versions.json").read_text())
    for name, row in known.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == row["sha256"], name
        assert (VENDOR / f"{row['package']}-LICENSE").read_text().strip()
    licences = {f"{row['package']}-LICENSE" for row in known.values()}
    assert {file.name for file in VENDOR.iterdir()} == {"versions.json", *known, *licences}


def test_it_is_small() -> None:
    """All that a browser loads."""
    for page in (EMULATOR, RELAY):
        loaded = [page, "style.css", *modules("relay.js" if page == RELAY else "app.js")]
        sizes = [len((STATIC / name).read_bytes()) for name in loaded]
        packed = [len(gzip.compress((STATIC / name).read_bytes())) for name in loaded]
        assert sum(sizes) < BUDGET[0], page
        assert sum(packed) < BUDGET[1], page


def test_every_module_belongs_to_a_page() -> None:
    """Every shipped module is loaded by a page."""
    loaded = modules("app.js") | modules("relay.js")
    assert {STATIC / name for name in loaded} == {*SOURCES, *STATIC.rglob("*.mjs")}


def modules(name: str) -> set[str]:
    """Return the names of a module and of all that it loads."""
    loaded, left = set[str](), [name]
    while left:
        module = left.pop()
        if module not in loaded:
            loaded.add(module)
            loads = re.findall(r'from "(\.{1,2}/[^"]+)"', (STATIC / module).read_text("utf-8"))
            left += [
                str(((STATIC / module).parent / other).resolve().relative_to(STATIC))
                for other in loads
            ]
    return loaded


def test_every_call_of_the_page_is_in_the_table() -> None:
    """The page calls only what the admin API has."""
    paths = re.findall(r'\bget\(["`]relay/([^"`?]+)', OWN)
    assert len(paths) >= 8
    for path in paths:
        OPERATOR_CALLS.route("GET", "/" + re.sub(r"\$\{.*?\}", "1", path))
    called = re.findall(r'ask\("([A-Z]+)", ["`]([^"`?]+)', OWN)
    called.remove(("POST", "tasks/${this.props.address.id}/${path}"))  # see "act" below
    called += [("GET", path) for path in re.findall(r'\bget\(["`](?!relay/)([^"`?]+)', OWN)]
    called += [("POST", f"tasks/1/{path}") for path in re.findall(r'act\("([a-z]+)"', OWN)]
    called += [("DELETE", path) for path in re.findall(r'this\.end\(["`]([^"`]+)', OWN)]
    assert len(called) >= 20
    for method, path in called:
        CALLS.route(method, "/" + re.sub(r"\$\{.*?\}", "1", path))


# ---------------------------------------------------------------- texts


def test_every_text_is_there_in_both_languages() -> None:
    """Both have the same values; English has no Chinese, and Chinese has its own punctuation."""
    for key, row in texts().items():
        english, chinese = row
        assert english.strip(), key
        assert chinese.strip(), key
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", chinese)), key
        if key != "choose.language.zh":
            assert not re.search("[\u3000-\u9fff\uff00-\uffef]", english), key
        assert not re.search("[\u4e00-\u9fff][,;:?!()]|[,;?!()][\u4e00-\u9fff]", chinese), key


def test_every_text_that_the_page_names_is_there_and_no_other() -> None:
    """A key without a text would be shown as it is; a text without a use is dead."""
    known = set(texts())
    source = "\n".join(text for path, text in SOURCES.items() if path.name != "texts.js")
    exact = set(re.findall(r'"([a-z]+(?:[.-][A-Za-z_-]+)*)"', source)) & known
    keys = set(re.findall(r'\bt\(\s*"([^"]+)"', source))
    assert keys <= known, keys - known
    patterns = [
        re.sub(r"\\\$\\\{.*?\\\}", ".+", re.escape(template))
        for template in re.findall(r"\bt\(\s*`((?:[^`{]|\{[^`]*?\})+)`", source)
    ]
    matched = {key for key in known if any(re.fullmatch(pattern, key) for pattern in patterns)}
    assert known == exact | matched, known - exact - matched


def test_whatever_the_server_names_has_a_text() -> None:
    """A new kind of fault, note, status or pack fails here until it has a text."""
    keys = [
        *(f"fault.kind.{name}" for name in KINDS),
        *(f"fault.field.{name}" for kind in KINDS.values() for name in kind.settings),
        *(f"status.{name}" for name in (*STATUSES, *get_args(State))),
        *(f"note.{name}" for name in get_args(NoteKind)),
        *(f"pack.{name}" for name in get_args(PackType)),
        *(f"pack.status.{name}" for name in get_args(PackStatus)),
        *(f"signature.{name}" for name in get_args(Verdict)),
        *(f"signature.{name}.why" for name in get_args(Verdict)),
        *(f"due.{name}" for name in ("start", "end", "callback", "other")),
        *(f"clock.{name}" for name in ("manual", "scaled", "real")),
        *(f"ledger.kind.{name}" for name in LedgerKind),
        *(f"notice.{name}" for name in NoticeState),
    ]
    assert [key for key in keys if key not in texts()] == []
