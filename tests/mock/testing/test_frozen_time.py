"""A test that freezes time: the app's own client works, in every order and however it is frozen."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

TESTS = """
    import freezegun
    import pytest
    import time_machine

    def use(mock):
        from kling_sdk import Kling  # as an app that is loaded when it is first used

        with Kling(
            base_url=mock.kling_url, access_key=mock.access_key, secret_key=mock.secret_key
        ) as kling:
            task = kling.text2video.create(prompt="a kitten")
            mock.clock.advance(600)
            assert kling.text2video.get(task.task_id).is_succeed

    @pytest.fixture
    def frozen():
        with freezegun.freeze_time("2020-01-01"):
            yield

    @pytest.fixture
    def travelled():
        with time_machine.travel("2020-01-01T00:00Z", tick=False):
            yield

    def test_frozen_before(frozen, kling_mock):
        assert kling_mock.clock.now() == 1_577_836_800
        use(kling_mock)
        assert kling_mock.clock.reports == ()

    def test_frozen_after(kling_mock, frozen):
        use(kling_mock)
        (report,) = kling_mock.clock.reports
        assert "2020-01-01" in report and "freezegun" in report

    @freezegun.freeze_time("2020-01-01")
    def test_frozen_inside(kling_mock):
        use(kling_mock)

    def test_travelled_before(travelled, kling_mock):
        assert kling_mock.clock.now() == 1_577_836_800
        use(kling_mock)

    def test_travelled_after(kling_mock, travelled):
        use(kling_mock)
        (report,) = kling_mock.clock.reports
        assert "2020-01-01" in report and "time_machine" in report

    def test_plain(kling_mock):
        use(kling_mock)

    @pytest.mark.kling_mock(clock=6000)
    def test_scaled(frozen, kling_mock):
        from kling_sdk import Kling

        with Kling(
            base_url=kling_mock.kling_url, api_key=kling_mock.api_key
        ) as kling:
            assert kling.text2video.run(prompt="a kitten").is_succeed

    @pytest.mark.kling_mock(clock="real")
    def test_real(frozen, kling_mock, kling):
        kling_mock.progress.add("after", seconds=0.2)
        assert kling.text2video.run(prompt="a kitten").is_succeed

    @pytest.mark.xfail(strict=True)
    def test_a_wrong_key_is_still_refused(frozen, kling_mock):  # the negative control
        kling_mock.account.disabled = True
        use(kling_mock)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["test_frozen_before", "test_plain", "test_travelled_after"])
def test_the_order_of_frozen_tests_does_not_matter(run: Run, first: str) -> None:
    """Each order runs in a process of its own: what is loaded under the freeze must not matter."""
    words = [f"test_the_order_of_frozen_tests_does_not_matter.py::{first}", "."]
    result = run(TESTS, "--timeout", "60", *words, plugins=["time_machine", "timeout"])
    result.assert_outcomes(passed=8, xfailed=1)
