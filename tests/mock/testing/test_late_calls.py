"""Reports of unexpected calls of a test that had ended, and of calls in teardown."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

CALL = """
    import threading

    import httpx
    import pytest

    def call(mock, http=httpx):
        try:
            http.post(f"{mock}/v1/video/text2video", json={}, **OPTIONS.get(http, {}))
        except httpx.TransportError:
            pass  # the server has stopped, at the end of the run

    OPTIONS = {httpx: {"trust_env": False}}
"""

#: A thread of the first test makes its call while the second one runs.
LEAK = """
    go, done = threading.Event(), threading.Event()

    def work(url):
        go.wait(10)
        call(url)
        done.set()

    def test_leaks(kling_mock_server):
        threading.Thread(target=work, args=[kling_mock_server.kling_url], daemon=True).start()

    def test_innocent(kling_mock_server):
        go.set()
        assert done.wait(10)
"""
SECTION = "*kling_mock: unexpected calls of tests that had ended*"


def came_from(test: str, during: str) -> list[str]:
    """Return the lines of the summary on one late call."""
    return [
        SECTION,
        f"POST /v1/video/text2video: 404/404, *; it came from *::{test}; *::{during} ran",
        "Kling refuses such calls, so the run has failed. *",
    ]


def test_a_thread_of_another_test_is_named_and_the_innocent_test_passes(run: Run) -> None:
    """No test fails for it, but the run does: the call is neither blamed on a test nor lost."""
    result = run(CALL + LEAK)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(came_from("test_leaks", "test_innocent"))


def test_a_client_of_another_test_that_has_given_up_is_blamed_on_nobody(run: Run) -> None:
    """On a busy computer its time is over before it is served, so its test is not known."""
    result = run("""
    import socket, threading, time
    from urllib.parse import urlsplit

    go = threading.Event()
    REQUEST = b"POST /v1/video/text2video HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 0\\r\\n\\r\\n"

    def work(address):
        go.wait(10)
        with socket.create_connection(address) as client:
            client.sendall(REQUEST)
        threading.Event().wait(10)  # it stays

    def test_leaks(kling_mock_server):
        url = urlsplit(kling_mock_server.kling_url)
        threading.Thread(target=work, args=[(url.hostname, url.port)], daemon=True).start()

    def test_innocent(kling_mock_server):
        go.set()
        while not kling_mock_server.journal.unexpected:
            time.sleep(0)
    """)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([SECTION, "*; it came from *; *::test_innocent ran"])


def test_what_the_innocent_test_does_wrong_itself_is_still_its_own(run: Run) -> None:
    """Control: while the other thread calls, the test's own call fails it, and only that."""
    result = run(
        CALL
        + LEAK
        + """
        with httpx.Client(trust_env=False) as http:
            call(kling_mock_server.kling_url, http)
    """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "1 call unexpected:",
            "*kling_mock_server: journal of 2 calls*",
            "*404/404  unexpected  late, of *::test_leaks",
            *came_from("test_leaks", "test_innocent"),
        ]
    )


def test_a_test_that_means_such_calls_may_make_them_late(run: Run) -> None:
    """With `strict=False`, they fail neither the run nor the test that runs meanwhile."""
    marked = LEAK.replace(
        "def test_leaks", "@pytest.mark.kling_mock(strict=False)\n    def test_leaks"
    )
    result = run(CALL + marked)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line(SECTION)


def test_an_accepted_call_of_another_test_is_named_where_it_disturbs(run: Run) -> None:
    """It does not fail a test by itself; a test that counts creates is told whose call it is."""
    result = run("""
    import threading

    go, done = threading.Event(), threading.Event()

    def work(mock):
        with mock.client() as kling:
            go.wait(10)
            kling.text2video.create(prompt="a kitten")
        done.set()

    def test_leaks(kling_mock_server):
        threading.Thread(target=work, args=[kling_mock_server], daemon=True).start()

    def test_innocent(kling_mock_server):
        go.set()
        assert done.wait(10)
        kling_mock_server.journal.assert_not_called("POST *")
    """)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*expected no call of POST *, there was 1", "*  late, of *::test_leaks"]
    )
    result.stdout.no_fnmatch_line(SECTION)


