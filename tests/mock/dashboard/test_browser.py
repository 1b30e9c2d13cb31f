"""The dashboard in a browser: what a person sees and does there."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from kling_mock import KlingMock
from kling_mock.admin.calls.clock import NEXT
from tests.mock.admin.test_files import picture
from tests.mock.conftest import Api
from tests.mock.dashboard.chromium import AXE, Chromium, Page, chromium
from tests.mock.receiver import Receiver, closed_url, receiver

__all__ = ["chromium", "receiver"]

pytestmark = pytest.mark.slow

# How much of three parts of a video's picture, in 1280 by 720 pixels, is bright: the name of the
# endpoint, the counter, and the bar.
LOOK = """((video) => {
    const canvas = new OffscreenCanvas(1280, 720), context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    return [[72, 112, 440, 96], [72, 494, 200, 112], [72, 628, 1144, 8]].map((part) => {
        const { data } = context.getImageData(...part);
        let bright = 0;
        for (let at = 0; at < data.length; at += 4) {
            bright += Math.max(data[at], data[at + 1], data[at + 2]) > 150;
        }
        return bright / (data.length / 4);
    });
})"""

VIEWS = ("tasks", "requests", "callbacks", "faults", "accounts")
MANY = 5_000


@pytest.fixture
def page(chromium: Chromium, mock: KlingMock) -> Iterator[Page]:
    """The page of the server, opened by its link."""
    assert mock.dashboard_url is not None
    with chromium.page(mock.dashboard_url) as page:
        page.wait_text("Live", "header")
        yield page


def at(mock: KlingMock, view: str, **parameters: str) -> str:
    """Return the fragment of a view."""
    more = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"#token={mock.admin_token}&view={view}{more}"


def visit(page: Page, mock: KlingMock, view: str, **parameters: str) -> None:
    page.run(f"location.hash = {json.dumps(at(mock, view, **parameters))}")


# ---------------------------------------------------------------- tasks


def test_a_task_comes_in_and_its_video_plays(page: Page, mock: KlingMock) -> None:
    """Created through the SDK it is there at once; when it has ended it plays, in the list too."""
    page.wait_text("There are no tasks yet")
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten on the grass")
        page.wait_text("a kitten on the grass")
        page.wait_text("submitted")
        page.wait("document.querySelector('progress')")
        mock.complete(task.task_id)
    page.wait("document.querySelector('main .status.succeed')")
    page.wait("document.querySelector('.card video')?.currentTime > 0.1")
    page.click("a.prompt", "a kitten")
    page.wait_text("What happened")
    video = "document.querySelector('figure video')"
    page.wait(f"{video}?.readyState >= 3")
    page.run(f"{video}.muted = true, {video}.play()")
    page.wait(f"{video}.currentTime > 0.2")
    first = page.run(f"{video}.pause(), {LOOK}({video})")
    page.run(f"{video}.currentTime = 4.5")
    page.wait(f"{video}.currentTime >= 4 && !{video}.seeking")
    last = page.run(f"{LOOK}({video})")
    assert [page.run(f"{video}.{name}") for name in ("videoWidth", "videoHeight")] == [1280, 720]
    assert page.run(f"{video}.duration") == pytest.approx(5, abs=0.2)
    for written, counted, filled in (first, last):
        assert written > 0.05
        assert counted > 0.05
        assert filled > 0
    assert first[0] == last[0]  # what the video is, in the upper half
    assert first[1] != last[1]  # the counter
    assert first[2] + 0.5 < last[2]  # the bar
    assert len(mock.journal) == 1  # the dashboard's viewer is not an app


def test_inputs_stand_beside_results(page: Page, mock: KlingMock, api: Api) -> None:
    """The picture of the request, its addresses, and what was asked for."""
    image = base64.b64encode(picture()).decode()
    task = api.new("image2video", image=image, prompt="it moves")
    mock.complete(task)
    visit(page, mock, "task", id=task)
    page.wait_text("What happened")
    page.wait("document.querySelector('section[aria-label=Inputs] img')?.naturalWidth === 320")
    left, right = (
        page.run(f"document.querySelector('section[aria-label={name}]').getBoundingClientRect().x")
        for name in ("Results", "Inputs")
    )
    assert left < right


def test_pictures_are_shown_as_pictures(page: Page, mock: KlingMock, api: Api) -> None:
    """All of a task's, with their place."""
    task = api.new("image-generation", prompt="a lake", n=2)
    mock.complete(task)
    visit(page, mock, "task", id=task)
    loaded = "[...document.querySelectorAll('figure img')].filter((one) => one.naturalWidth)"
    page.wait(f"{loaded}.length === 2")
    page.wait_text("2/2")


