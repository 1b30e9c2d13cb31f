"""Strictness, and what the report of a failed test shows."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

UNEXPECTED = """
    import httpx
    import pytest

    def call(mock):
        httpx.post(f"{mock.kling_url}/v1/video/text2video", json={}, trust_env=False)
"""


def test_an_unexpected_call_fails_the_test(run: Run) -> None:
    """The failure has no traceback, but the nearest known call."""
    result = run(
        UNEXPECTED
        + """
    def test_own(kling_mock):
        call(kling_mock)

    def test_shared(kling_mock_server):
        call(kling_mock_server)

    def test_after(kling_mock_server): ...
    """
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "1 call unexpected:",
            "  POST /v1/video/text2video: 404/404, nearest is POST /v1/videos/text2video; *",
            "Kling refuses such calls, or ignores keys *kling_mock(strict=False)",
        ]
    )
    result.stdout.no_fnmatch_line("*exception*")


@pytest.mark.parametrize("where", ["marker", "ini"])
def test_strictness_can_be_switched_off(run: Run, where: str) -> None:
    """The marker does so for one test, the ini file for all; a marker switches it on again."""
    marker = "@pytest.mark.kling_mock(strict=False)" if where == "marker" else ""
    result = run(
        f"""{UNEXPECTED}
    {marker}
    def test_loose(kling_mock):
        call(kling_mock)

    @pytest.mark.kling_mock(strict=True)
    def test_strict(kling_mock):
        call(kling_mock)
    """,
        ini="kling_mock_strict = false" if where == "ini" else "",
    )
    result.assert_outcomes(passed=1, failed=1)


def test_a_key_that_kling_ignores_fails_a_test(run: Run) -> None:
    """The app's call does not fail, but makes another video than was meant."""
    result = run(
        """
        import httpx
        import pytest

        def call(kling_mock, **body):
            url = f"{kling_mock.kling_url}/v1/videos/text2video"
            headers = {"Authorization": f"Bearer {kling_mock.api_key}"}
            known = {"prompt": "a secret", "model_name": "kling-v2-6"}
            reply = httpx.post(url, json={**known, **body}, headers=headers)
            assert reply.json()["code"] == 0

        def test_misspelt(kling_mock):
            call(kling_mock, durration="10")

        def test_of_another_endpoint_or_type(kling_mock):
            call(kling_mock, image="", element_list=[], duration=5)

        @pytest.mark.kling_mock(strict=False)
        def test_on_purpose(kling_mock):
            call(kling_mock, durration="10")

        @pytest.mark.kling_mock(unexpected_notes=[])
        def test_that_does_not_mind(kling_mock):
            call(kling_mock, durration="10")

        @pytest.mark.kling_mock(unexpected_notes=["coerced"])
        def test_that_minds_types(kling_mock):
            call(kling_mock, durration="10", duration=5)

        @pytest.mark.kling_mock(ignored_fields="refuse", strict=False)
        def test_of_a_client_that_sends_nothing_in_vain(kling_mock):
            url = f"{kling_mock.kling_url}/v1/videos/text2video"
            headers = {"Authorization": f"Bearer {kling_mock.api_key}"}
            reply = httpx.post(url, json={"prompt": "x", "durration": "5"}, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (400, 1201)

        def test_that_fails_otherwise(kling_mock):
            call(kling_mock, duration=5)
            assert "mine" == "yours"
        """
    )
    result.assert_outcomes(passed=4, failed=3)
    result.stdout.fnmatch_lines(
        [
            "1 call unexpected:",
            "  POST /v1/videos/text2video: 200/0, unknown durration: unknown field; expected one*",
            "  POST /v1/videos/text2video: 200/0, coerced duration: a number was taken for a text*",
            "#1 *POST /v1/videos/text2video  200/0*  (coerced duration: *)",
        ]
    )
    result.stdout.no_fnmatch_line("*a secret*")


def test_a_failure_of_the_test_is_not_hidden(run: Run) -> None:
    """What failed first is reported; the unexpected call is in the journal below it."""
    result = run(
        UNEXPECTED
        + """
    def test_it(kling_mock):
        call(kling_mock)
        assert "mine" == "yours"

    def test_skipped(kling_mock):
        call(kling_mock)
        pytest.skip("for a reason")

    @pytest.mark.xfail(reason="calls wrongly", strict=True)
    def test_expected_to_fail(kling_mock):
        call(kling_mock)
    """
    )
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "E *assert 'mine' == 'yours'",
            "*kling_mock: journal of 1 call*",
            "#1 *POST /v1/video/text2video  404/404  unexpected",
        ]
    )
    result.stdout.no_fnmatch_line("1 call unexpected:")


