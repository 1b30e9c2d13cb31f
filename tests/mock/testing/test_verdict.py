"""The verdict: a test answers for the findings of a server, however it was started."""

from __future__ import annotations

from typing import Final

import pytest

from kling_mock.testing import plugin
from tests.mock.testing.conftest import Run

HEAD: Final = """
import time

import httpx
import pytest
from kling_mock import Call, KlingMock

WRONG = "/v1/video/text2video"
HOST = "http://app.test/kling/callback"


def wrong_call(mock, path=WRONG):
    httpx.post(mock.kling_url + path, json={}, trust_env=False)


def app(status):  # answers callbacks
    async def called(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    return called


def create(mock, url=HOST, **fields):
    with mock.client() as kling:
        return kling.text2video.create(prompt="a kitten", callback_url=url, **fields)
"""


def test_every_server_of_a_test_is_judged(run: Run) -> None:
    """This includes fixtures of any name and scope, a body, a class, and one outliving a test."""
    result = run(f"""{HEAD}
import unittest

@pytest.fixture
def kling_mock():
    with KlingMock() as mock:
        yield mock

@pytest.fixture(scope="module")
def lasting():
    with KlingMock() as mock:
        yield mock

def test_fixture(kling_mock, kling):
    assert kling_mock.kling_url in repr(kling)
    wrong_call(kling_mock)

def test_body():
    with KlingMock() as mock:
        wrong_call(mock)

def test_lasting(lasting):
    wrong_call(lasting)

def test_lasting_again(lasting):
    create(lasting, None)  # the last test has answered for the call above

class TestSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mock = KlingMock().start()
        cls.addClassCleanup(cls.mock.stop)

    def test_case(self):
        wrong_call(self.mock)

    def test_right(self):
        create(self.mock, None)

def test_out_of_it():
    with KlingMock(strict=False) as mock:
        wrong_call(mock)

@pytest.mark.kling_mock(strict=False)
def test_out_by_marker():
    with KlingMock() as mock:
        wrong_call(mock)
    """)
    result.assert_outcomes(failed=4, passed=4)
    result.stdout.fnmatch_lines_random(
        ["*- KlingMock http://127.0.0.1:*: journal of 1 call -*", "*- kling_mock: journal*"][:1]
    )
    assert str(result.stdout).count("\n1 call unexpected:") == 4


@pytest.mark.slow
def test_a_server_that_the_body_imports_first_is_judged(run: Run) -> None:
    """The plugin had loaded nothing when the test began."""
    source = """
        def test_it():
            import httpx
            from kling_mock import KlingMock
            with KlingMock() as mock:
                httpx.post(mock.kling_url + "/v1/video/text2video", json={}, trust_env=False)
    """
    result = run(source, plugins=[])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["1 call unexpected:"])


@pytest.mark.slow
def test_a_server_that_a_fixture_imports_first_is_judged(run: Run) -> None:
    """The test has begun before anything was loaded, and its body finds it loaded."""
    source = """
        import pytest

        @pytest.fixture
        def mine():
            from kling_mock import KlingMock
            with KlingMock() as mock:
                yield mock

        def test_it(mine):
            import httpx
            httpx.post(mine.kling_url + "/v1/video/text2video", json={}, trust_env=False)
    """
    result = run(source, plugins=[])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["1 call unexpected:"])


def test_an_unexpected_call_that_is_meant_is_forgiven_by_name(run: Run) -> None:
    """Only that one: another one fails the test, and so does one that never came."""
    result = run(f"""{HEAD}
def test_meant(kling_mock):
    wrong_call(kling_mock)
    assert len(kling_mock.journal.assert_unexpected("POST " + WRONG)) == 1

def test_another(kling_mock):
    wrong_call(kling_mock)
    wrong_call(kling_mock, "/v1/other")
    kling_mock.journal.assert_unexpected("POST " + WRONG, status=404)

def test_again(kling_mock):
    wrong_call(kling_mock)
    kling_mock.journal.assert_unexpected("POST " + WRONG)
    wrong_call(kling_mock)

def test_none(kling_mock):
    create(kling_mock, None)
    kling_mock.journal.assert_unexpected("POST *")
    """)
    result.assert_outcomes(passed=1, failed=3)
    assert str(result.stdout).count("\n1 call unexpected:") == 2
    result.stdout.fnmatch_lines_random(
        ["  POST /v1/other: *", "E*expected an unexpected call of POST *, there were none"]
    )