def test_a_task_tells_its_story(page: Page, mock: KlingMock, api: Api, receiver: Receiver) -> None:
    """Creation, statuses, attempts of callbacks, readings in one line, idle time, the charge."""
    receiver.answers = [500]
    task = api.new(callback_url=receiver.url, external_task_id="order-1")
    for _ in range(3):
        api.task(task)
    mock.clock.advance(20)
    mock.clock.advance(900)
    visit(page, mock, "task", id=task)
    for text in (
        "Created: POST /v1/videos/text2video by default",
        "Queried 3 times",
        "Callback “submitted”, attempt 1:",
        "✕ HTTP 500",
        "Callback “submitted”, attempt 2:",
        "✓ HTTP 200",
        "without an event",
        "Charged 1.5 units (video pack)",
        "order-1",
        "deleted in 29 d",
    ):
        page.wait_text(text)
    order = page.text(".story")
    assert order.index("Created") < order.index("attempt 1") < order.index("Charged")
    page.click(".story summary", "Created")
    page.wait_text('"prompt": "a kitten on the grass"')
    assert "$KLING_API_KEY" in page.run(
        "new Promise((done) => { navigator.clipboard.writeText = async (text) => done(text);"
        " [...document.querySelectorAll('button')].find((one) => one.innerText === 'Copy as curl')"
        ".click(); })"
    )


def test_a_failed_task_says_why_and_costs_nothing(page: Page, mock: KlingMock, api: Api) -> None:
    """An open task can be ended from its page."""
    task = api.new()
    visit(page, mock, "task", id=task)
    page.click("button", "Let it fail")
    page.wait_text("Nothing charged: a failed task is free")
    page.wait_text("1301")
    assert api.task(task)["task_status"] == "failed"
    visit(page, mock, "task", id="800000000000000000")
    page.wait_text("The id may belong to another server")
    page.expected = ("404",)


def test_what_comes_from_outside_is_text(page: Page, mock: KlingMock, api: Api) -> None:
    """Markup in a prompt is shown, and does nothing."""
    hostile = "<img src=x onerror=document.title=1><script>alert(1)</script>"
    task = api.new(prompt=hostile, external_task_id="<b>1</b>")
    page.wait_text(hostile)
    visit(page, mock, "task", id=task)
    page.wait_text(hostile, "h1")
    page.wait_text("<b>1</b>")
    assert page.run("document.title") == "kling-mock"


def test_filters_are_in_the_address_and_back_works(page: Page, mock: KlingMock, api: Api) -> None:
    """The URL of a filtered list can be shared; going back from a task leads to it."""
    for number in range(3):
        mock.complete(api.new(prompt=f"a lake, take {number}", external_task_id=f"lake-{number}"))
    api.new(prompt="a forest")
    page.wait_text("4 tasks", "h1")
    page.press("/")
    page.type("LAKE, take")
    page.wait_text("3 tasks", "h1")
    page.choose(".filters select", "succeed")
    page.wait("location.hash.includes('status=succeed') && location.hash.includes('search=')")
    page.click("a.prompt", "take 1")
    page.wait_text("What happened")
    page.run("history.back()")
    page.wait_text("3 tasks", "h1")
    assert page.run("document.querySelector('input[type=search]').value") == "LAKE, take"
    page.run("history.back()")
    page.wait("!location.hash.includes('status=succeed')")
    visit(page, mock, "tasks", search="lake-2")
    page.wait_text("1 task", "h1")
    visit(page, mock, "tasks", search="nothing")
    page.wait_text("No task matches these filters")