@pytest.mark.slow
def test_late_calls_cross_process_borders(run: Run) -> None:
    """Under xdist the controller fails the run and shows them."""
    result = run(CALL + LEAK, "-n", "1", plugins=["xdist"])
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(came_from("test_leaks", "test_innocent"))


@pytest.mark.slow
def test_a_call_on_a_connection_of_an_earlier_test_is_of_that_test(run: Run) -> None:
    """Without a thread of this process, as for another process, the connection decides."""
    result = run(
        CALL
        + """
    import subprocess
    import sys

    APP = "\\n".join([
        "import http.client, sys",
        "http = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))",
        "for path in ('/openapi.json', '/v1/video/text2video'):",
        "    http.request('GET', path)",
        "    http.getresponse().read()",
        "    print(path, flush=True)",
        "    sys.stdin.readline()",
    ])
    apps = []

    def test_leaks(kling_mock_server):
        port = kling_mock_server.kling_url.rpartition(":")[2]
        app = subprocess.Popen(
            [sys.executable, "-c", APP, port],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        apps.append(app)
        assert app.stdout.readline() == "/openapi.json\\n"

    def test_innocent(kling_mock_server):
        [app] = apps
        app.stdin.write("\\n")
        app.stdin.flush()
        assert app.stdout.readline() == "/v1/video/text2video\\n"
        app.communicate("\\n", timeout=10)
    """
    )
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([SECTION, "GET /v1/video/text2video*::test_leaks; *_innocent ran"])


@pytest.mark.parametrize("kind", ["client", "thread", "loop"])
def test_what_a_fixture_of_a_wider_scope_has_started_calls_for_the_test_that_runs(
    run: Run, kind: str
) -> None:
    """Several tests use a client, a thread or a loop of it: each answers for its own calls."""
    start = {
        "client": """
        with httpx.Client(trust_env=False) as http:
            yield lambda: call(url, http)
        """,
        "thread": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool, httpx.Client(trust_env=False) as http:
            pool.submit(int).result()
            yield lambda: pool.submit(call, url, http).result()
        """,
        "loop": """
        import asyncio
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        http = httpx.AsyncClient(trust_env=False)

        async def post():
            await http.post(f"{url}/v1/video/text2video", json={})

        yield lambda: asyncio.run_coroutine_threadsafe(post(), loop).result(10)
        asyncio.run_coroutine_threadsafe(http.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        """,
    }
    result = run(
        CALL
        + f"""
    @pytest.fixture(scope="session")
    def app(kling_mock_server):
        url = kling_mock_server.kling_url
{start[kind]}

    def test_one(app):
        app()

    def test_two(app): ...

    def test_three(app):
        app()
    """
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.no_fnmatch_line(SECTION)


@pytest.mark.parametrize("fixture", ["kling_mock", "kling_mock_server"])
@pytest.mark.parametrize("body", ["pass", "pytest.skip('for a reason')"])
def test_calls_in_the_teardown_of_the_last_test_are_noticed(
    run: Run, fixture: str, body: str
) -> None:
    """This includes a shared server that stops after them, and a body that has not passed."""
    result = run(
        CALL
        + f"""
    @pytest.fixture
    def app({fixture}):
        yield
        call({fixture}.kling_url)

    def test_it(app):
        {body}
    """
    )
    skipped = "skip" in body
    result.assert_outcomes(passed=not skipped, skipped=skipped, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "1 call unexpected:"])


def test_a_call_that_fails_the_body_is_not_told_again_in_teardown(run: Run) -> None:
    """Control: one mistake is one failure."""
    result = run(
        CALL
        + """
    def test_it(kling_mock_server):
        call(kling_mock_server.kling_url)
    """
    )
    result.assert_outcomes(failed=1)


@pytest.mark.slow
def test_a_call_in_the_teardown_of_a_session_is_noticed(run: Run) -> None:
    """A fixture of a wider scope ends in the teardown of the last test that uses it."""
    result = run(
        CALL
        + """
    @pytest.fixture(scope="session")
    def app(kling_mock_server):
        yield
        call(kling_mock_server.kling_url)

    def test_it(app): ...
    """
    )
    result.assert_outcomes(passed=1, errors=1)