@pytest.mark.slow
def test_nothing_that_was_noted_is_erased(run: Run) -> None:
    """Clear, reset, restore and the admin API keep it: "arrange, clear, act" is a usual test."""
    result = run(f"""{HEAD}
CLEARS = [
    lambda mock, kept: mock.journal.clear(),
    lambda mock, kept: mock.reset(),
    lambda mock, kept: mock.restore(kept),
    lambda mock, kept: httpx.delete(
        mock.kling_url + "/__kling/journal",
        headers={{"Authorization": f"Bearer {{mock.admin_token}}"}},
        trust_env=False,
    ),
]

@pytest.mark.parametrize("clear", CLEARS)
def test_calls(kling_mock, clear):
    kept = kling_mock.snapshot()
    wrong_call(kling_mock)
    clear(kling_mock, kept)

@pytest.mark.kling_mock(unused_faults="fail")
@pytest.mark.parametrize("clear", CLEARS[1:3] + [lambda mock, kept: mock.faults.clear()])
def test_faults(kling_mock, clear):
    kept = kling_mock.snapshot()
    kling_mock.faults.add("reset")
    clear(kling_mock, kept)

@pytest.mark.parametrize("clear", CLEARS[:3])
def test_callbacks(kling_mock, clear):
    kept = kling_mock.snapshot()
    kling_mock.callbacks.deliver_to(app(404))
    create(kling_mock)
    kling_mock.clock.advance(600)
    clear(kling_mock, kept)

@pytest.mark.parametrize("clear", CLEARS[:3])
def test_used(kling_mock, clear):
    kept = kling_mock.snapshot()
    kling_mock.faults.add("latency", seconds=0)
    create(kling_mock, None)
    clear(kling_mock, kept)
    """)
    result.assert_outcomes(failed=10, passed=3)


def test_a_rule_that_never_acted_is_like_a_fault(run: Run) -> None:
    """This holds for rules of progress and of content; one that a newer rule hides is spared."""
    result = run(f"""{HEAD}
@pytest.mark.kling_mock(unused_faults="fail")
@pytest.mark.parametrize("kind", ["progress", "content", "hidden"])
def test_unused(kling_mock, kind):
    if kind == "progress":
        kling_mock.progress.add("instant", prompt="a dog")
    if kind == "content":
        kling_mock.content.add("blood")
    if kind == "hidden":
        kling_mock.progress.add("instant")
        kling_mock.progress.add("stuck")
        kling_mock.content.add("kit", "fail")
        kling_mock.content.add("ten", "fail")
    create(kling_mock, None)

@pytest.mark.kling_mock(unused_faults="fail")
def test_used(kling_mock):
    kling_mock.progress.add("instant")
    kling_mock.content.add("kitten", "fail")
    create(kling_mock, None)

def test_reported(kling_mock):
    kling_mock.progress.add("instant", prompt="a secret")
    """)
    result.assert_outcomes(failed=2, passed=3)
    result.stdout.fnmatch_lines_random(
        [
            "  progress instant [*] [*] prompt=...",
            "  content refuse prompt=... [*] [*]",
            "*::test_unused?hidden?: never happened: progress instant [*] [*]",
            "*::test_unused?hidden?: never happened: content fail prompt=... [*] [*]",
            "*= kling_mock: what did not happen in tests that passed =*",
            "*::test_reported: never happened: progress instant [*] [*] prompt=...",
            "@pytest.mark.kling_mock(unused_faults='fail') makes such a test fail",
        ]
    )
    assert "secret" not in str(result.stdout).replace('prompt="a secret"', "")


