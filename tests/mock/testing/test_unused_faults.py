"""Faults of a marker: where they apply, and the report of those that never happened."""

from __future__ import annotations

import pytest

from tests.mock.testing.conftest import Run

FAULTY = '@pytest.mark.kling_mock(faults=[{"kind": "status", "match": "GET *", "code": 5001}]'


def test_faults_that_never_happened_are_in_the_report(run: Run) -> None:
    """They are listed for a test that fails, as a possible cause."""
    result = run(f"""
        import pytest

        {FAULTY})
        def test_it(kling_mock, kling):
            kling.text2video.create(prompt="a kitten")
            assert False
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- kling_mock: faults that never happened -*", "status GET *: matched 0"]
    )


@pytest.mark.parametrize("where", ["marker", "ini"])
def test_they_can_fail_the_test(run: Run, where: str) -> None:
    """The marker decides, or the ini file for all tests, which a marker can override."""
    argument = ', unused_faults="fail"' if where == "marker" else ""
    result = run(
        f"""
        import pytest

        {FAULTY}{argument})
        def test_unused(kling_mock, kling):
            kling.text2video.create(prompt="a kitten")

        {FAULTY}{argument})
        def test_used(kling_mock, kling):
            task = kling.text2video.create(prompt="a kitten")
            with pytest.raises(Exception):
                kling.with_options(retries=0).text2video.get(task.task_id)

        {FAULTY}, unused_faults="report")
        def test_that_need_not(kling_mock): ...

        def test_shared(kling_mock_server): ...
        """,
        ini="kling_mock_unused_faults = fail" if where == "ini" else "",
    )
    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(
        ["faults that never happened:", "  status GET *: matched 0", "*unused_faults='report'*"]
    )


def test_a_shared_server_that_a_test_does_not_use_has_no_part_in_it(run: Run) -> None:
    """It has the faults of the marker, too, but whether it runs depends on the order of tests."""
    result = run(f"""
        import pytest

        def test_before(kling_mock_server): ...

        {FAULTY}, unused_faults="fail")
        def test_used(kling_mock, kling):
            task = kling.text2video.create(prompt="a kitten")
            with pytest.raises(Exception):
                kling.with_options(retries=0).text2video.get(task.task_id)

        {FAULTY}, unused_faults="fail")
        def test_unused(kling_mock_server): ...

        {FAULTY}, unused_faults="fail")
        def test_unused_by_an_app(request):
            server = request.getfixturevalue("kling_mock_server")
            with server.client() as kling:
                kling.text2video.create(prompt="a kitten")
    """)
    result.assert_outcomes(failed=2, passed=2)


@pytest.mark.parametrize("place", ["argument", "body"])
def test_a_wider_fixture_that_does_nothing_changes_nothing(run: Run, place: str) -> None:
    """The faults of the marker stay what they are: how often they acted, and whose they are."""
    argument, body = ("lasting, ", "") if place == "argument" else ("", "lasting")
    result = run(f"""
        import pytest

        @pytest.fixture(scope="module")
        def lasting(): ...

        def get(kling):
            with pytest.raises(Exception):
                kling.with_options(retries=0).text2video.get("831922345719271433")

        FAULTS = [
            {{"kind": "status", "match": "GET *", "code": 5001, "times": 1}},
            {{"kind": "status", "match": "POST *", "code": 5001}},
        ]

        @pytest.mark.kling_mock(faults=FAULTS, unused_faults="fail", strict=False)
        def test_it({argument}kling_mock_server, kling, request):
            get(kling)
            if "{body}":
                request.getfixturevalue("{body}")
            get(kling)
            faults = [(fault.fault_id, fault.acted) for fault in kling_mock_server.faults]
            assert faults == [("fault-1", 1), ("fault-2", 0)]
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["faults that never happened:", "  status POST *: matched 0"])


def test_chance_and_what_another_fault_hides_fail_no_test(run: Run) -> None:
    """They are in the summary; a fault that would have been next, or matched nothing, fails it."""
    result = run(
        """
        import pytest

        @pytest.mark.kling_mock(strict=False)
        @pytest.mark.parametrize("first", [{"probability": 1e-9}, {}, {"times": 1}])
        @pytest.mark.parametrize("second", ["GET *", "POST *", None])
        def test_it(kling_mock, kling, first, second):
            kling_mock.faults.add("status", "GET *", code=5001, **first)
            if second is not None:
                kling_mock.faults.add("status", second, code=1303)
            with pytest.raises(Exception):
                kling.with_options(retries=0).text2video.get("831922345719271433")
        """,
        ini="kling_mock_unused_faults = fail",
    )
    result.assert_outcomes(failed=4, passed=5)


def test_a_wrong_setting_is_named(run: Run) -> None:
    """The error says what it may be."""
    result = run("def test_it(kling_mock): ...", ini="kling_mock_unused_faults = ignore")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*kling_mock_unused_faults: must be 'report' or 'fail'*"])


def test_a_fault_that_cannot_happen_is_refused_by_name(run: Run) -> None:
    """The error has no traceback."""
    result = run("""
        import pytest

        @pytest.mark.kling_mock(faults=[{"kind": "stuck", "match": "GET *"}])
        def test_it(kling_mock): ...
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["@pytest.mark.kling_mock: faults: match: 'stuck' happens to *"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_applies_however_the_server_is_had(run: Run) -> None:
    """It applies by `getfixturevalue`, and to the server of an app that is already running."""
    result = run(f"""
        import httpx
        import pytest

        found = []

        def status():
            url = f"{{found[0].kling_url}}/v1/videos/text2video"
            headers = {{"Authorization": f"Bearer {{found[0].api_key}}"}}
            return httpx.get(url, headers=headers, trust_env=False).status_code

        {FAULTY})
        def test_first(request):
            found.append(request.getfixturevalue("kling_mock_server"))
            assert status() == 503

        def test_between():
            assert status() == 200

        {FAULTY})
        def test_without_a_fixture():
            assert status() == 503

        {FAULTY})
        @pytest.mark.parametrize("name", ["kling_mock", "kling_mock_server"])
        def test_by_name(request, name):
            found[:] = [request.getfixturevalue(name)]
            assert status() == 503
    """)
    result.assert_outcomes(passed=5)


def test_unexpected_calls_of_a_teardown_are_noticed(run: Run) -> None:
    """They are an error of the teardown; those of the test itself are not reported twice."""
    source = """
        import httpx
        import pytest

        def call(mock):
            httpx.post(f"{mock.kling_url}/v1/video/text2video", json={}, trust_env=False)

        @pytest.fixture(params=["kling_mock", "kling_mock_server"])
        def app(request):
            mock = request.getfixturevalue(request.param)
            yield mock
            call(mock)

        @pytest.fixture
        def quiet_app(kling_mock):
            yield kling_mock

        def test_in_the_end(app): ...

        def test_in_the_test(quiet_app):
            call(quiet_app)

        def test_nothing(kling_mock_server): ...
    """
    result = run(source)
    result.assert_outcomes(passed=3, failed=1, errors=2)


def test_what_held_the_clock_up_is_in_the_report(run: Run) -> None:
    """It is listed for a test that fails, perhaps by a time limit."""
    result = run("""
        import time

        def test_it(kling_mock, kling):
            task = kling.text2video.create(prompt="a kitten")
            for _ in range(25):  # an app's own loop
                if kling.text2video.get(task.task_id).is_done:
                    break
                time.sleep(0)
            assert len(kling_mock.clock.reports) == 1
            assert False
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- kling_mock: what held the clock up -*",
            "Task * has been queried 20 times while the mock's clock stood still.*",
        ]
    )
