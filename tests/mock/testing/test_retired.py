"""A test that uses a retired model or endpoint gets one warning."""

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
    """The summary of warnings has the date; the test passes."""
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
    """It works as any other warning: it can fail the test or be ignored."""
    body = (
        CREATE
        + """
    def test_old(kling_mock_server):
        create(kling_mock_server)
    """
    )
    run(body).assert_outcomes(failed=1)
    run(body, "-W", "ignore::kling_mock.RetiredWarning").assert_outcomes(passed=1)


def test_a_use_is_not_erased(run: Run) -> None:
    """Clearing or resetting its server does not erase it, nor does the test's own server."""
    result = run(
        """
        import pytest
        from kling_mock import KlingMock

        def use(mock):
            with mock.client() as kling:
                kling.text2video.create(prompt="a kitten", model_name="kling-v1", check=False)

        @pytest.mark.parametrize("clear", ["reset", "journal.clear"])
        def test_it(kling_mock, clear):
            use(kling_mock)
            kling_mock.reset() if clear == "reset" else kling_mock.journal.clear()

        def test_own():
            with KlingMock() as mock:
                use(mock)
        """,
        "-W",
        "ignore::kling_sdk.CapabilityWarning",
        "-W",
        "always::kling_mock.RetiredWarning",
    )
    result.assert_outcomes(passed=3, warnings=3)