CALLBACKS: Final = f"""{HEAD}
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kling_mock import KlingReceiver


def finish(mock, url=HOST):
    task = create(mock, url)
    mock.clock.advance(1800)
    return task


def raises(environ, start_response):
    pytest.fail("swallowed by the server, as any error of an app")


async def silent(scope, receive, send):
    pass


@pytest.fixture
def listening():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(404)
            self.end_headers()
        def log_message(self, *_): ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{{server.server_port}}/hook"
        server.shutdown()


@pytest.mark.parametrize("given", [app(404), app(500), app(302), raises, silent])
def test_wrong_app(kling_mock, given):
    kling_mock.callbacks.deliver_to(given)
    finish(kling_mock)

def test_wrong_server(kling_mock, listening):
    finish(kling_mock, listening)

def test_wrong_receiver(kling_mock):
    kling_mock.account.add_webhook_secret()
    with KlingMock() as other, KlingReceiver(other) as receiver:
        finish(kling_mock, receiver.url)  # it knows the secrets of the other one

@pytest.mark.parametrize("url", [HOST, "http://app.tset/", "http://127.0.0.1:9/", "https://8.8.8.8/"])
def test_right_placeholder(kling_mock, url):
    finish(kling_mock, url)

@pytest.mark.kling_mock(undelivered="fail")
@pytest.mark.parametrize("url", ["http://app.tset/", "http://127.0.0.1:9/"])
def test_wrong_placeholder(kling_mock, url):
    finish(kling_mock, url)

@pytest.mark.kling_mock(undelivered="report")
def test_right_by_marker(kling_mock):
    kling_mock.callbacks.deliver_to(app(500))
    finish(kling_mock)

def test_right_repeats(kling_mock, kling_receiver):
    kling_receiver.answer(500, times=2)  # the test means it
    finish(kling_mock, kling_receiver.url)
    kling_receiver.answer(500)
    create(kling_mock, kling_receiver.url)  # ends before the repeat

def test_right_forgeries(kling_mock):
    taken = []
    async def genuine(scope, receive, send):
        body = (await receive())["body"]
        taken.append(body)
        await app(400 if body == b"forged" else 200)(scope, receive, send)
    kling_mock.callbacks.deliver_to(genuine)
    finish(kling_mock)
    forged = kling_mock.deliveries.send_changed(kling_mock.deliveries[0], body="forged")
    assert forged.attempts[0].status == 400

def test_right_losses(kling_mock):
    kling_mock.callbacks.deliver_to(app(200))
    kling_mock.faults.add("callback-dropped", statuses="processing")
    kling_mock.faults.add("callback-delayed", statuses="succeed", seconds=10**6)
    finish(kling_mock)

def test_right_relay(kling_mock, kling_relay):
    assert kling_relay.text2video.run(prompt="a kitten").is_succeed
"""


@pytest.mark.slow
def test_callbacks_that_were_not_taken_are_noticed(run: Run) -> None:
    """They fail a test whose receiver answers wrongly; a placeholder is in the summary."""
    result = run(CALLBACKS)
    failed = [line for line in result.outlines if line.startswith("FAILED")]
    assert not [line for line in failed if "test_right" in line]
    result.assert_outcomes(failed=9, passed=9)
    result.stdout.fnmatch_lines_random(
        [
            "3 callbacks not taken:",
            "  submitted of task * to http://app.test/kling/callback: 404",
            "  submitted of task * to http://127.0.0.1:*/hook: 404",
            "*= kling_mock: what did not happen in tests that passed =*",
            "*test_right_placeholder*: callback not taken: * and 2 more",
            "@pytest.mark.kling_mock(undelivered='fail') makes such a test fail",
        ]
    )


def test_a_refusal_that_is_meant_fails_no_test(run: Run) -> None:
    """It is not noted again when the delivery is repeated; another response is."""
    result = run(f"""{HEAD}
def refused(mock, *answers):
    left = list(answers)
    def hook(environ, start):
        start(f"{{left.pop(0)}} no", [])
        return []
    mock.callbacks.deliver_to(hook)
    mock.progress.add("by-hand")
    task = create(mock)
    mock.clock.advance(0)
    mock.deliveries.assert_refused(task, 401)
    mock.clock.advance(10)

@pytest.mark.kling_mock(undelivered="fail")
def test_meant(kling_mock):
    refused(kling_mock, 401, 401)

def test_another(kling_mock):
    refused(kling_mock, 401, 500)
    """)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  submitted of task * to http://app.test/kling/callback: 500"])


#: A hook in the loop of the test, which ends at once after a create.
IN_THE_LOOP = f"""{HEAD}
import asyncio

async def ends(kling_mock):
    kling_mock.callbacks.deliver_to(app(500))
    async with kling_mock.async_client() as kling:
        await kling.text2video.create(prompt="a cat", callback_url=HOST)

@pytest.mark.parametrize("time", range(8))
@pytest.mark.asyncio
async def test_in_the_loop(kling_mock, time):
    await ends(kling_mock)

@pytest.mark.parametrize("time", range(8))
@pytest.mark.anyio
async def test_in_the_loop_of_anyio(kling_mock, anyio_backend, time):
    await ends(kling_mock)

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_a_callback_to_the_loop_of_a_test_is_judged(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each callback is judged, although the loop stands still."""
    monkeypatch.setattr(plugin, "_UNDER_WAY", 60.0)
    result = run(IN_THE_LOOP)
    result.assert_outcomes(failed=16)
    result.stdout.fnmatch_lines(["  submitted of task * to http://app.test/kling/callback: 500"])


