"""The page of a relay in a browser: users, money and channels, as their operator sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.endpoints import BODIES
from tests.mock.dashboard.chromium import AXE, Chromium, Page, chromium
from tests.plain_http import NO_TLS

__all__ = ["chromium"]

pytestmark = pytest.mark.slow


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1, relay=RelaySettings()) as server:
        yield server


@pytest.fixture
def page(chromium: Chromium, mock: KlingMock) -> Iterator[Page]:
    """The page, after one task was charged and while another one is open."""
    with mock.relay_client() as kling:
        done = kling.text2video.create(prompt="a kitten")
        kling.text2video.create(prompt="a dog")
        mock.complete(done.raw["kling_task_id"])
        assert kling.text2video.get(done.task_id).status == "succeed"
    with chromium.page(f"{mock.relay_url}/__kling/#token={mock.admin_token}") as page:
        page.wait_text("Live", "header")
        yield page


def test_an_operator_sees_at_a_glance(page: Page) -> None:
    """Whether the relay is well, what is open, and what the last days have brought."""
    page.wait_text("The relay is well.")
    page.wait_text("0.21 USD")


def test_the_ledger_explains_a_balance(page: Page, mock: KlingMock) -> None:
    """Hold, release and charge, each with the balance and the holds after it; no secret."""
    page.click("nav a", "Users")
    page.click("a", "default")
    page.wait_text("the ledger explains it")
    rows = page.wait("""((rows) => rows.length >= 5 && rows)(
      [...[...document.querySelectorAll("table")].at(-1).tBodies[0].rows]
        .map((row) => [1, 3, 4, 5].map((at) => row.cells[at].innerText.trim())))""")
    assert rows == [
        ["charge", "-0.21 USD", "9999.79 USD", "0.21 USD"],
        ["release", "-0.21 USD", "10000.00 USD", "0.21 USD"],
        ["hold", "0.21 USD", "10000.00 USD", "0.42 USD"],
        ["hold", "0.21 USD", "10000.00 USD", "0.21 USD"],
        ["opening", "10000.00 USD", "10000.00 USD", "0.00 USD"],
    ]
    assert page.run("document.querySelectorAll('table .bad').length") == 2  # release and charge
    page.wait_text("kling-v2-6: 0.3 units per second x 5 x 70000 = 105000")
    assert "whsec_" not in page.run("document.body.innerHTML")


def test_a_price_that_is_not_listed_is_marked(page: Page, mock: KlingMock) -> None:
    """The mark is in the note of its hold: the operator may want to list it."""
    with mock.relay_client() as kling:  # nothing public has the prices of effects
        kling.effects.create(**BODIES["effects"])
    page.click("nav a", "Users")
    page.click("a", "default")
    page.wait("document.querySelector('td.note.bad')?.innerText.includes('not in the price list')")


def test_a_relay_is_reconciled_and_its_channels_are_judged(page: Page, mock: KlingMock) -> None:
    """The operator only opens pages; no data changes."""
    page.click("nav a", "Reconcile")
    page.wait_text("The ledger explains the balances of all 1 user.")
    page.click("nav a", "Channels")
    page.wait_text("takes tasks")
    address = page.run("document.querySelector('td.id').innerText")
    assert address.splitlines() == [mock.kling_url, "emulated-kling"]
    page.click("nav a", "Webhooks")
    page.wait_text("There are none.")


@pytest.mark.parametrize(("language", "width"), [("en", 1400), ("zh", 400)])
def test_everybody_can_use_it(page: Page, mock: KlingMock, language: str, width: int) -> None:
    """axe finds no violation in any view, light or dark; nothing is wider than the screen."""
    page.choose("footer select", language)
    page.resize(width)
    page.run(AXE.read_text("utf-8") + ";0")
    findings: dict[str, object] = {}
    for view in ("overview", "users", "user&id=1", "channels", "webhooks", "reconcile"):
        page.run(f"location.hash = '#token={mock.admin_token}&view={view}'")
        page.wait(
            "document.querySelector('h1') && document.querySelector('main table, main p.quiet')"
        )
        for scheme in ("light", "dark"):
            page.colours(scheme)
            page.run(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            problems = page.run(
                "axe.run(document).then(({violations}) => violations.map((one) =>"
                " [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]))"
            )
            if problems:
                findings[f"{view} {scheme}"] = problems
        wide = page.run("document.documentElement.scrollWidth")
        if wide > width:
            findings[f"{view} width"] = wide
    assert not findings, json.dumps(findings, indent=1, ensure_ascii=False)


def test_it_is_served_to_who_may_call_the_operators_api(mock: KlingMock) -> None:
    """It is not served through a proxy; it has the policy of the other page, and nothing else."""
    with httpx.Client(base_url=mock.relay_url, trust_env=False, verify=NO_TLS) as http:
        reply = http.get("/__kling/")
        assert (reply.status_code, "relay.js" in reply.text) == (200, True)
        assert "script-src 'self'" in reply.headers["content-security-policy"]
        assert http.get("/__kling/relay.js").status_code == 200
        assert http.get("/__kling/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
        assert http.get("/__kling/nothing.js").status_code == 404
        assert http.post("/__kling/").status_code == 405
    with KlingMock(admin="off", relay=RelaySettings()) as other:
        assert (
            httpx.get(f"{other.relay_url}/__kling/", trust_env=False, verify=NO_TLS).status_code
            == 404
        )