def test_a_reader_is_not_disturbed(page: Page, mock: KlingMock, api: Api) -> None:
    """Focus, selection and scrolling survive updates; what is new waits, and is counted."""
    tasks = [api.new(prompt=f"number {number}") for number in range(30)]
    page.wait_text("30 tasks", "h1")
    for _ in range(4):
        page.press("j")
    focused = "document.activeElement.innerText"
    assert page.run(focused) == "number 26"
    page.run("""(() => {
      const text = document.activeElement.firstChild;
      getSelection().setBaseAndExtent(text, 0, text, 6);
      window.scrollTo(0, 300);
    })()""")
    top = "document.activeElement.getBoundingClientRect().y"
    place = page.run(top)
    for task in tasks:
        mock.complete(task)
    api.new(prompt="newest of all")
    api.new(prompt="newest of all")
    page.wait_text("2 new: show them")
    page.wait("document.querySelector('main .status.succeed')")
    assert page.run(focused) == "number 26"
    assert page.run("getSelection().toString()") == "number"
    assert page.run(top) == pytest.approx(place, abs=1)
    assert "newest of all" not in page.text()
    page.click("button", "2 new")
    page.wait_text("newest of all")
    assert page.run("window.scrollY") == 0


def test_what_changes_while_a_list_is_asked_for_is_not_lost(
    page: Page, mock: KlingMock, api: Api
) -> None:
    """An answer may be older than an event that came before it."""
    task = api.new(prompt="a lake")
    page.wait_text("a lake")
    page.run("""window.fetch = ((real) => async (...given) => {
      const reply = await real(...given);
      if (String(given[0]).startsWith("tasks?")) await new Promise((go) => { window.letGo = go; });
      return reply;
    })(window.fetch)""")
    visit(page, mock, "tasks", search="lake")
    page.wait("window.letGo")
    mock.complete(task)
    page.wait("document.querySelector('header .due').innerText.includes('Nothing is due')")
    page.run("window.letGo()")
    page.wait("document.querySelector('main .status.succeed')")


def test_a_few_letters_lead_anywhere(page: Page, mock: KlingMock, api: Api) -> None:
    """They lead to a view, or to a task by its prompt or id, also while typing."""
    task = api.new(prompt="a lighthouse in the fog")
    api.new(prompt="a kitten")
    page.wait_text("2 tasks", "h1")
    page.press("/")
    page.press("k", ctrl=True)
    page.wait("document.querySelector('dialog.palette').open")
    page.type("lighthouse")
    page.wait("document.querySelectorAll('.palette li').length === 1")
    page.press("Enter")
    page.wait_text("a lighthouse in the fog", "h1")
    page.press("k", ctrl=True)
    page.type(task)
    page.wait_text(task, ".palette ul")
    page.run(AXE.read_text("utf-8") + ";0")
    assert (
        page.run("axe.run(document).then((found) => found.violations.map((one) => one.id))") == []
    )
    page.press("Escape")
    page.wait("!document.querySelector('dialog.palette').open")
    page.press("k", ctrl=True)
    page.wait("document.querySelectorAll('.palette li').length === 5")
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait_text("Callbacks", "h1")
    page.press("k", ctrl=True)
    page.type("nothing like it")
    page.wait_text("Nothing is called", ".palette")