def test_a_callback_that_the_end_of_the_test_cuts_off_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary has a line for an app or a server that hangs; it is not the next test's."""
    monkeypatch.setattr(plugin, "_UNDER_WAY", 0.02)
    result = run(f"""{HEAD}
import asyncio
import socket

from tests.mock.loop_time import let_pass

async def hangs(scope, receive, send):
    await asyncio.Event().wait()

@pytest.mark.asyncio
async def test_in_the_loop(kling_mock):
    kling_mock.callbacks.deliver_to(hangs)
    async with kling_mock.async_client() as kling:
        await kling.text2video.create(prompt="a cat", callback_url=HOST)

def test_app(kling_mock):
    kling_mock.callbacks.deliver_to(hangs)
    create(kling_mock)

@pytest.fixture(scope="module")
def lasting():
    with KlingMock() as mock:
        mock.callbacks.timeout = 60
        yield mock

@pytest.fixture(scope="module")
def silent():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{{silent.getsockname()[1]}}/hook"

def test_server(lasting, silent):
    create(lasting, silent)

@pytest.mark.kling_mock(undelivered="fail")
def test_by_marker(lasting, silent):
    create(lasting, silent)

def test_next(lasting):
    let_pass(lasting, 60)
    lasting.clock.advance(0)
    assert lasting.deliveries[0].attempts[0].error == "no response within 60 s"

def test_told(kling_mock, kling_receiver):
    kling_receiver.answer(seconds=60)
    create(kling_mock, kling_receiver.url)
    """)
    result.assert_outcomes(passed=5, failed=1)
    texts, _, _ = str(result.stdout).partition("short test summary info")
    text = "callback not taken: submitted of task * to http*: no response when the test ended"
    result.stdout.fnmatch_lines_random(
        [f"*::{name}: {text}" for name in ("test_in_the_loop", "test_app", "test_server")]
    )
    assert texts.count("no response when the test ended") == 4
    assert "::test_next: " not in texts


@pytest.mark.slow
def test_a_marker_is_for_a_server_of_ones_own_or_refused(run: Run) -> None:
    """Faults are loaded into it; what it is made with is refused, and never dropped in silence."""
    result = run(f"""{HEAD}
@pytest.fixture
def kling_mock():
    with KlingMock() as mock:
        yield mock

@pytest.fixture(scope="module")
def lasting():
    with KlingMock() as mock:
        yield mock

@pytest.fixture
def of_module(lasting):
    create(lasting, None)
    return lasting

def test_before(lasting): ...

@pytest.mark.kling_mock(faults=["reset"])
def test_faults(kling_mock):
    assert [fault.kind.name for fault in kling_mock.faults] == ["reset"]

@pytest.mark.kling_mock(faults=["reset"])
def test_faults_in_body():
    with KlingMock() as mock:
        assert len(mock.faults) == 1

@pytest.mark.kling_mock(clock=60)
def test_clock(kling_mock): ...

@pytest.mark.kling_mock(seed=7)
def test_seed_in_body():
    with KlingMock():
        pass

@pytest.mark.kling_mock(faults=["reset"])
def test_faults_too_late(of_module): ...
    """)
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "*clock: the marker's clock is for the server of the fixture*KlingMock(clock=...)",
            "*seed: the marker's seed is for the server of the fixture kling_mock*",
            "*faults: the marker's faults are for servers that start in the test*",
        ]
    )


@pytest.mark.slow
def test_a_call_under_way_is_named(run: Run) -> None:
    """One that will be refused fails its test; absence cannot be asserted meanwhile."""
    result = run(f"""{HEAD}
import threading
from kling_mock import IncompleteJournalError

def call(mock, path):
    def work():
        try:
            httpx.post(mock.kling_url + path, headers=auth, json={{}}, trust_env=False, timeout=30)
        except httpx.HTTPError:
            pass
    auth = {{"Authorization": f"Bearer {{mock.api_key}}"}}
    threading.Thread(target=work, daemon=True).start()
    while not mock.faults.unused == []:
        time.sleep(0.001)

def test_unexpected(kling_mock):
    kling_mock.faults.add("latency", seconds=20)
    call(kling_mock, WRONG)

def test_unexpected_of_a_server_that_stops():
    with KlingMock() as mock:
        mock.faults.add("latency", seconds=20)
        call(mock, WRONG)

def test_asserted(kling_mock):
    kling_mock.faults.add("hang", seconds=20)
    call(kling_mock, "/v1/videos/text2video")
    with pytest.raises(AssertionError, match="there is 1 under way: POST /v1/videos/text2video"):
        kling_mock.journal.assert_not_called("POST *")
    for filters in ({{"code": 1201}}, {{"status": 429}}):
        with pytest.raises(IncompleteJournalError, match="under way"):
            kling_mock.journal.assert_not_called("POST *", **filters)
    with pytest.raises(IncompleteJournalError, match="under way"):
        kling_mock.journal.assert_called("POST *", times=0)
    kling_mock.journal.assert_not_called("GET *")
    """)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines_random(
        [
            "  POST /v1/video/text2video: no response yet, nearest is POST /v1/videos/*",
            "*::test_asserted: no response when the test ended: POST /v1/videos/text2video",
        ]
    )


