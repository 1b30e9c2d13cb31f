"""The fixture `kling_recorded`: a recorded session in a test."""

from __future__ import annotations

import json

import pytest

from tests.mock.testing.conftest import Run

SESSION = [
    {
        "kling_recording": 1,
        "date": "2026-11-27",
        "upstream": "x.example",
        "salt": "00" * 16,
        "start": 1_700_000_000,
    },
    {
        "at": 0,
        "ms": 1,
        "method": "GET",
        "path": "/v1/videos/text2video/811111111111111111",
        "reply": {
            "status": 200,
            "body": {
                "code": 0,
                "message": "SUCCEED",
                "data": {"task_id": "811111111111111111", "task_status": "succeed"},
            },
        },
    },
]


@pytest.fixture
def session(pytester: pytest.Pytester) -> None:
    text = "".join(json.dumps(line) + "\n" for line in SESSION)
    (pytester.path / "session.jsonl").write_text(text, "utf-8")


def test_a_test_runs_against_a_session(run: Run, session: None) -> None:
    """The file is found beside the test; the client is wired to the server."""
    result = run("""
        import pytest

        @pytest.mark.kling_recording("session.jsonl")
        def test_it(kling_recorded):
            with kling_recorded.client() as kling:
                assert kling.text2video.get("811111111111111111").is_succeed
            assert kling_recorded.environment["KLING_BASE_URL"] == kling_recorded.url
    """)
    result.assert_outcomes(passed=1)


def test_a_request_that_was_not_recorded_fails_the_test(run: Run, session: None) -> None:
    """This holds also if the app swallows the error, unless the test expects the request."""
    result = run("""
        import httpx
        import pytest

        def swallow(url):
            httpx.get(f"{url}/v1/videos/text2video/822", trust_env=False)

        @pytest.mark.kling_recording("session.jsonl")
        def test_strict(kling_recorded):
            swallow(kling_recorded.url)

        @pytest.mark.kling_recording("session.jsonl", strict=False)
        def test_meant(kling_recorded):
            swallow(kling_recorded.url)
            assert len(kling_recorded.unrecorded) == 1
    """)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*requests that were not recorded:*", "*nearest is line 2*"])


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("", "*must have the file of a session*got no marker*"),
        ("@pytest.mark.kling_recording()", "*must have the file of a session*"),
        ("@pytest.mark.kling_recording('a', 'b')", "*must have the file of a session*"),
        ("@pytest.mark.kling_recording('a', lenient=True)", "*must have the file of a session*"),
        ("@pytest.mark.kling_recording('none.jsonl')", "*No such file*none.jsonl*"),
        ("@pytest.mark.kling_recording('test_it.py')", "*test_it.py, line 1: not JSON*"),
    ],
)
def test_a_wrong_marker_is_explained(run: Run, marker: str, words: str) -> None:
    """The explanation is one line, without a traceback."""
    source = f"import pytest\n\n{marker}\ndef test_it(kling_recorded): pass\n"
    result = run(source.replace("test_it.py", "test_a_wrong_marker_is_explained.py"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [words.replace("test_it.py", "test_a_wrong_marker_is_explained.py")]
    )


def test_a_session_of_which_nothing_is_played_fails_the_test(run: Run, session: None) -> None:
    """Its client is not wired, or the test is empty; each request can be asserted."""
    result = run("""
        import pytest

        @pytest.mark.kling_recording("session.jsonl")
        def test_wrong(kling_recorded):
            assert kling_recorded.unplayed == (
                "line 2: GET /v1/videos/text2video/811111111111111111",
            )
            with pytest.raises(AssertionError, match="not played back:\\n  line 2: GET "):
                kling_recorded.assert_all_played()

        @pytest.mark.kling_recording("session.jsonl", strict=False)
        def test_meant(kling_recorded): ...

        @pytest.mark.kling_recording("session.jsonl")
        def test_all(kling_recorded):
            with kling_recorded.client() as kling:
                kling.text2video.get("811111111111111111")
            kling_recorded.assert_all_played()
            assert kling_recorded.has_played
    """)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["the test has made none of the recorded requests:*"])