def test_everything_can_be_done_by_keys(page: Page, mock: KlingMock, api: Api) -> None:
    """Keys lead to a task and back to its row, to the search and out of it, and to the help."""
    for number in range(3):
        api.new(prompt=f"number {number}")
    page.wait_text("3 tasks", "h1")
    page.press("j")
    page.press("j")
    page.press("k")
    page.press("Enter")
    page.wait_text("What happened")
    page.wait_text("number 2", "h1")
    page.press("Escape")
    page.wait_text("3 tasks", "h1")
    page.press("/")
    assert page.run("document.activeElement.type") == "search"
    page.press("j")  # is a letter there
    page.press("Escape")
    assert page.run("document.activeElement.type") is None
    page.press("?")
    page.wait("document.querySelector('dialog').open")
    page.press("Escape")
    page.wait("!document.querySelector('dialog').open")
    due = mock.clock.next_due
    assert due is not None
    page.press("]")
    page.wait_text("processing begins", "header")
    page.wait_text("What happened meanwhile: 1", "header")
    assert mock.clock.now() == pytest.approx(due.when, abs=0.01)


def test_cards_or_a_table(page: Page, mock: KlingMock, api: Api) -> None:
    """The choice stays; on a narrow screen the rows of the table stand below each other."""
    mock.complete(api.new(prompt="a lake"))
    page.wait_text("a lake")
    page.click("button", "Table")
    page.wait("document.querySelector('table.tasks tbody tr td video')?.currentTime > 0")
    page.reload()
    page.resize(400)
    page.wait("document.querySelector('table.tasks video')?.currentTime > 0")
    page.wait("document.documentElement.scrollWidth <= 400")
    page.click("button", "Play previews")
    page.wait("document.querySelector('video').paused")


# ---------------------------------------------------------------- clock


def test_the_clock_is_moved(page: Page, mock: KlingMock, api: Api) -> None:
    """It moves by a step, or to the next due event by name; the events on the way are listed."""
    task = api.new()
    start = mock.clock.now()
    page.wait_text("Next: processing begins, in", "header")
    page.click("header button", "To the next event")
    page.wait_text("Next: a task ends, in", "header")
    page.click("header button", "+10 min")
    page.wait_text("Nothing is due.", "header")
    page.wait_text("What happened meanwhile: 1", "header")
    page.wait_text(task, ".fired")
    page.wait("document.querySelector('main .status.succeed')")
    page.click("header button", "+1 d")
    page.wait_text("2026-01-02", "header")
    assert mock.clock.now() > start + 87000
    assert set(NEXT["properties"]) == {"at", "what", "task_id"}


def test_a_scaled_clock_runs_pauses_and_goes_on(chromium: Chromium) -> None:
    """It goes on at the speed that was set before the pause."""
    with KlingMock(clock=60.0, seed=1) as mock:
        assert mock.dashboard_url is not None
        with chromium.page(mock.dashboard_url) as page:
            page.wait_text("runs 60 times as fast as real time", "header")
            label = page.text("header time")
            page.wait(f"document.querySelector('header time').innerText !== {json.dumps(label)}")
            page.click("header button", "Pause")
            page.wait_text("paused", "header")
            assert mock.clock.speed == 1e-6
            page.click("header button", "Go on")
            page.wait_text("runs 60 times", "header")
            page.run("""(() => {
              const field = document.querySelector("header input");
              field.value = 600;
              field.dispatchEvent(new Event("change", { bubbles: true }));
            })()""")
            page.wait_text("runs 600 times", "header")
            assert mock.clock.speed == 600


def test_a_moment_is_kept_and_put_back(page: Page, mock: KlingMock, api: Api) -> None:
    """The way to undo: a snapshot, and back to it."""
    api.new(prompt="before")
    page.click("summary", "Snapshots")
    page.click("header button", "Keep this moment")
    page.wait_text("snapshot-1", "header")
    api.new(prompt="after")
    page.wait_text("2 tasks", "h1")
    page.click("header button", "Go back to it")
    page.wait_text("1 task", "h1")
    assert "after" not in page.text("ul.cards")


# ---------------------------------------------------------------- callbacks, requests, faults