@pytest.mark.slow
def test_what_else_is_unexpected(run: Run) -> None:
    """Query keys, ids of another endpoint, no ids, files that never were, and other APIs."""
    result = run(f"""{HEAD}
@pytest.fixture
def get(kling_mock):
    def get(path, key=None, url=None):
        headers = {{"Authorization": f"Bearer {{key or kling_mock.api_key}}"}}
        url = (url or kling_mock.kling_url) + path
        return httpx.get(url, headers=headers, trust_env=False)
    return get

LIST = "/v1/videos/text2video"

def test_wrong_query(get):
    assert get(LIST + "?page_num=3").status_code == 200

def test_wrong_endpoint(get, kling_mock):
    get("/v1/videos/image2video/" + create(kling_mock, None).task_id)

@pytest.mark.parametrize("name", ["None", "undefined", "null", "{{task_id}}"])
def test_wrong_id(get, name):
    get(f"{{LIST}}/{{name}}")

def test_wrong_ids(get):
    get("/tasks?task_ids=undefined")

@pytest.mark.parametrize("path", ["/media/nothing.mp4", "/media/videos/831114115449500717.mp4"])
def test_wrong_download(get, path):
    assert get(path).status_code == 404

def test_wrong_relay_path(get, kling_mock):
    assert get("/kling/v2/videos", kling_mock.relay_token, kling_mock.relay_url).status_code == 404

def test_wrong_relay_token(get, kling_mock):
    assert get("/kling/v1/videos", "sk-no", kling_mock.relay_url).status_code == 401

@pytest.mark.parametrize("path", ["/None", "/text2video/undefined", "?limt=3", "?sk-a-token"])
def test_wrong_relay_query(get, kling_mock, path):
    get("/kling/v1/videos" + path, kling_mock.relay_token, kling_mock.relay_url)

@pytest.mark.parametrize("path", ["/undefined", "?limit=3"])
def test_wrong_relay_query_in_kling_s_form(get, kling_mock, path):
    get("/v1/videos/text2video" + path, kling_mock.relay_token, kling_mock.relay_url)

def test_wrong_relay_body(kling_mock, kling_relay):
    headers = {{"Authorization": "Bearer " + kling_mock.relay_token}}
    url = kling_mock.relay_url + "/kling/v1/videos/text2video"
    reply = httpx.post(url, content=b"{{", headers=headers, trust_env=False)
    assert reply.status_code == 400

@pytest.mark.parametrize("path", ["nowhere", "tasks/1/complete"])
def test_wrong_admin_call(get, kling_mock, path):
    get("/__kling/" + path, kling_mock.admin_token)

def test_wrong_admin_token(get):
    assert get("/__kling/clock", "no").status_code == 401

def test_right(get, kling_mock, kling, kling_relay):
    assert get(LIST + "?pageNum=1&pageSize=2").status_code == 200
    assert get(f"{{LIST}}/831114115449500717").status_code == 400  # an id that nobody has
    for path in ("/nobody", "?limit=3&status=succeed&before=9", ""):
        assert get("/kling/v1/videos" + path, kling_mock.relay_token, kling_mock.relay_url)
    for path in ("/v1/images/generations", "/kling/v1/videos/text2video"):
        assert get(path + "?pageNum=2", kling_mock.relay_token, kling_mock.relay_url)
    task = kling.text2video.run(prompt="a kitten", external_task_id="order-7")
    get("/v1/videos/image2video/order-7")  # so the SDK finds out that an id is taken
    path = task.videos[0].url.removeprefix(kling_mock.kling_url)
    assert get(path).status_code == 200
    kling_mock.clock.advance(31 * 24 * 3600)
    assert get(path).status_code == 404  # it was there for 30 days
    assert get("/__kling/clock", kling_mock.admin_token).status_code == 200
    """)
    wrong = [line for line in result.outlines if line.startswith("FAILED") and "right" in line]
    assert not wrong
    assert "sk-a-token" not in "".join(
        line for line in result.outlines if "no such query parameter" in line
    )
    result.assert_outcomes(failed=21, passed=1)


