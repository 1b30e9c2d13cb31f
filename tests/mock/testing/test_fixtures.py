"""The fixtures: what a test gets, in sync and async tests, alone and with other plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mock.testing.conftest import Run


def test_a_test_gets_a_running_kling_and_a_client(run: Run) -> None:
    """Waiting for a video takes no real time, and every test has a Kling of its own."""
    result = run("""
        seen = []

        def test_one(kling_mock, kling):
            task = kling.text2video.run(prompt="a kitten")
            assert task.is_succeed
            kling_mock.journal.assert_called("POST /v1/videos/text2video", times=1)
            seen.append(kling_mock.kling_url)

        def test_two(kling_mock):
            assert kling_mock.journal.total == 0
            assert kling_mock.kling_url not in seen
    """)
    result.assert_outcomes(passed=2)


def test_the_shared_server_keeps_its_address_and_nothing_else(run: Run) -> None:
    """It starts once, also for fixtures of a wider scope, and is reset after each test."""
    result = run("""
        import pytest

        seen = set()

        @pytest.fixture(scope="session")
        def app_url(kling_mock_server):
            return kling_mock_server.kling_url

        @pytest.mark.parametrize("number", range(3))
        def test_it(app_url, kling_mock_server, kling, number):
            assert kling_mock_server.kling_url == app_url
            assert kling_mock_server.journal.total == 0
            assert len(kling_mock_server.faults) == 0
            assert kling.text2video.run(prompt="a kitten").is_succeed
            kling_mock_server.journal.assert_called("POST *", times=1)
            assert kling_mock_server.account.open_tasks == 0
            seen.add(kling.text2video.create(prompt="a kitten").task_id)
            assert len(seen) == 1  # the same ids in each test
            kling_mock_server.reset(seed=number)
            kling_mock_server.faults.add("reset")

        def test_by_name_only(request):
            assert request.getfixturevalue("kling_mock_server").journal.total == 0
    """)
    result.assert_outcomes(passed=4)


@pytest.mark.slow
def test_the_client_is_of_the_server_that_the_test_uses(run: Run) -> None:
    """If a test has both servers, the clients are of its own one."""
    result = run("""
        def test_own(kling, kling_mock):
            assert kling_mock.kling_url in repr(kling)

        def test_shared(kling, kling_mock_server):
            assert kling_mock_server.kling_url in repr(kling)

        def test_both(kling, async_kling, kling_mock, kling_mock_server):
            assert kling_mock.kling_url in repr(kling)
            assert kling_mock.kling_url in repr(async_kling)
    """)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_relay_is_of_the_server_that_the_test_uses(run: Run) -> None:
    """A test of a relay gets a client of it, and the ledger of the same server."""
    result = run("""
        def test_own(kling_relay, kling_mock):
            assert kling_relay.text2video.run(prompt="a kitten").is_succeed
            assert kling_mock.ledger.user().request_count == 1
            kling_mock.ledger.assert_balanced()

        def test_shared(kling_relay, kling_mock_server):
            assert kling_relay.text2video.run(prompt="a kitten").is_succeed
            assert kling_mock_server.ledger.user().request_count == 1

        def test_shared_again(kling_relay, kling_mock_server):
            assert kling_mock_server.ledger.user().request_count == 0
    """)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_it_works_under_pytest_asyncio(run: Run) -> None:
    """No loop scope has to be set, and nothing is left unclosed."""
    result = run("""
        import gc
        import pytest

        @pytest.mark.asyncio
        async def test_wait(kling_mock, async_kling):
            task = await async_kling.text2video.create(prompt="a kitten")
            await kling_mock.clock.aadvance(1800)
            assert (await async_kling.text2video.get(task.task_id)).is_succeed

        @pytest.mark.asyncio(loop_scope="module")
        async def test_in_a_loop_of_another_scope(async_kling):
            assert (await async_kling.text2video.run(prompt="a kitten")).is_succeed

        def test_nothing_is_left():
            gc.collect()
    """)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_it_works_under_anyio(run: Run) -> None:
    """The same fixtures serve anyio's tests."""
    result = run(
        """
        import gc
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_wait(async_kling):
            assert (await async_kling.text2video.run(prompt="a kitten")).is_succeed

        def test_nothing_is_left():
            gc.collect()
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_under_trio_the_async_client_is_refused(run: Run) -> None:
    """The error comes at once and has the cause; the sync client and the handles work."""
    pytest.importorskip("trio")
    result = run("""
        import pytest
        import trio

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.anyio
        async def test_refused(async_kling): ...

        @pytest.mark.anyio
        async def test_works(kling_mock, kling):
            task = await trio.to_thread.run_sync(
                lambda: kling.text2video.create(prompt="a kitten")
            )
            with pytest.raises(RuntimeError, match="trio.to_thread.run_sync"):
                kling_mock.clock.advance(1800)
            await trio.to_thread.run_sync(kling_mock.clock.advance, 1800)
            assert kling.text2video.get(task.task_id).is_succeed
            kling_mock.account.slots = 3
    """)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["async_kling: the async client needs asyncio's event loop*"])


def test_only_its_own_address_is_called(run: Run) -> None:
    """Under `--disable-socket --allow-hosts=127.0.0.1` it works, and others cannot be reached."""
    result = run("""
        import httpx
        import pytest
        import pytest_socket

        def test_it(kling_mock, kling):
            assert kling.text2video.run(prompt="a kitten").is_succeed
            blocked = pytest.raises(pytest_socket.SocketConnectBlockedError)
            with pytest.warns(UserWarning, match="192.0.2.1"), blocked:
                httpx.get("http://192.0.2.1/", trust_env=False)
    """)
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_workers_of_xdist_do_not_share(run: Run) -> None:
    """Each worker has its own server; the ids in a test do not depend on where it runs."""
    source = """
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(kling_mock, kling_mock_server, kling, number):
            assert kling_mock_server.journal.total == 0
            with kling_mock_server.client() as other:
                other.text2video.create(prompt="a kitten")
            print("made", number, kling.text2video.create(prompt="a kitten").task_id)
    """
    spread, alone = run(source, "-rP", "-n", "2", plugins=["xdist"]), run(source, "-rP")
    outputs = []
    for result in (spread, alone):
        result.assert_outcomes(passed=4)
        outputs.append(sorted(line for line in result.outlines if line.startswith("made")))
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 4


@pytest.mark.parametrize("order", ["1", "2"])
@pytest.mark.slow
def test_any_order_will_do(run: Run, order: str) -> None:
    """With pytest-randomly, in two orders, tests do not disturb each other."""
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(kling_mock_server, kling, number):
            assert kling_mock_server.journal.total == 0
            kling.text2video.create(prompt="a kitten", external_task_id="mine")
        """,
        "-v",
        f"--randomly-seed={order}",
        plugins=["randomly"],
    )
    result.stdout.fnmatch_lines([f"Using --randomly-seed={order}"])
    result.assert_outcomes(passed=6)