def test_a_callback_is_judged_and_replayed(
    page: Page, mock: KlingMock, api: Api, receiver: Receiver
) -> None:
    """Its request, its answer, whether its signature holds and why; once more from the page."""
    mock.accounts["default"].add_webhook_secret()
    receiver.answers = [503]
    api.new(callback_url=receiver.url)
    page.click("nav a", "Callbacks")
    page.wait_text("pending")
    page.click("summary", "reports “submitted”")
    page.wait_text("The signature is valid.")
    page.wait_text("away from real time")  # which a receiver may stumble over
    page.wait_text("webhook-signature")
    page.wait_text("HTTP 503")
    page.wait_text('"task_status": "submitted"')
    page.click("button", "Replay as it was")
    page.wait_text("Sent again; the response: 200.")
    page.wait_text("(replay)")
    page.wait_text("delivered")
    first, again = receiver.received
    assert first.body == again.body
    assert first.headers["webhook-signature"] == again.headers["webhook-signature"]
    mock.accounts["default"].add_webhook_secret(emergency=True)
    page.click("button", "Replay with a new date and signature")
    page.wait("document.querySelectorAll('.attempts li').length === 3")
    assert receiver.received[2].headers["webhook-signature"] != first.headers["webhook-signature"]
    page.click("a", "Link")
    page.wait("location.hash.includes('id=msg_')")
    page.wait_text("The signature is valid.")


def test_a_callback_is_changed_and_sent(
    page: Page, mock: KlingMock, api: Api, receiver: Receiver
) -> None:
    """A changed body keeps the old signature; the new delivery opens and says it is not valid."""
    mock.accounts["default"].add_webhook_secret()
    task = api.new(callback_url=receiver.url)
    visit(page, mock, "callbacks", id=mock.deliveries[-1].delivery_id, task=task)
    page.click("summary", "Change and send")
    page.run(
        "document.querySelector('textarea[name=body]').value = '{\"task_status\": \"failed\"}'"
    )
    page.click("button", "Send")
    page.wait_text("Sent as a delivery of its own.")
    page.wait_text("The signature is not valid.")
    assert receiver.received[-1].body == b'{"task_status": "failed"}'
    assert page.run("location.hash").find(mock.deliveries[-1].delivery_id) > 0
    page.click("summary", "Change and send")
    page.run("document.querySelector('input[name=url]').value = 'http://192.0.2.1/'")
    page.run("document.querySelector('input[name=resign]').checked = true")
    page.click("button", "Send")
    page.wait("document.querySelector('main summary .status.blocked')")


def test_a_callback_that_nobody_takes_says_why(page: Page, mock: KlingMock, api: Api) -> None:
    """Unsigned, with the error of the connection."""
    api.new(callback_url=closed_url())
    visit(page, mock, "callbacks", state="pending")
    page.click("summary", "reports “submitted”")
    page.wait_text("Not signed.")
    page.wait_text("1 attempt:")


def test_a_fault_is_added_counted_and_ended(page: Page, mock: KlingMock, api: Api) -> None:
    """It is added from a failed request, shows the hits that are left, and ends by one click."""
    api.create(model_name="kling-v0")
    page.click("nav a", "Requests")
    page.wait_text("POST")
    page.click("summary", "HTTP 400")
    page.click("a", "Let this go wrong again")
    page.wait("document.querySelector('input[name=code]')?.value === '1201'")
    assert page.run("document.querySelector('input[name=match]').value") == (
        "POST /v1/videos/text2video"
    )
    page.run("document.querySelector('input[name=times]').value = 3")
    page.click("button", "Add")
    page.wait_text("3 of 3 hits left")
    assert api.create().json()["code"] == 1201
    page.wait_text("2 of 3 hits left")
    page.click("button", "End it")
    page.wait_text("Nothing goes wrong.")
    assert api.create().json()["code"] == 0


def test_the_badge_counts_faults_that_can_still_happen(
    page: Page, mock: KlingMock, api: Api
) -> None:
    """One that has happened as often as it may is no reason to look."""
    mock.faults.add("status", "POST *", code=5001, times=1)
    mock.faults.add("latency", "GET *", seconds=0)
    visit(page, mock, "faults")
    badge = "document.querySelector('nav .count')?.innerText"
    page.wait(f"{badge} === '2'")
    api.create()
    page.wait(f"{badge} === '1'")
    mock.faults.clear()
    page.wait(f"{badge} === undefined")