def test_what_a_wider_fixture_makes_stays(run: Run) -> None:
    """Rules, secrets, accounts and tasks, until it is torn down; what a test makes does not."""
    result = run(f"""{HEAD}
@pytest.fixture(scope="session")
def secret(kling_mock_server):
    kling_mock_server.accounts.add("second")
    return kling_mock_server.account.add_webhook_secret()

@pytest.fixture(scope="class")
def rules(kling_mock_server, secret):
    kling_mock_server.progress.add("instant")
    kling_mock_server.faults.add("status", "GET /account/costs", code=5001)
    kling_mock_server.callbacks.deliver_to(app(200))
    return create(kling_mock_server, None, external_task_id="first")

def broken(mock):
    return httpx.get(
        mock.kling_url + "/account/costs?start_time=1&end_time=2",
        headers={{"Authorization": f"Bearer {{mock.api_key}}"}},
        trust_env=False,
    ).status_code

class TestRules:
    @pytest.mark.parametrize("number", range(3))
    @pytest.mark.kling_mock(faults=[{{"kind": "latency", "seconds": 0}}])
    def test_it(self, kling_mock_server, kling, rules, secret, number):
        mock = kling_mock_server
        assert secret in mock.account.webhook_secrets
        assert kling.text2video.get(rules.task_id).is_succeed
        assert broken(mock) == 503
        assert [fault.kind.name for fault in mock.faults] == ["status", "latency"]
        assert len(mock.journal.where("POST *")) == 1
        task = kling.text2video.create(prompt="a kitten", callback_url=HOST)
        assert len(mock.deliveries.assert_delivered(task)) == 3
        mock.callbacks.deliver_to(app(500))
        mock.progress.clear()

def test_after_the_class(kling_mock_server, kling, secret):
    assert secret in kling_mock_server.account.webhook_secrets
    assert [*kling_mock_server.accounts] == ["default", "second"]
    assert len(kling_mock_server.progress) == len(kling_mock_server.faults) == 0
    assert kling_mock_server.journal.total == 0
    create(kling_mock_server)  # nobody takes it any more

def test_in_the_midst(kling_mock_server, kling, request):
    kling.text2video.create(prompt="a kitten")
    request.getfixturevalue("late")

@pytest.fixture(scope="module")
def late(kling_mock_server):
    kling_mock_server.progress.add("stuck")
    """)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["fixture late: it has changed kling_mock_server in the middle *"])


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["manual", "60"])
def test_a_wider_fixture_answers_only_for_what_it_has_changed_itself(run: Run, clock: str) -> None:
    """This holds within a test that has used the shared server, or while a thread calls it."""
    source = f"""{HEAD}
import threading

@pytest.fixture(scope="session")
def innocent(request):
    return request.config

@pytest.fixture(scope="module")
def slow(request):  # while other threads call
    done = len(CALLS) + 5
    while len(CALLS) < done:
        time.sleep(0)

@pytest.fixture(scope="class")
def rule(kling_mock_server):
    kling_mock_server.progress.add("stuck")

CALLS = []
STOP = threading.Event()

def calls(client):
    while not STOP.is_set():
        try:
            client.text2video.create(prompt="a kitten")
        except Exception:
            pass
        CALLS.append(1)

def start(mock):
    STOP.clear()
    thread = threading.Thread(target=calls, args=[mock.client()], daemon=True)
    thread.start()
    return thread

def test_builtin(kling_mock_server, kling, request):
    kling.text2video.create(prompt="a kitten")
    kling_mock_server.faults.add("reset", times=1)
    request.getfixturevalue("innocent")
    request.getfixturevalue("tmp_path_factory")

def test_under_way(kling_mock_server, kling, request):
    kling.text2video.create(prompt="a kitten")
    clock = kling_mock_server.clock
    clock.call_at(clock.now() + 60, threading.Lock().acquire)  # no state that can be kept
    request.getfixturevalue("doctest_namespace")

def test_own_thread(kling_mock_server, request):
    thread = start(kling_mock_server)
    request.getfixturevalue("slow")
    STOP.set()
    thread.join()

def test_that_leaves_a_thread(kling_mock_server):
    start(kling_mock_server)

class TestLate:
    def test_late_calls_make_no_test_a_user(self, kling_mock_server, request):
        done = len(CALLS) + 5
        while len(CALLS) < done:
            time.sleep(0)
        request.getfixturevalue("rule")

    def test_the_rule_stays(self, kling_mock_server, rule):
        assert len(kling_mock_server.progress) == 1
        STOP.set()

@pytest.mark.asyncio
async def test_async(kling_mock_server, async_kling, request):
    await async_kling.text2video.create(prompt="a kitten")
    request.getfixturevalue("record_testsuite_property")
    """
    result = run(source, ini=f"kling_mock_clock = {clock}")
    result.assert_outcomes(passed=7)


