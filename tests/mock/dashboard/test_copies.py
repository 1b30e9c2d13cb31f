"""A request that is copied as a command and as a program, and run: it sends only the prompt."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any, Final

import pytest

from kling_mock import KlingMock
from tests.mock.admin.test_files import picture
from tests.mock.conftest import Api
from tests.mock.dashboard.chromium import Page, chromium
from tests.mock.dashboard.test_browser import page, visit

__all__ = ["chromium", "page"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.programs("curl"),
]

RUN: Final = "__import__('os').mkdir('broken')"
HOSTILE: Final = (
    f"a kitten''' + {RUN} + r'''",
    f"a kitten'''; {RUN}; '''",
    f"''' + str({RUN}) + '''",
    f'""" + str({RUN}) + """',
    f'" + str({RUN}) + "',
    f"' + str({RUN}) + '",
    f"\\' + str({RUN}) + '",
    f'\\" + str({RUN}) + "',
    f'\\\\" + str({RUN}) + "',
    f"\n{RUN}\n",
    f"\r{RUN}\r",
    f"\u2028{RUN}\u2029",
    f"{{{RUN}}}",
    f"{{body}} {{{{{RUN}}}}}",
    "'; mkdir broken; '",
    "'\n mkdir broken\n'",
    "'\\''; mkdir broken; '\\''",
    '"; mkdir broken; "',
    "$(mkdir broken)",
    "`mkdir broken`",
    "'$(mkdir broken)'",
    "'`mkdir broken`'",
    "${IFS}mkdir${IFS}broken",
    "' & mkdir broken & '",
    "' | mkdir broken #",
    "!! !$ !mkdir",
    "%s %(a)s %n",
    "\\",
    "\\\\",
    "\\n\\t\\u0041\\x41",
    "a\\\nb",
    "'''",
    '"""',
    "\x07\x1b[2J\x7f\x9b2J",
    "\u202e\u2066 bidi \u200b\ufeff",
    "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}\U000e0041 一只小猫",
    '"external_task_id": "x", "a": "',
    '{"external_task_id": "x"}',
    "--data-raw @/etc/passwd",
    "\t tab \x01 control",
)


def copies(page: Page, mock: KlingMock) -> list[tuple[str, str]]:
    """Return what the page copies of each create so far, as command and as program."""
    creates = [
        {"path": entry.path, "request": entry.request.decode()}
        for entry in mock.journal
        if entry.method == "POST"
    ]
    texts: list[tuple[str, str]] = page.run(
        """import(new URL("views/copies.js", document.querySelector("script").src)).then("""
        f"""(copies) => {json.dumps(creates)}.map((entry) => ["curl", "python"]
            .map((name) => copies[name](entry, location.origin))))"""
    )
    return texts


def run(mock: KlingMock, words: list[str], folder: Any) -> dict[str, Any]:
    """Run a copy in an empty folder; return the create that it sent."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"KLING_API_KEY": mock.api_key, "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["code"] == 0, done.stdout
    sent: dict[str, Any] = mock.journal[-1].sent
    return sent


def test_a_copy_runs_and_sends_exactly_the_prompt(
    page: Page, mock: KlingMock, api: Api, tmp_path: Any
) -> None:
    """Forty prompts that would break out of a shell's or of Python's quotes, as both copies."""
    assert len(set(HOSTILE)) == 40
    for number, prompt in enumerate(HOSTILE):
        api.new(prompt=prompt, external_task_id=f"order-{number}")
    sent = [entry.sent for entry in mock.journal]
    ids = {request["external_task_id"] for request in sent}
    for request, (command, program) in zip(sent, copies(page, mock), strict=True):
        for words in (["bash", "-c", command], [sys.executable, "-c", program]):
            copied = run(mock, words, tmp_path)
            ids.add(copied["external_task_id"])
            assert copied == request | {"external_task_id": copied["external_task_id"]}
    assert len(ids) == 3 * len(HOSTILE)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_for_the_other_interface_has_a_new_id_too(
    page: Page, mock: KlingMock, tmp_path: Any
) -> None:
    """There it stands in the options."""
    with mock.client(api_key=mock.api_key) as kling:
        kling.text2video.create(model_name="kling-3.0", prompt="a cat", external_task_id="order-1")
    ((command, _),) = copies(page, mock)
    copied = run(mock, ["bash", "-c", command], tmp_path)
    assert copied["options"]["external_task_id"].startswith("copy-")


def test_a_copy_of_a_request_without_an_id_has_none(
    page: Page, mock: KlingMock, api: Api, tmp_path: Any
) -> None:
    """It is sent as it came."""
    api.new(prompt="a cat")
    ((command, _),) = copies(page, mock)
    assert run(mock, ["bash", "-c", command], tmp_path) == mock.journal[0].sent


def test_the_buttons_copy_these_texts(page: Page, mock: KlingMock, api: Api) -> None:
    """Numbers with more digits than JavaScript has stay unchanged."""
    task = api.new(prompt="a cat", element_list=[{"element_id": 9007199254740993}])
    ((command, program),) = copies(page, mock)
    assert "9007199254740993" in command
    visit(page, mock, "task", id=task)
    for label, text in (("Copy as curl", command), ("Copy as Python", program)):
        page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.click("button", label)
        assert page.wait("window.copied") == text
        page.run("window.copied = ''")


@pytest.mark.parametrize("text", ["7", "-1.5e3", "null", '"7"', '"a, \\"b"'])
@pytest.mark.parametrize("place", ["first", "last", "only"])
def test_the_id_of_the_caller_is_replaced(page: Page, text: str, place: str) -> None:
    """It is in use, as a number too."""
    own = f'"external_task_id": {text}'
    rest = {"first": ', "prompt": "a"', "last": '"prompt": "a", ', "only": ""}[place]
    request = f"{{{rest}{own}}}" if place == "last" else f"{{{own}{rest}}}"
    command = page.run(
        """import(new URL("views/copies.js", document.querySelector("script").src)).then("""
        f"""(copies) => copies.curl({json.dumps({"path": "/", "request": request})}, ""))"""
    )
    sent = json.loads(command.partition("--data-raw '")[2].removesuffix("'"))
    assert sent.pop("external_task_id").startswith("copy-")
    assert sent == ({} if place == "only" else {"prompt": "a"})


def test_a_request_that_was_not_kept_whole_has_no_copy(
    page: Page, mock: KlingMock, api: Api
) -> None:
    """The journal has the beginning of a picture, and no query of a URL: nothing cut is sent."""
    image = base64.b64encode(picture()).decode()
    url = "https://example.com/hook?token=of-the-app"
    shots = [{"index": n, "prompt": "一只小猫" * 60, "duration": "1"} for n in range(1, 7)]
    long: dict[str, Any] = {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots}
    for task, what in (
        (api.new("image2video", image=image, prompt="it moves"), "image"),
        (api.new("image2video", image=image, prompt="it moves" * 99), "image, prompt"),
        (api.new(callback_url=url), "callback_url"),
        (api.new(model_name="kling-v3", duration="6", **long), "the request"),
    ):
        visit(page, mock, "task", id=task)
        page.wait_text(f"not all of {what} was kept")
        assert "Copy as" not in page.text()