FAILING = """
    import pytest

    @pytest.fixture
    def broken_end(kling_mock):
        yield
        raise RuntimeError("teardown")

    def test_it(kling_mock_server, kling_mock, kling):
        url = "http://127.0.0.1:9/callback?signature=abc"
        task = kling.text2video.create(prompt="a secret prompt", callback_url=url)
        kling_mock.clock.advance(100)
        with kling_mock_server.client() as other:
            other.text2video.list()
        assert False

    def test_end(broken_end, kling):
        kling.text2video.list()
"""


def test_the_report_shows_calls_and_deliveries(run: Run) -> None:
    """The report covers every server that the test has used, without prompts and signed URLs."""
    result = run(FAILING, "--tb=short")
    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*- kling_mock: journal of 1 call -*",
            "#1  +0.0s  POST /v1/videos/text2video  200/0  task *  submitted",
            "*- kling_mock: 2 callbacks -*",
            "+0.0s  submitted of task *  to http://127.0.0.1:9/callback[?]<hidden>  * attempt*",
            "*- kling_mock_server: journal of 1 call -*",
            "#1  +0.0s  GET /v1/videos/text2video  200/0",
        ],
    )
    lines = [line for line in result.outlines if line.startswith(("#", "+"))]
    assert len(lines) == 5
    assert "signature" not in "".join(lines)
    assert "secret prompt" not in "".join(lines)


@pytest.mark.slow
def test_the_report_crosses_process_borders(run: Run) -> None:
    """The sections come through xdist, too."""
    result = run(FAILING, "-n", "2", plugins=["xdist"])
    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(["*- kling_mock_server: journal of 1 call -*"])


def test_the_report_can_be_short(run: Run) -> None:
    """`kling_mock_journal_lines` bounds each section; 0 leaves them out."""
    source = """
        def test_it(kling):
            for _ in range(5):
                kling.text2video.list()
                kling.image2video.list()
            assert False
    """
    result = run(source, ini="kling_mock_journal_lines = 2")
    result.stdout.fnmatch_lines(["*kling_mock: journal of 10 calls*", "#9 *", "#10 *"])
    result.stdout.no_fnmatch_line("#8 *")
    result = run(source, ini="kling_mock_journal_lines = 0")
    result.stdout.no_fnmatch_line("*kling_mock: journal*")


def test_the_report_says_what_the_journal_has_forgotten(run: Run) -> None:
    """Kinds, and how many of each, as many as there are lines."""
    source = """
        import pytest

        @pytest.mark.kling_mock(journal_size=3)
        def test_it(kling):
            for _ in range(5):
                kling.text2video.list()
            kling.image2video.list()
            for _ in range(2):
                kling.text2video.list()
            kling.image2video.list()
            assert False
    """
    polled = "GET /v1/videos/text2video, answered 200/0"
    result = run(source)
    result.stdout.fnmatch_lines(
        [
            "*kling_mock: journal of 9 calls, 6 of them forgotten*",
            f"forgotten: 5 x {polled}; 1 x {polled.replace('text', 'image')}",
            "#7-#8 *",
            "#9 *",
        ],
        consecutive=True,
    )
    result = run(source, ini="kling_mock_journal_lines = 1")
    result.stdout.fnmatch_lines(["forgotten: 5 x GET /v1/videos/text2video, *; 1 others"])


def test_passing_tests_report_nothing(run: Run) -> None:
    """A log of calls is for failures."""
    result = run("def test_it(kling): kling.text2video.list()", "-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*kling_mock: journal*")


@pytest.mark.slow
def test_a_test_is_forgotten_when_it_ends(run: Run) -> None:
    """A long run does not keep the servers of its tests in memory."""
    result = run("""
        import gc
        import weakref

        import pytest

        seen = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(kling_mock, number):
            gc.collect()
            assert [ref for ref in seen if ref() is not None] == []
            seen.append(weakref.ref(kling_mock))
    """)
    result.assert_outcomes(passed=3)