# ------------------------------------------------------------ without await


def test_a_control_that_is_not_awaited_fails_its_test(run: Run) -> None:
    """A callback that was to be forged was never sent, and Python only warns of it."""
    result = run(
        f"""{HEAD}
from kling_mock import KlingReceiver

def forge(mock):
    return mock.deliveries.asend_changed(mock.deliveries[0], body=b"x")

async def nothing(): pass

CALLS = [
    lambda mock, task: mock.aprocess(task),
    lambda mock, task: mock.acomplete(task),
    lambda mock, task: mock.afail(task),
    lambda mock, task: mock.deliveries.areplay(task),
    lambda mock, task: forge(mock),
    lambda mock, task: mock.clock.aadvance(60),
]

@pytest.mark.parametrize("call", CALLS)
def test_one(kling_mock, call):
    kling_mock.callbacks.deliver_to(app(200))
    call(kling_mock, create(kling_mock))

def test_receiver(kling_mock, kling_receiver):
    assert kling_receiver.await_for(create(kling_mock, kling_receiver.url))  # any coroutine is true

@pytest.mark.asyncio
async def test_in_a_loop(kling_mock):
    task = create(kling_mock, None)
    kling_mock.acomplete(task)
    kling_mock.aprocess(task).close()

@pytest.fixture
def ends(kling_mock):
    yield
    kling_mock.clock.aadvance(1)

def test_teardown(ends): pass

@pytest.mark.kling_mock(strict=False)
def test_on_purpose(kling_mock):
    kling_mock.clock.aadvance(1)

def test_fails(kling_mock):
    kling_mock.clock.aadvance(1)
    assert 0

def test_innocent(kling_mock): pass
    """,
        "-W",
        "ignore::RuntimeWarning",
    )
    result.assert_outcomes(failed=9, passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "1 control not awaited:",
            "  aprocess at <lambda> (test_a_control_*.py:*)",
            "Without `await` they do nothing, so what they were to test was not tested.",
            "  asend_changed at forge (*",
            "  await_for at test_receiver (*",
            "2 controls not awaited:",
            "*- kling_mock: controls not awaited -*",
            "aadvance at test_fails (*",
        ]
    )


def test_a_control_that_is_awaited_in_any_way_is_not_in_the_verdict(run: Run) -> None:
    """Directly, later, as a task, together with others, in a thread's loop, or until cancelled."""
    result = run(f"""{HEAD}
import asyncio
import inspect
import threading

@pytest.mark.asyncio
async def test_it(kling_mock):
    clock = kling_mock.clock
    await clock.aadvance(1)
    later = clock.aadvance(1)
    assert inspect.iscoroutine(later) and later.__name__ == "aadvance"
    await later
    await asyncio.create_task(clock.aadvance(1))
    await asyncio.gather(clock.aadvance(1), clock.aadvance(1))
    await asyncio.wait_for(clock.aadvance(1), 10)
    thread = threading.Thread(target=lambda: asyncio.run(clock.aadvance(1)))
    thread.start()
    await asyncio.to_thread(thread.join)
    task = create(kling_mock, None)
    with pytest.raises(KeyError):
        await kling_mock.acomplete("nothing")
    await kling_mock.acomplete(task)
    async with asyncio.TaskGroup() as group:
        group.create_task(clock.aadvance(1))
    """)
    result.assert_outcomes(passed=1)


def test_a_task_that_is_asked_for_at_the_other_interface_is_in_the_verdict(run: Run) -> None:
    """Unless its own interface is asked as well, as the SDK does with a bare id."""
    result = run(f"""{HEAD}
NEW = "/text-to-video/kling-3.0"

def get(mock, path):
    headers = {{"Authorization": f"Bearer {{mock.api_key}}"}}
    return httpx.get(mock.kling_url + path, headers=headers, trust_env=False).json()

def new(mock):
    with mock.client() as kling:
        return kling.text2video.create(prompt="a kitten", model_name="kling-3.0").task_id

def test_new_task_at_v1(kling_mock):
    task_id = new(kling_mock)
    for _ in range(3):
        assert get(kling_mock, "/v1/videos/text2video/" + task_id)["code"] == 1201

def test_task_at_solutions(kling_mock):
    task_id = create(kling_mock, None).task_id
    assert get(kling_mock, "/solutions?task_ids=" + task_id)["data"] == []

def test_found_in_the_end(kling_mock):
    task_id = new(kling_mock)
    get(kling_mock, "/v1/videos/text2video/" + task_id)
    get(kling_mock, "/solutions?task_ids=" + task_id)
    assert get(kling_mock, "/tasks?task_ids=" + task_id)["code"] == 0

def test_v1_task_at_tasks(kling_mock):
    task_id = create(kling_mock, None).task_id
    assert get(kling_mock, "/tasks?task_ids=" + task_id)["code"] == 0

def test_sdk(kling_mock, kling):
    for model in ("kling-3.0", "kling-v2-6"):
        task_id = kling.text2video.create(prompt="a kitten", model_name=model).task_id
        assert kling.text2video.get(task_id).task_id == task_id
""")
    result.assert_outcomes(passed=3, failed=2)
    assert str(result.stdout).count("\n1 call unexpected:") == 2
    result.stdout.fnmatch_lines(
        [
            (
                "  GET /v1/videos/text2video/*: the task was made by POST "
                "/text-to-video/kling-3.0; ask GET /tasks[?]task_ids=*"
            ),
            (
                "  GET /solutions[?]task_ids=*: the task was made by POST "
                "/v1/videos/text2video; ask GET /v1/videos/text2video/*"
            ),
        ]
    )