def test_every_kind_of_fault_can_be_added(page: Page, mock: KlingMock) -> None:
    """The form's own values are accepted; a refusal of the server is shown."""
    visit(page, mock, "faults")
    kinds = page.wait(
        "((all) => all.length > 1 && all.map((one) => one.value))"
        "([...document.querySelectorAll('select[name=kind] option')])"
    )
    for number, kind in enumerate(kinds, 1):
        page.choose("select[name=kind]", kind)
        page.click("button.primary", "Add")
        page.wait(f"document.querySelectorAll('.faults > li').length === {number}")
    assert [fault.kind.name for fault in mock.faults] == kinds
    page.click("button", "End all faults")
    page.wait_text("Nothing goes wrong.")
    page.run("document.querySelector('input[name=match]').value = 'NONSENSE nowhere'")
    page.click("button.primary", "Add")
    page.wait("document.querySelector('.said.bad')?.innerText")
    page.expected = ("400",)


def test_requests_are_searched_and_explained(page: Page, mock: KlingMock, api: Api) -> None:
    """Notes are shown; a filter is in the address; new requests come in."""
    task = api.new(nonsense=1)
    page.click("nav a", "Requests")
    page.wait_text("1 note")
    page.click("summary", "POST")
    page.wait_text("Unknown field: nonsense")
    visit(page, mock, "requests", match="GET *")
    page.wait_text("No request matches")
    api.task(task)
    page.wait_text("GET")
    page.wait_text("submitted")


def test_a_request_has_an_address(
    chromium: Chromium, page: Page, mock: KlingMock, api: Api
) -> None:
    """It opens in a new tab, too; so does the list of what an account's limits have refused."""
    mock.accounts["default"].slots = 1
    api.new(prompt="the first")
    api.create(prompt="one too many")
    page.click("nav a", "Accounts")
    page.click("a", "refused with 1303")
    page.wait_text("1303")
    page.click("summary", "POST")
    page.click(".entry a", "Link")
    page.wait("location.hash.includes('number=2')")
    with chromium.page(str(page.run("location.href"))) as other:
        other.wait_text("one too many")
        assert "the first" not in other.text()


def test_accounts_show_what_is_busy_and_what_is_left(page: Page, mock: KlingMock, api: Api) -> None:
    """Slots against their cap, packs as gauges, switches that work."""
    account = mock.accounts["default"]
    account.add_pack(units=100, slots=5, name="Trial 5Con")
    api.new()
    mock.complete(api.new())
    page.click("nav a", "Accounts")
    page.wait_text("1 / 5")
    page.wait_text("98.5 of 100 units left")
    page.wait_text("Trial 5Con")
    assert page.run("[...document.querySelectorAll('meter')].map((one) => one.value)") == [1, 98.5]
    page.click("label", "In arrears")
    page.wait_text("Account default was changed.")
    assert api.create().json()["code"] == 1101


# ---------------------------------------------------------------- the page itself


def test_it_comes_back_after_a_break(page: Page, mock: KlingMock, api: Api) -> None:
    """While the server is away it says so; then it knows what happened meanwhile."""
    task = api.new(prompt="a long video")
    page.wait_text("a long video")
    mock.stop()
    page.wait_text("No connection; trying again", "header")
    mock.complete(task)
    mock.start()
    page.wait_text("Live", "header")
    page.wait("document.querySelector('main .status.succeed')")
    page.expected = (
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_INCOMPLETE",
        "ERR_EMPTY",
    )


def test_it_asks_for_the_token_and_tells_a_wrong_one(chromium: Chromium, mock: KlingMock) -> None:
    """A reload keeps it; no request has it in its address."""
    with chromium.page(f"{mock.kling_url}/__kling/") as page:
        page.wait_text("Admin token")
        page.click("input[name=token]")
        page.type(mock.admin_token)
        page.press("Enter")
        page.wait_text("There are no tasks yet")
        page.reload()
        page.wait_text("There are no tasks yet")
        assert mock.admin_token not in " ".join(page.requests())
    with chromium.page(f"{mock.kling_url}/__kling/#token=wrong") as page:
        page.wait_text("Bearer <admin_token>")
        page.expected = ("401",)


