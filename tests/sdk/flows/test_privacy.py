"""A server's words in errors: readable, and without the prompt they quote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    ContentPolicyError,
    ImageToVideo,
    Kling,
    KlingError,
    NotFoundError,
    OmniVideo,
    TaskFailedError,
    TextToVideo,
    VideoRequest,
)
from kling_sdk.flows.privacy import RUN, discreet, private_texts
from tests.sdk.clients import CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

LONG = "A kitten on the grass looks at a red balloon that drifts over the hills."
CHINESE = "一只小猫在草地上看着红色的气球飘过山丘"

QUOTED = [
    (f"prompt '{LONG}' is not allowed", LONG, "prompt '…' is not allowed"),
    (f"refused: {LONG.upper()}!", LONG, "refused: …!"),
    ("refused: A kitten on the grass looks at...", LONG, "refused: …..."),
    ('the words "red balloon" are not allowed', LONG, 'the words "…" are not allowed'),
    ("a cat is not allowed", "a cat", "… is not allowed"),
    ("the word [cat] is not allowed", "my cat", "the word […] is not allowed"),
    ("提示词包含敏感词:红色的气球", CHINESE, "提示词包含敏感词:…"),
    ("敏感词“小猫”", CHINESE, "敏感词“…”"),
    (
        "cannot fetch https://a.test/x.png?Signature=s3cret.",
        LONG,
        "cannot fetch https://a.test/x.png",
    ),
    (f"not base64: {'QUJD' * 50}", "x", "not base64: …"),
]
KEPT = [
    ("duration is not supported by the model", "a long duration shot"),
    ("prompt is too long", "The sun, long ago"),
    ("model kling-v1-5 is not supported", "a model railway"),
    ("External_task_id order-17 already exists", LONG),
    ("Task not found by id/external id: 1", LONG),
    ("no", ""),
]


@pytest.mark.parametrize(("words", "prompt", "shown"), QUOTED)
def test_what_is_quoted_of_a_prompt_is_cut_out(words: str, prompt: str, shown: str) -> None:
    """The reason stays readable; the prompt, in whole or in part, is not in it."""
    assert discreet(words, [prompt]) == shown


@pytest.mark.parametrize(("words", "prompt"), KEPT)
def test_the_servers_own_words_stay(words: str, prompt: str) -> None:
    """A word that happens to be in the prompt as well is no quotation."""
    assert discreet(words, [prompt]) == words


@given(prompt=st.text(min_size=1), before=st.text(), after=st.text())
def test_no_run_of_a_prompt_survives_in_any_message(prompt: str, before: str, after: str) -> None:
    """Whatever stands around a quoted prompt, no twelve characters of it get through."""
    shown = discreet(f"{before} {prompt} {after}", [prompt])

    text = prompt.strip()
    assert not any(text[at : at + RUN] in shown for at in range(len(text) - RUN + 1))


def test_a_message_without_end_is_cut() -> None:
    """A server cannot fill the log by answering at length."""
    assert len(discreet("no! " * 100_000, [LONG])) < 3000


def test_prompts_are_found_wherever_a_body_holds_them() -> None:
    """Shots, lip-sync words and bodies of endpoints that are not wrapped are private as well."""
    body = {
        "model_name": "kling-v3",
        "prompt": "one",
        "negative_prompt": "two",
        "multi_prompt": [{"prompt": "three", "duration": "5"}],
        "input": {"text": "four", "mode": "text2video"},
        "image": "aGk=",
    }
    assert list(private_texts(body)) == ["one", "two", "three", "four"]
    assert list(private_texts(None)) == []


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_of_a_create_does_not_tell_the_prompt(client: str) -> None:
    """A refusal that quotes the prompt is raised without it, with its code and id."""
    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1301, f"the prompt {PROMPT!r} is not allowed"))
        with pytest.raises(ContentPolicyError) as caught:
            over(client, Calls("o").create, server.url, FakeClock())

    assert caught.value.message == "the prompt '…' is not allowed"
    assert str(caught.value).startswith(
        "the prompt '…' is not allowed (HTTP 400, code 1301, request_id req-1)"
    )


def test_a_call_that_is_not_wrapped_keeps_its_words_too() -> None:
    """`request` does for any body what `create` does for its own."""
    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1201, f"bad text: {LONG}"))
        with Kling(KEY, base_url=server.url) as kling, pytest.raises(KlingError) as caught:
            kling.request("POST", "/v1/videos/lip-sync", json={"input": {"text": LONG}})

    assert "bad text: …" in str(caught.value)


def failing(reason: str) -> HonestKling:
    """Return a Kling whose every task fails for a reason."""

    class Failing(HonestKling):
        def shown(self, task: Any) -> dict[str, Any]:
            return super().shown(task) | {"task_status": "failed", "task_status_msg": reason}

    return Failing()


WAYS: list[Callable[[Kling], Any]] = [
    lambda kling: kling.text2video.run(prompt=LONG),
    lambda kling: [one.result() for one in kling.run_many([TextToVideo(prompt=LONG)])],
]


@pytest.mark.parametrize("way", WAYS, ids=["run", "run_many"])
def test_the_error_of_a_failed_task_does_not_tell_the_prompt(way: Callable[[Kling], Any]) -> None:
    """The error's text leaves out what the vendor quotes; the task has the reason as it came."""
    reason = f"risk control: {LONG}"
    with (
        FaultyKling(failing(reason)) as server,
        Kling(KEY, base_url=server.url, clock=FakeClock()) as kling,
        pytest.raises(TaskFailedError) as caught,
    ):
        way(kling)

    assert "failed: risk control: … [" in str(caught.value)
    assert caught.value.task.status_msg == reason