def test_a_refused_request_that_an_app_swallows_is_in_the_verdict(run: Run) -> None:
    """Unless the test asserts its code, or what it has arranged is the reason."""
    result = run(f"""{HEAD}
def post(mock, path="/v1/videos/text2video", model_name="kling-v2-6", **body):
    body["model_name"] = model_name
    headers = {{"Authorization": f"Bearer {{mock.api_key}}"}}
    return httpx.post(mock.kling_url + path, json=body, headers=headers, trust_env=False)

def test_swallowed(kling_mock):
    post(kling_mock, prompt="a kitten", duration="7")

def test_swallowed_call_without_a_task(kling_mock):
    post(kling_mock, "/v1/audio/tts", None, text="hello")

def test_swallowed_when_accepted_late(kling_mock):
    kling_mock.faults.add("delayed-acceptance", http=504)
    post(kling_mock, prompt="a kitten", duration="7")
    kling_mock.clock.advance(10)

@pytest.mark.kling_mock(refused="report")
def test_reported(kling_mock):
    post(kling_mock, prompt="a kitten", duration="7")

@pytest.mark.kling_mock(refused="report")
def test_reported_in_a_failure(kling_mock):
    post(kling_mock, prompt="a kitten", duration="7")
    assert False

@pytest.mark.kling_mock(strict=False)
def test_not_strict(kling_mock):
    post(kling_mock, prompt="a kitten", duration="7")

@pytest.mark.parametrize("question", [
    lambda journal: journal.assert_called("POST", code=1201),
    lambda journal: journal.assert_called("POST", times=1, status=400),
    lambda journal: journal.where(code=1201),
    lambda journal: journal.assert_sequence([Call("POST", code=1201)]),
    lambda journal: journal.assert_sequence([Call("POST", status=400)], exact=True),
])
def test_asserted(kling_mock, question):
    post(kling_mock, prompt="a kitten", duration="7")
    question(kling_mock.journal)

def test_another_one_is_asserted(kling_mock):
    kling_mock.journal.where(code=1201)
    post(kling_mock, prompt="a kitten", duration="7")
    kling_mock.journal.assert_called("POST")

def test_declared(kling_mock):
    kling_mock.faults.add("status", code=1201, times=1)
    assert post(kling_mock, prompt="a kitten").status_code == 400
    kling_mock.content.add("kitten")
    assert post(kling_mock, prompt="a kitten").status_code == 400

def test_of_the_account(kling_mock):
    body = {{"prompt": "a dog", "external_task_id": "order-1"}}
    assert [post(kling_mock, **body).status_code for _ in range(2)] == [200, 400]
    assert httpx.get(
        kling_mock.kling_url + "/v1/videos/text2video/none",
        headers={{"Authorization": f"Bearer {{kling_mock.api_key}}"}},
        trust_env=False,
    ).status_code == 400
""")
    result.assert_outcomes(passed=9, failed=5)
    result.stdout.fnmatch_lines(
        [
            "1 request refused, which no assertion is about:",
            "  POST /v1/videos/text2video: 400/1201 *",
            "An app can swallow a refusal. *journal.assert_called(*code=1201)*",
            "  POST /v1/audio/tts: 400/1201 *",
            "  POST /v1/videos/text2video, accepted late: 400/1201: *",
            "*kling_mock: requests that were refused*",
            "POST /v1/videos/text2video: 400/1201 *",
            "*test_reported: refused: POST /v1/videos/text2video: 400/1201 *",
            "@pytest.mark.kling_mock(refused='fail') makes such a test fail",
        ]
    )