def test_it_asks_nobody_else(page: Page, mock: KlingMock, api: Api) -> None:
    """All requests go to this server, whatever prompts and callbacks name."""
    task = api.new("image2video", image="https://example.com/a.png", prompt="http://example.com/")
    mock.complete(task)
    page.wait("document.querySelector('video')?.readyState >= 2")
    visit(page, mock, "task", id=task)
    page.wait_text("https://example.com/a.png")
    ours = urlsplit(mock.kling_url).netloc
    assert {urlsplit(url).netloc for url in page.requests() if url.startswith("http")} == {ours}


def test_it_speaks_two_languages(page: Page, mock: KlingMock, api: Api) -> None:
    """The choice stays over a reload; the language of the page is marked for a screen reader."""
    api.new()
    page.wait_text("submitted")
    page.choose("footer select", "zh")
    page.wait_text("已提交")
    page.wait_text("到下一个事件", "header")
    page.reload()
    page.wait_text("任务", "h1")
    assert page.run("document.documentElement.lang") == "zh-CN"
    page.choose("footer select", "en")
    page.wait_text("Tasks", "h1")


def test_a_chinese_browser_gets_chinese(chromium: Chromium, mock: KlingMock) -> None:
    """Without a choice, the browser's language counts."""
    assert mock.dashboard_url is not None
    with chromium.page(mock.dashboard_url, languages="zh-CN") as page:
        page.wait_text("还没有任务")


@pytest.mark.parametrize(("language", "width"), [("en", 1400), ("en", 400), ("zh", 400)])
def test_everybody_can_use_it(
    page: Page, mock: KlingMock, api: Api, receiver: Receiver, width: int, language: str
) -> None:
    """axe finds no violation in any view, light or dark; nothing is wider than the screen."""
    mock.accounts["default"].add_pack(units=100, slots=5)
    mock.accounts["default"].add_webhook_secret()
    mock.faults.add("stuck", prompt="never", times=2)
    ended = api.new(callback_url=receiver.url)
    mock.complete(ended)
    mock.fail(api.new(prompt="x" * 200))
    api.new(prompt="open", callback_url=closed_url())
    api.create(model_name="kling-v0")
    page.choose("footer select", language)
    page.resize(width)
    page.run(AXE.read_text("utf-8") + ";0")
    findings = judged(page, mock, ended, width)
    assert not findings, json.dumps(findings, indent=1, ensure_ascii=False)


