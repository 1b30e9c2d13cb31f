"""The tests in the pages notice the bugs that they are there to find.

A test that passes with any app would be copied as it is. Each runs here once more for each bug:
a part of the page's app is replaced, and the test must fail with the text that names the bug.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pytest

from tests.docs.test_testing import OPTIONS, TESTS, run
from tests.docs.test_tutorial import PAGE, blocks


class Bug(NamedTuple):
    """A bug of an app.

    Attributes:
        test: The name of the test that must fail.
        name: What the app does wrong.
        right: The text in the page that is replaced; its last place in a block with the test.
        wrong: What it is replaced with.
        report: What the report of the failure contains.
    """

    test: str
    name: str
    right: str
    wrong: str
    report: str


ORDERED: Final = 'text2video.create(prompt="a kitten")'
FLASK: Final = "test_the_app_gets_callbacks"
PARSED: Final = (
    'parse_callback(request.get_data(), request.headers, app.config["SECRET"], time.time())'
)
FASTAPI: Final = "test_an_order_gets_its_video(async_kling"
DJANGO: Final = "test_an_order_gets_its_video(browser"
CELERY: Final = "test_an_order_gets_its_video(kling_mock"
#: Bugs of the apps and calls in docs/testing.md.
BUGS: Final = [
    Bug(
        "test_a_poster_is_made_once",
        "buys twice",
        "task = kling.text2video.run(",
        "kling.text2video.create(prompt=product, duration=5); task = kling.text2video.run(",
        "expected 1 call of POST /v1/videos/text2video",
    ),
    Bug(
        "test_a_poster_is_made_once",
        "orders ten seconds",
        "duration=5)",
        "duration=10)",
        'expected "5", got "10"',
    ),
    Bug("test_an_app_in_another_process", "prints an id", ").status", ").task_id", "submitted"),
    Bug(
        "test_what_the_user_sees_meanwhile",
        "does not ask again",
        "kling.text2video.get(task.task_id).is_succeed",
        "task.is_succeed",
        "AssertionError",
    ),
    Bug(
        "test_a_video_that_never_comes",
        "gives up early",
        "kling.text2video.run(",
        "kling.with_options(wait_timeout=600).text2video.run(",
        "> 7100",
    ),
    Bug(
        "test_another_process_waits_for_a_video", "does not wait", ".run(", ".create(", "submitted"
    ),
    Bug(
        "test_a_lost_reply_makes_no_second_video",
        "buys again after a lost reply",
        f"kling.{ORDERED}",
        f"[kling.{ORDERED} for _ in range(2)]",
        "assert 2 == 1",
    ),
    Bug(
        "test_a_bad_minute_is_survived",
        "does not wait",
        'kling.text2video.run(prompt="a kitten").is_succeed',
        'kling.text2video.get(kling.text2video.create(prompt="a kitten").task_id).is_succeed',
        "AssertionError",
    ),
    Bug(
        "test_what_the_content_policy_refuses",
        "sends another prompt",
        'prompt="blood"',
        'prompt="paint"',
        "DID NOT RAISE",
    ),
    Bug(
        "test_what_the_content_policy_refuses",
        "does not wait for the end",
        'run(prompt="gore")',
        'create(prompt="gore")',
        "DID NOT RAISE",
    ),
    Bug(
        "test_a_file_that_breaks_off",
        "keeps half of a file",
        'kling.download(video, tmp_path / "half.mp4")',
        '(tmp_path / "half.mp4").write_bytes(whole[:9]); kling.download(video)',
        "half.mp4",
    ),
    Bug(
        "test_a_busy_account",
        "has no patience",
        "create_deadline=900",
        "create_deadline=1",
        "ConcurrencyLimitError",
    ),
    Bug(
        "test_an_account_without_units",
        "buys nothing",
        ORDERED,
        "text2video.list()",
        "DID NOT RAISE",
    ),
    Bug(
        "test_a_genuine_callback_that_is_old",
        "checks no signature",
        "callback.headers, secret, kling_mock.clock.time() + 600",
        "verify=False",
        "DID NOT RAISE",
    ),
    Bug(FLASK, "accepts forgeries", PARSED, "parse_callback(request.data, verify=False)", ">= 400"),
    Bug(
        FLASK,
        "misspells its hook",
        '@app.post("/kling/callback")',
        '@app.post("/kling/callbak")',
        "404",
    ),
    Bug(FLASK, "drops callbacks", 'app.config["SEEN"].append', "str", "submitted"),
    Bug(FLASK, "has a broken hook", '    return ""', '    return "", 500', "500"),
    Bug(
        FLASK,
        "refuses repeats",
        '    app.config["SEEN"].append',
        '    assert event.task.status not in app.config["SEEN"]\n    app.config["SEEN"].append',
        "succeed: delivered, 500",
    ),
    Bug(FLASK, "gives no hook", ", callback_url=url", "", "submitted"),
    Bug(
        "test_the_time_of_a_signature",
        "has another clock",
        "secret, kling_mock.clock.time()",
        "secret, before",
        "CallbackVerificationError",
    ),
    Bug(
        "test_what_is_reported",
        "gives no hook",
        ", callback_url=kling_receiver.url",
        "",
        "No callback about task",
    ),
    Bug(
        "test_a_wrong_key_is_an_authentication_error",
        "asks nothing",
        f"kling.{ORDERED}",
        "pass",
        "DID NOT RAISE",
    ),
    Bug(
        "test_a_wrong_duration_is_an_error",
        "does not say that a refusal is meant",
        "code=1201",
        "",
        "1 request refused, which no assertion is about",
    ),
    Bug(
        "test_in_a_loop",
        "does not ask again",
        "(await async_kling.text2video.get(task.task_id))",
        "task",
        "AssertionError",
    ),
    Bug(
        FASTAPI,
        "drops callbacks",
        "if event.task.is_succeed",
        "if event.task is None",
        "KeyError: 'order-7'",
    ),
    Bug(FASTAPI, "misspells its hook", '"/kling/callback"', '"/kling/{x}"', "NoMatchFound"),
    Bug(FASTAPI, "gives no id of its own", 'external_task_id=f"order-{order}",', "", "order-7"),
    Bug(FASTAPI, "has a wrong secret", "secret, now())", "secret[:-4] + 'AAA=', now())", "order-7"),
    Bug(DJANGO, "drops callbacks", "if event.task.is_succeed", "if event.task is None", "order-7"),
    Bug(DJANGO, "gives no id of its own", 'external_task_id=f"order-{order}",', "", "order-7"),
    Bug(CELERY, "does not wait", "text2video.run(", "text2video.create(", "IndexError"),
    Bug(
        CELERY,
        "buys twice",
        ', external_task_id=f"order-{order}"',
        "",
        "expected 1 call of POST /v1/videos/text2video with code=0, there were 2",
    ),
    Bug(
        "test_with_respx",
        "buys twice",
        "        return kling.",
        "        kling.text2video.create(prompt='a puppy')\n        return kling.",
        "assert 2 == 1",
    ),
    Bug(
        "test_with_pytest_httpx",
        "does not wait",
        '.run(prompt="a kitten on',
        '.create(prompt="a kitten on',
        "IndexError",
    ),
    Bug(
        "test_kling_is_emulated_and_another_service_is_not",
        "does not wait",
        ".run(",
        ".create(",
        "AssertionError",
    ),
]
#: Tests of settings of the emulated Kling: there is no app in them.
WITHOUT_APP: Final = {"test_with_settings_of_its_own"}

ORDERED_VIDEO: Final = "test_an_order_becomes_a_video"
#: Bugs of the shop in docs/tutorial.md.
SHOP_BUGS: Final = [
    Bug(
        ORDERED_VIDEO, "misspells its hook", 'own_url}/kling/callback"', 'own_url}/callbak"', "404"
    ),
    Bug(ORDERED_VIDEO, "drops callbacks", "later(keep", "print(keep", "404"),
    Bug(ORDERED_VIDEO, "misspells a key", "prompt=", "extra_body={'promt': 'x'}, prompt=", "promt"),
    Bug(
        "test_an_order_is_bought_once_whatever_is_repeated",
        "gives no id of its own",
        'external_task_id=f"order-{number}",',
        "",
        "with code=0, there were",
    ),
    Bug(
        "test_callbacks_may_repeat_and_come_in_any_order",
        "believes the last callback",
        '    elif task.status == "failed":',
        '    elif task.status != "succeed":\n        video.unlink(missing_ok=True)',
        "assert 422 == 200",
    ),
    Bug(
        "test_a_lost_callback_is_made_up_for",
        "never catches up",
        "in kling.text2video.iter()",
        "in ()",
        "404",
    ),
    Bug(
        "test_a_forged_callback_is_refused",
        "checks no signature",
        "request.headers, secret, time.time()",
        "verify=False",
        "400",
    ),
    Bug(
        "test_a_customer_is_told_that_there_will_be_no_video",
        "says that it is ordered",
        "}, 422\n        return",
        "}, 202\n        return",
        "assert 422 in",
    ),
    Bug(
        "test_a_customer_is_told_that_there_will_be_no_video",
        "keeps no reasons",
        '"failed"',
        '"lost"',
        "assert 422 in",
    ),
]


def with_bug(bug: Bug, text: str) -> str:
    """Return a text of a page with a bug."""
    before, right, after = text.rpartition(bug.right)
    assert right, f"the page does not have {bug.right!r} any more"
    return f"{before}{bug.wrong}{after}"


def assert_noticed(bug: Bug, result: pytest.RunResult) -> None:
    """Check that a test has failed, and that the report names the bug."""
    output = result.stdout.str()
    assert (result.parseoutcomes().get("failed"), bug.report in output) == (1, True), output


def test_every_test_of_the_page_has_a_bug() -> None:
    """No test is left out, unless there is no app in it."""
    names = {name for text in TESTS for name in re.findall(r"def (test_\w+\(\w*)", text)}
    with_bugs = {name for name in names for bug in BUGS if name.startswith(bug.test)}
    without = {name for name in names for test in WITHOUT_APP if name.startswith(test)}
    assert (with_bugs | without, with_bugs & without) == (names, set())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.test}: {bug.name}")
@pytest.mark.slow
def test_the_page_on_testing_notices(
    bug: Bug, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test passes with the app of the page and fails with the bug, which the report names."""
    (source,) = [text for text in TESTS if f"def {bug.test}" in text]
    name, words = bug.test.partition("(")[0], ("-W", "ignore", "-k")
    result = run(with_bug(bug, source), pytester, monkeypatch, *words, name)
    assert_noticed(bug, result)


@pytest.mark.parametrize("bug", SHOP_BUGS, ids=lambda bug: f"{bug.test}: {bug.name}")
@pytest.mark.slow
def test_the_tutorial_notices(bug: Bug, pytester: pytest.Pytester) -> None:
    """The same of the shop in the tutorial."""
    files = {name: text for mark, name, _, text in blocks(PAGE) if mark == "example"}
    pytester.makepyfile(shop=with_bug(bug, files["shop.py"]), test_shop=files["test_shop.py"])
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess(*OPTIONS, "-k", bug.test)
    assert_noticed(bug, result)