@pytest.mark.slow
def test_it_can_be_switched_off(pytester: pytest.Pytester) -> None:
    """`-p no:kling_mock` switches the plugin off entirely, which pytest would load by itself."""
    pytester.makepyfile("def test_it(kling_mock): ...")
    loop = ("-o", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest_inprocess(*loop, "-p", "no:randomly", "-p", "no:kling_mock")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'kling_mock' not found"])


@pytest.mark.slow
def test_without_the_extra_a_fixture_names_the_command(run: Run, pytester: pytest.Pytester) -> None:
    """Where aiohttp is not installed, only the tests that need it fail, and say what to do."""
    pytester.makeconftest("import sys; sys.modules['aiohttp'] = None")
    result = run(
        """
        def test_mock(kling_mock): ...
        def test_shared(kling_mock_server): ...
        def test_client(kling): ...
        def test_async_client(async_kling): ...
        def test_other(): ...
        """,
        plugins=[],
    )
    result.assert_outcomes(passed=1, errors=4)
    result.stdout.fnmatch_lines(
        ["kling_mock needs the extra `mock`: pip install 'kling-sdk?mock?'"] * 4
    )
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.slow
def test_unused_it_loads_nothing(run: Run) -> None:
    """A run without our fixtures loads neither aiohttp nor this project."""
    result = run(
        """
        import sys

        def test_it(tmp_path):
            names = {name.partition(".")[0] for name in sys.modules}
            assert "_kling_mock_pytest" in names
            assert names.isdisjoint({"aiohttp", "httpx", "kling_mock", "kling_sdk"})
        """,
        plugins=[],
    )
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_clients_trust_a_server_with_a_certificate_of_its_own(
    run: Run, certificate: tuple[Path, Path]
) -> None:
    """A fixture may start the server with TLS: all its clients work, and others do not."""
    cert, key = certificate
    result = run(f"""
        import pytest

        from kling_mock import KlingMock
        from kling_sdk import Kling, TransportError

        @pytest.fixture
        def kling_mock():
            with KlingMock(tls_cert={str(cert)!r}, tls_key={str(key)!r}) as mock:
                yield mock

        def test_sync(kling, kling_relay, kling_mock):
            assert kling_mock.kling_url.startswith("https://")
            assert kling.text2video.run(prompt="a kitten").is_succeed
            assert kling_relay.text2video.run(prompt="a kitten").is_succeed

        @pytest.mark.asyncio
        async def test_async(async_kling):
            assert (await async_kling.text2video.run(prompt="a kitten")).is_succeed

        def test_others_do_not_trust_it(kling_mock):
            key, url = kling_mock.api_key, kling_mock.kling_url
            with Kling(key, base_url=url, trust_env=False, retries=0) as kling:
                with pytest.raises(TransportError):
                    kling.text2video.list()
    """)
    result.assert_outcomes(passed=3)
