"""A test that uses what the vendor has retired is warned, once."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

CREATE = """
    import httpx

    def create(mock, model="kling-v1-6"):
        key = {"Authorization": f"Bearer {mock.api_key}"}
        body = {"prompt": "a kitten", "model_name": model}
        url = f"{mock.kling_url}/v1/videos/text2video"
        assert httpx.post(url, json=body, headers=key, trust_env=False).status_code == 200
"""


@pytest.mark.slow
def test_each_model_is_named_once_per_test(run: Run) -> None:
    """With the date, in the summary of warnings; the test passes."""
    result = run(
        CREATE
        + """
    def test_old(kling_mock):
        for _ in range(3):
            create(kling_mock)

    def test_new(kling_mock_server):
        create(kling_mock_server, "kling-v3")
    """,
        "-W",
        "default",
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*RetiredWarning: kling-v1-6: the real service was seen to refuse it on 2026-09-28; *"]
    )


@pytest.mark.slow
def test_a_suite_decides_what_the_warning_does(run: Run) -> None:
    """As any other: it fails the test if warnings are errors, and can be ignored."""
    body = (
        CREATE
        + """
    def test_old(kling_mock_server):
        create(kling_mock_server)
    """
    )
    run(body).assert_outcomes(failed=1)
    run(body, "-W", "ignore::kling_mock.RetiredWarning").assert_outcomes(passed=1)