def test_what_an_error_says_of_a_signed_url_is_its_path() -> None:
    """An answer to any call is shown without signatures."""
    with FaultyKling() as server:
        words = "cannot read https://a.test/x.png?Signature=s3cret"
        server.breaks(then=Fault("says", reply=answer(400, 1203, words)))
        with Kling(KEY, base_url=server.url) as kling, pytest.raises(NotFoundError) as caught:
            kling.image2video.get("1")

    assert caught.value.message == "cannot read https://a.test/x.png"


@pytest.mark.parametrize(
    ("request_", "prompts"),
    [
        (TextToVideo(prompt="a", negative_prompt="b"), ("a", "b")),
        (ImageToVideo(image="https://a.test/x.png"), ()),
        (
            OmniVideo(
                multi_shot=True,
                shot_type="customize",
                multi_prompt=[{"prompt": "c", "duration": 5}],
            ),
            ("c",),
        ),
    ],
)
def test_a_request_knows_its_prompts(request_: VideoRequest, prompts: tuple[str, ...]) -> None:
    """All texts that a person wrote are known, those of shots included."""
    assert request_.prompts() == prompts


@pytest.mark.parametrize(
    ("words", "prompt", "shown"),
    [
        # A short prompt stands as words of its own; within a word it is no quotation.
        ("a cat", "cat", "a …"),
        ("cat!", "cat", "…!"),
        ("category", "cat", "category"),
        ("a tomcat", "cat", "a tomcat"),
        # Twelve letters in a row, wherever they stand; eleven may be common words.
        ("xxabcdefghijklyy", "abcdefghijkl", "xx…yy"),
        ("xxabcdefghijkyy", "abcdefghijk", "xxabcdefghijkyy"),
        ("xxabcdefghijklyy", "0abcdefghijkl0", "xx…yy"),
        # Four letters of a script that is written without spaces.
        ("x红色的气x", "红色的气", "x…x"),
        ("x红色的x", "红色的", "x红色的x"),
        ("x红色的ax", "红色的a", "x红色的ax"),
        ("x" + "\u2e80" * 4 + "x", "\u2e80" * 4, "x…x"),
        ("x" + "\u0e01" * 4 + "x", "\u0e01" * 4, "x" + "\u0e01" * 4 + "x"),
        # Within marks, without the spaces; nothing within marks is no quotation.
        ("the word ( cat ) is", "my cat", "the word (…) is"),
        ("the word (  ) is", "my cat", "the word (  ) is"),
        ("the word (dog) is", "my cat", "the word (dog) is"),
        # What is cut out beside each other is one gap; without a prompt nothing is.
        ("cat cat", "cat", "… …"),
        ("no……", "", "no……"),
        ("no……", " ", "no……"),
        # Letters change their case; one whose length that changes is left.
        ("A CAT", "a Cat", "…"),
        ("\u0130 CAT", "cat", "\u0130 …"),
    ],
)
def test_a_quotation_is(words: str, prompt: str, shown: str) -> None:
    """Each rule by itself, both sides of it."""
    assert discreet(words, [prompt]) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("no! " * 500, "no! " * 500),
        ("no! " * 500 + "x", "no! " * 500 + "…"),
        ("A" * 99, "A" * 99),
        ("A" * 100, "…"),
        ("see HTTPS://a.test/x?sign=1 now", "see HTTPS://a.test/x now"),
        ("'https://a.test/x?sign=1'", "'https://a.test/x'"),
        ("<https://a.test/x?sign=1>", "<https://a.test/x>"),
        ("https://a.test/" + "A" * 200, "https://a.test/" + "A" * 200),
    ],
)
def test_what_no_message_needs_is_cut(words: str, shown: str) -> None:
    """More than 2000 characters, base64 of 100 or more, and what follows a URL's path."""
    assert discreet(words, []) == shown


def test_each_private_text_is_cut_out() -> None:
    """Of several."""
    assert discreet("dog or cat", ["cat", "dog"]) == "… or …"
    assert discreet("dog or cat", []) == "dog or cat"


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"text": "a", "texts": "b", "image": "c"}, ["a"]),
        ({"prompt": 5, "negative_prompt": None, "prompts": ["d"]}, []),
        ([{"prompt": "a"}, ({"text": "b"},)], ["a", "b"]),
        ({"input": {"deep": [{"my_prompt": "a"}]}}, ["a"]),
        ("prompt", []),
        (5, []),
    ],
)
def test_a_private_text_is_one_by_the_name_of_its_field(body: Any, texts: list[str]) -> None:
    """`prompt` within the name, or `text`; at any depth."""
    assert list(private_texts(body)) == texts
