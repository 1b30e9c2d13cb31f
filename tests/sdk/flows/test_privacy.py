"""A server's words in errors: readable, and without the prompt they quote."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
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
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.endpoints.values import hidden
from kling_sdk.flows.privacy import RUN, discreet
from kling_sdk.text.hidden import private_texts
from kling_sdk.wire.v1 import wire_body
from tests.sdk.clients import API_KEY, CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.fake_kling import Answer, HonestKling, answer
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


@pytest.mark.parametrize(("words", "prompt", "text"), QUOTED)
def test_what_is_quoted_of_a_prompt_is_cut_out(words: str, prompt: str, text: str) -> None:
    """The reason stays readable; the prompt, in whole or in part, is not in it."""
    assert discreet(words, [prompt]) == text


@pytest.mark.parametrize(("words", "prompt"), KEPT)
def test_the_servers_own_words_stay(words: str, prompt: str) -> None:
    """A word that happens to be in the prompt as well is not a quotation."""
    assert discreet(words, [prompt]) == words


@given(prompt=st.text(min_size=1), before=st.text(), after=st.text())
def test_no_run_of_a_prompt_survives_in_any_message(prompt: str, before: str, after: str) -> None:
    """With any text around a quoted prompt, no twelve characters of it are shown."""
    message = discreet(f"{before} {prompt} {after}", [prompt])

    text = prompt.strip()
    assert not any(text[at : at + RUN] in message for at in range(len(text) - RUN + 1))


def test_a_message_without_end_is_cut() -> None:
    """A server cannot fill the log by answering at length."""
    assert len(discreet("no! " * 100_000, [LONG])) < 3000


def test_what_is_private_is_said_by_the_field_itself() -> None:
    """In requests and in bodies, text without a known field is private, and so are later names."""
    body: dict[str, Any] = {
        "model_name": "kling-v3",
        "prompt": "one",
        "negative_prompt": "two",
        "multi_prompt": [{"prompt": "three", "duration": "5"}],
        "light": {"of": ["four", 5]},
        "callback_url": "https://a.test/hook?key=s3cret",
        "aspect_ratio": "16:9",
    }
    raw = RawRequest(TextToVideo.record, body)
    assert raw.body == body
    assert list(private_texts(raw.body)) == ["one", "two", "three", "four"]
    assert "s3cret" not in repr(dict(raw.body))

    request = TextToVideo(**body, check=False)
    assert sorted(request.prompts()) == ["four", "one", "three", "two"]
    assert request.model_name == "kling-v3"
    assert repr(request.model_name) == "'kling-v3'"
    assert list(private_texts(None)) == []


def test_a_new_field_needs_nothing_but_its_repr() -> None:
    """No list of names has to know it: a refusal that quotes it is shown without it."""

    @attrs.frozen(kw_only=True)
    class Relight(TextToVideo):
        light: str | None = attrs.field(default=None, repr=hidden)

    request = Relight(prompt="a kitten", light="a lamp that nobody may hear of")
    assert request.prompts() == ("a kitten", "a lamp that nobody may hear of")
    assert list(private_texts(wire_body(request, ""))) == [*request.prompts()]


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
        def shown_at_v1(self, task: Any) -> dict[str, Any]:
            return super().shown_at_v1(task) | {"task_status": "failed", "task_status_msg": reason}

    return Failing()


WAYS: list[Callable[[Kling], Any]] = [
    lambda kling: kling.text2video.run(prompt=LONG),
    lambda kling: [outcome.result() for outcome in kling.run_many([TextToVideo(prompt=LONG)])],
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
    ("words", "prompt", "text"),
    [
        # A short prompt stands as words of its own; within a word it is not a quotation.
        ("a cat", "cat", "a …"),
        ("cat!", "cat", "…!"),
        ("category", "cat", "category"),
        ("a tomcat", "cat", "a tomcat"),
        # Twelve letters in a row, at any place; eleven may be common words.
        ("xxabcdefghijklyy", "abcdefghijkl", "xx…yy"),
        ("xxabcdefghijkyy", "abcdefghijk", "xxabcdefghijkyy"),
        ("xxabcdefghijklyy", "0abcdefghijkl0", "xx…yy"),
        # Four letters of a script that is written without spaces.
        ("x红色的气x", "红色的气", "x…x"),
        ("x红色的x", "红色的", "x红色的x"),
        ("x红色的ax", "红色的a", "x红色的ax"),
        ("x" + "\u2e80" * 4 + "x", "\u2e80" * 4, "x…x"),
        ("x" + "\u0e01" * 4 + "x", "\u0e01" * 4, "x" + "\u0e01" * 4 + "x"),
        # Within marks, without the spaces; an empty text within marks is not a quotation.
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
def test_a_quotation_is(words: str, prompt: str, text: str) -> None:
    """Both sides of each rule are tried."""
    assert discreet(words, [prompt]) == text


@pytest.mark.parametrize(
    ("words", "text"),
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
def test_what_no_message_needs_is_cut(words: str, text: str) -> None:
    """More than 2000 characters, base64 of 100 or more, and what follows a URL's path."""
    assert discreet(words, []) == text