def judged(page: Page, mock: KlingMock, task: str, width: int) -> dict[str, object]:
    """Return what axe finds in each view and theme, and what is too wide."""
    findings: dict[str, object] = {}
    for view, more in [*((view, {}) for view in VIEWS), ("task", {"id": task}), ("table", {})]:
        visit(page, mock, "tasks" if view == "table" else view, **more)
        if view == "table":
            page.wait("document.querySelector('[aria-pressed=false]')")
            page.run("document.querySelector('.switches button').click()")
            page.wait("document.querySelector('table.tasks')")
        page.wait(
            "document.querySelector('h1') && document.querySelector('main li, main tr, main dl')"
        )
        page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for scheme in ("light", "dark"):
            page.colours(scheme)
            page.run(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            # What is not a matter of colours is the same in both.
            only = "{}" if scheme == "light" else "{runOnly: ['color-contrast']}"
            problems = page.run(
                f"axe.run(document, {only}).then(({{violations}}) =>"
                " violations.map((one) => [one.id, one.nodes.slice(0, 3).map((node) =>"
                " node.html.slice(0, 160) + ' ' + node.failureSummary.slice(0, 200))]))"
            )
            if problems:
                findings[f"{view} {scheme}"] = problems
        wide = page.run("document.documentElement.scrollWidth")
        if wide > width:
            findings[f"{view} width"] = wide
    return findings


def test_with_many_tasks_it_stays_quick(
    chromium: Chromium, mock: KlingMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """5,000 tasks: the first rows, an update, a search, a page further; in a bounded document."""
    with mock.client() as kling:
        first = kling.text2video.create(prompt="the very first one")
    account, plan = mock._emulator.world.account, mock._emulator.world.tasks.any(first.task_id).plan

    def fill(number: int) -> None:
        world = mock._emulator.world
        for at_ in range(number):
            variant = plan._replace(prompt=f"task number {at_}", external_task_id=f"many-{at_}")
            world.submit(account, variant)

    mock._steering.proxy.call(lambda _: fill(MANY - 1))
    assert mock.dashboard_url is not None
    started = time.perf_counter()
    with chromium.page(mock.dashboard_url) as page:
        page.wait_text(f"task number {MANY - 2}")
        opened = time.perf_counter() - started
        painted = page.run(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
        )
        newest = list(mock._emulator.world.tasks)[-1].task_id
        started = time.perf_counter()
        mock.complete(newest)
        page.wait("document.querySelector('.card .status.succeed')")
        updated = time.perf_counter() - started
        started = time.perf_counter()
        page.press("/")
        page.type("the very first")
        page.wait_text("1 task", "h1")
        searched = time.perf_counter() - started
        visit(page, mock, "tasks", before=newest)
        page.wait_text(f"task number {MANY - 4}")
        elements = page.run("document.querySelectorAll('*').length")
        page.call("HeapProfiler.enable")
        page.call("HeapProfiler.collectGarbage")
        memory = page.run("performance.memory.usedJSHeapSize") / 2**20
        with capsys.disabled():
            print(  # noqa: T201 - the figures are what it is about
                f"\n{MANY} tasks: first paint {painted:.0f} ms, first row {opened:.2f} s with a"
                f" new tab, an update {updated * 1000:.0f} ms, a search {searched * 1000:.0f} ms,"
                f" {elements} elements, {memory:.1f} MiB of script memory"
            )
        assert elements < 4000
        assert memory < 60
        assert opened < 10


#: By how many pixels each result reaches out of its player, and the player out of the window.
OUTSIDE = """[...document.querySelectorAll(".preview")].map((box) => {
    const outer = box.getBoundingClientRect();
    const inner = box.querySelector("video, img").getBoundingClientRect();
    return Math.max(outer.left - inner.left, inner.right - outer.right,
                    outer.top - inner.top, inner.bottom - outer.bottom,
                    outer.right - innerWidth, -outer.left);
})"""
VIDEO_RATIOS = ("16:9", "9:16", "1:1")
PICTURE_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")


def test_every_result_is_whole_inside_its_player(page: Page, mock: KlingMock, api: Api) -> None:
    """Results of any ratio fit with their controls: on the task's page, as cards and in tables."""
    tasks = [api.new(prompt="a lake", aspect_ratio=ratio) for ratio in VIDEO_RATIOS]
    tasks += [
        api.new("image-generation", prompt="a lake", aspect_ratio=ratio) for ratio in PICTURE_RATIOS
    ]
    for task in tasks:
        mock.complete(task)
    loaded = (
        "[...document.querySelectorAll('.preview video, .preview img')]"
        ".filter((one) => one.videoWidth || one.naturalWidth).length >= {}"
    )
    for width in (1400, 400):
        page.resize(width, 6000)
        for task in tasks:
            visit(page, mock, "task", id=task)
            page.wait_text(task)
            page.wait(loaded.format(1))
            assert (width, task, max(page.run(OUTSIDE)) <= 0.5) == (width, task, True)
        for look in ("cards", "table"):
            visit(page, mock, "tasks")
            page.wait(loaded.format(len(tasks)))
            assert (width, look, max(page.run(OUTSIDE)) <= 0.5) == (width, look, True)
            page.click("button", "Table")
