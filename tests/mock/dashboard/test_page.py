"""The dashboard: it needs nothing from elsewhere, shows text as text, and moves tasks."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.admin.calls import CALLS
from kling_mock.dashboard.page import page
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

BROWSER = Path(__file__).with_name("browser.mjs")
(SCRIPT,) = re.findall(r"<script>(.*?)</script>", page(), re.DOTALL)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="runs the page's script")


def browse(mock: KlingMock, *click: str, token: str | None = None) -> Any:
    """Open the page with the token, click on these, and return what it shows."""
    given = mock.admin_token if token is None else token
    asked = {"script": SCRIPT, "url": mock.kling_url, "token": given, "click": click}
    words = ["node", str(BROWSER)]
    sent = json.dumps(asked)
    done = subprocess.run(words, input=sent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_address_without_its_slash_leads_to_it(mock: KlingMock, method: str) -> None:
    """As somebody types it; a query stays."""
    url = f"{mock.kling_url}/__kling?a=1"
    with httpx.Client(trust_env=False) as http:
        reply = http.request(method, url)
        assert (reply.status_code, reply.headers["location"]) == (308, "/__kling/?a=1")
        assert http.request(method, url, follow_redirects=True).status_code == 200


def test_control_other_addresses_do_not_lead_there(mock: KlingMock) -> None:
    """Without the admin API there is nothing, as at a path that only begins like it."""
    with KlingMock(admin="off") as other:
        for url in (f"{other.kling_url}/__kling", f"{mock.kling_url}/__klingx"):
            assert httpx.get(url, trust_env=False).status_code == 404


def test_it_is_served_without_a_token_and_holds_none(mock: KlingMock) -> None:
    """Anybody on this computer gets the page; what it shows needs the token."""
    assert mock.dashboard_url == f"{mock.kling_url}/__kling/"
    reply = httpx.get(mock.dashboard_url, trust_env=False)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html;charset=UTF-8"
    assert reply.text == page()
    for secret in (mock.admin_token, mock.secret_key, mock.api_key):
        assert secret not in reply.text


def test_it_is_not_served_through_a_proxy(mock: KlingMock) -> None:
    """The page is for this computer, like the API behind it."""
    headers = {"X-Forwarded-For": "127.0.0.1"}
    reply = httpx.get(f"{mock.kling_url}/__kling/", headers=headers, trust_env=False)
    assert reply.status_code == 403


def test_it_is_gone_with_the_admin_api() -> None:
    """`KlingMock(admin="off")` has no dashboard."""
    with KlingMock(admin="off") as mock:
        assert mock.dashboard_url is None
        assert httpx.get(f"{mock.kling_url}/__kling/", trust_env=False).status_code == 404


def test_it_needs_nothing_from_elsewhere(mock: KlingMock) -> None:
    """No address, no file besides itself; and its policy allows nothing else."""
    assert not re.search(r"https?://|\bsrc=|\bhref=|@import|url\(", page())
    reply = httpx.get(f"{mock.kling_url}/__kling/", trust_env=False)
    policy = reply.headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy


def test_it_never_writes_html() -> None:
    """What the page shows goes through `textContent`, so markup in it is text."""
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval", SCRIPT)


def test_every_call_of_the_page_is_in_the_table() -> None:
    """The page calls nothing that the admin API has not."""
    looks = re.search(r"Promise.all\(\n *\[(.*)\]", SCRIPT)
    assert looks
    called = [("GET", path) for path in re.findall(r'"(/[a-z]+)', looks[1])]
    called += [("POST", f"/tasks/1{path}") for path in re.findall(r'path \+ "(.*?)"', SCRIPT)]
    called += re.findall(r'ask\("([A-Z]+)", "(.*?)"', SCRIPT)
    assert len(called) == 8
    for method, path in called:
        CALLS.route(method, path)


@needs_node
@pytest.mark.slow
def test_it_shows_a_server_at_work(mock: KlingMock, api: Api, receiver: Receiver) -> None:
    """Clock, tasks, faults, requests and callbacks, the newest first; markup stays text."""
    hostile = "<img src=x onerror=alert(1)>"
    mock.faults.add("status", "GET /v1/videos/omni-video", times=3)
    task = api.new(external_task_id=hostile, callback_url=receiver.url)
    mock.complete(task)
    shown = browse(mock)
    assert shown["message"] == ""
    assert shown["now"] == "2026-01-01 00:00:00 UTC, manual clock"
    assert shown["hands"]
    assert shown["tasks"][1][:3] == [task, hostile, "default"]
    assert shown["tasks"][1][3:6] == ["text2video", "kling-v2-6", "succeed"]
    assert shown["faults"][1] == ["fault-1", "status", "GET /v1/videos/omni-video", "0", "3"]
    assert shown["journal"][1][2:5] == ["POST /v1/videos/text2video", "200", "0"]
    assert [row[3] for row in shown["deliveries"][1:]] == ["succeed", "processing", "submitted"]


@needs_node
@pytest.mark.parametrize(
    ("button", "status"), [("complete", "succeed"), ("fail", "failed"), ("quarter", "succeed")]
)
@pytest.mark.slow
def test_its_buttons_move_tasks(mock: KlingMock, api: Api, button: str, status: str) -> None:
    """A task ends by its buttons or by those of the clock, and has none afterwards."""
    task = api.new()
    shown = browse(mock, button)
    assert shown["message"] == ""
    assert api.task(task)["task_status"] == status
    assert (shown["tasks"][1][5], shown["tasks"][1][7]) == (status, "")


@needs_node
def test_a_wrong_token_is_told(mock: KlingMock) -> None:
    """The page shows the refusal of the admin API."""
    assert "Bearer <admin_token>" in browse(mock, token="wrong")["message"]