def test_each_private_text_is_cut_out() -> None:
    """All of several private texts are cut out."""
    assert discreet("dog or cat", ["cat", "dog"]) == "… or …"
    assert discreet("dog or cat", []) == "dog or cat"


RELAY_TOKEN = "relay-token-0123456789"


def reply_that_quotes(headers: Any) -> Answer:
    """Return a refusal that quotes the key it was sent, as its text and as its id."""
    key = headers["authorization"].removeprefix("Bearer ")
    reply = {"code": 1002, "message": f"Incorrect API key provided: {key}.", "request_id": key}
    relays = {"error": {"type": "auth", **reply}}
    body = json.dumps(relays if key == RELAY_TOKEN else reply).encode()
    return Answer(401, body, {"content-type": "application/json"})


class Quoting(HonestKling):
    """A Kling or a relay that quotes the key of each request in its refusal."""

    def answer(self, method: str, path: str, query: Any, headers: Any, body: Any) -> Answer:
        return reply_that_quotes(headers)


def over_relay(token: str, *, base_url: str, clock: FakeClock) -> Kling:
    return Kling.relay(base_url, token, clock=clock)


@pytest.mark.parametrize(
    ("client", "key"),
    [(Kling, API_KEY), (Kling, KEY), (Kling, f"{KEY}\n{API_KEY}"), (over_relay, RELAY_TOKEN)],
    ids=["API key", "token", "several keys", "relay token"],
)
def test_an_error_does_not_tell_the_key_that_the_server_quotes(
    client: Callable[..., Kling], key: str
) -> None:
    """Neither a refusal nor the outcome of a batch; every key of the client is cut out."""
    with FaultyKling(Quoting()) as server:
        options: Any = {"base_url": server.url, "clock": FakeClock()}
        with client(key, **options) as kling:
            with pytest.raises(KlingError) as caught:
                kling.text2video.create(prompt=PROMPT)
            errors = [caught.value]
            with pytest.raises(KlingError) as caught:
                kling.text2video.get("1")
            (outcome,) = kling.run_many([TextToVideo(prompt=PROMPT)])
            assert outcome.error is not None
            errors += [caught.value, outcome.error]
    sent = {request.headers["authorization"].removeprefix("Bearer ") for request in server.requests}
    for error in errors:
        assert "Incorrect API key provided: …." in str(error)
        for secret in (*sent, *key.replace("|", "\n").splitlines()):
            assert secret not in f"{error} {error!r} {vars(error)}"


def test_a_failed_task_s_reason_does_not_tell_the_key() -> None:
    """`task.status_msg` has it as it came."""
    with (
        FaultyKling(failing(f"no access with {KEY.partition('|')[2]}")) as server,
        Kling(KEY, base_url=server.url, clock=FakeClock()) as kling,
        pytest.raises(TaskFailedError, match="failed: no access with … "),
    ):
        kling.text2video.run(prompt="a kitten")


def test_a_number_that_happens_to_be_in_a_key_stays() -> None:
    """Negative control: a key is a quotation as a whole or in twelve characters, not in a part."""
    words = "duration '5' is not accepted; 'kling' is no model"
    assert discreet(words, [], ["sk-kling-5-0123456789"]) == words
    assert discreet("key sk-kling-5-01 is wrong", [], ["sk-kling-5-0123456789"]) == "key … is wrong"


def test_a_request_id_has_no_control_characters() -> None:
    """A terminal that shows it is not cleared, of an error and of a task."""
    for code in (0, 1201):
        reply = answer(400 if code else 200, code, "no", {"task_id": "1", "task_status": "succeed"})
        body = reply.body.replace(b"req-1", b"req\\u001b[2J\\n1")
        with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
            server.breaks(then=Fault("says", reply=attrs.evolve(reply, body=body)))
            try:
                request_id = kling.text2video.get("1").request_id
            except KlingError as error:
                request_id = getattr(error, "request_id", "")
        assert request_id == "req [2J 1"
