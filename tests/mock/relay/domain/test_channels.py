"""The choice of a task's channel and key, and of the next one."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.channels import (
    FailoverDecision,
    check_mapping,
    failover_decision,
    is_refused_key,
    model_target,
    order,
    rotated,
)
from kling_mock.relay.domain.credentials import parse_keys
from kling_mock.relay.domain.errors import RelayError
from kling_sdk.errors import (
    KlingError,
    OutcomeUnknownError,
    RequestValidationError,
    TransportError,
)
from kling_sdk.wire.refusals import api_error


class Channel(NamedTuple):
    """The part of a channel that the choice reads."""

    name: int
    priority: int
    weight: int


channels = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 5)), unique_by=lambda row: row, max_size=8
).map(lambda rows: [Channel(name, *row) for name, row in enumerate(rows)])


@given(channels, st.integers())
def test_each_channel_is_tried_once_higher_priority_first(
    given_channels: list[Channel], seed: int
) -> None:
    """Failover goes through all channels once, by priority; weight 0 is last among equals."""
    tried = order(given_channels, random.Random(seed).random)  # noqa: S311 - no secret
    assert sorted(tried) == sorted(given_channels)
    assert [channel.priority for channel in tried] == sorted(
        (channel.priority for channel in given_channels), reverse=True
    )
    for priority in {channel.priority for channel in given_channels}:
        weights = [channel.weight for channel in tried if channel.priority == priority]
        assert 0 not in weights[: sum(1 for weight in weights if weight)]


def test_channels_share_the_work_by_weight() -> None:
    """If two channels have the same priority, one with three times the weight gets 3 of 4 tasks."""
    chance = random.Random(1).random  # noqa: S311 - no secret
    pair = [Channel(0, 5, 3), Channel(1, 5, 1)]
    first = Counter(order(pair, chance)[0].name for _ in range(4000))
    assert 2850 < first[0] < 3150


@pytest.mark.parametrize("chance", [0.0, 0.4, 0.99])
def test_a_weight_below_zero_counts_as_none(chance: float) -> None:
    """It comes last among equals, and takes nothing from the others."""
    odd, lower, upper = Channel(0, 0, -5), Channel(1, 0, 1), Channel(2, 0, 1)
    first, *_, last = order([odd, lower, upper], lambda: chance)
    assert (first, last) == (lower if chance < 0.5 else upper, odd)


@given(st.floats(0, 1))
def test_any_chance_finds_a_channel(chance: float) -> None:
    """For every value of the random source, ends included, a channel is chosen."""
    assert len(order([Channel(0, 0, 1), Channel(1, 0, 2), Channel(2, 0, 0)], lambda: chance)) == 3
    assert len(order([Channel(0, 0, 0), Channel(1, 0, 0)], lambda: chance)) == 2


def test_keys_take_turns() -> None:
    """The keys of a channel, one per line, are used in turn."""
    keys = parse_keys("one|secret1\n\n  two | secret2 \nsk-three\n")
    assert [key.text for key in keys] == ["one|secret1", "two|secret2", "sk-three"]
    assert [rotated(keys, turn).text[:3] for turn in range(4)] == ["one", "two", "sk-", "one"]


def test_a_fingerprint_survives_reordering_and_a_new_secret() -> None:
    """A task finds its account again when keys are reordered or a secret is replaced."""
    before = {key.text: key.fingerprint for key in parse_keys("one|secret1\ntwo|secret2")}
    after = {key.text: key.fingerprint for key in parse_keys("two|secret9\none|secret1")}
    assert after["one|secret1"] == before["one|secret1"]
    assert after["two|secret9"] == before["two|secret2"]
    assert len(set(before.values())) == 2


@pytest.mark.parametrize("text", ["", "  \n ", "|secret", "access|", "a|b|c"])
def test_a_wrong_key_is_refused_without_being_shown(text: str) -> None:
    """A key that is not a pair is refused, and the error does not repeat it."""
    with pytest.raises(RelayError, match=r"expected AK\|SK") as raised:
        parse_keys(text)
    assert raised.value.http == 400
    assert "secret" not in str(raised.value)


def test_a_key_does_not_show_itself() -> None:
    """A key's repr has its fingerprint only."""
    (key,) = parse_keys("access|supersecret")
    assert "supersecret" not in repr(key)
    assert "access" not in repr(key)


@pytest.mark.parametrize(
    ("model", "mode", "mapping", "expected"),
    [
        ("kling-v1-5-std", "", {}, ("kling-v1-5", "std")),
        ("kling-v1-6-pro", "", {}, ("kling-v1-6", "pro")),
        ("kling-v1-5-std", "pro", {}, ("kling-v1-5", "pro")),
        ("kling-v1-5-std", "", {"kling-v1-5-std": "kling-v1-6-std"}, ("kling-v1-6", "std")),
        ("fast", "", {"fast": "kling-v2-5-turbo"}, ("kling-v2-5-turbo", "")),
        ("kling-v3", "4k", {"fast": "kling-v2-5-turbo"}, ("kling-v3", "4k")),
        ("kling-v2-5-turbo", "", {}, ("kling-v2-5-turbo", "")),
        ("-std", "", {}, ("-std", "")),
    ],
)
def test_names_of_models_are_translated(
    model: str, mode: str, mapping: dict[str, str], expected: tuple[str, str]
) -> None:
    """A channel's mapping is applied, and `kling-v1-5-std` means a model and its mode."""
    assert model_target(model, mode, mapping) == expected


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}', '{"a": ""}', "[" * 100_000])
def test_a_mapping_that_is_none_is_refused(text: str) -> None:
    """A model mapping that is not an object of names is refused when it is set."""
    with pytest.raises(RelayError, match="model_mapping: must be a JSON object"):
        check_mapping(text)
    assert check_mapping(" ") == {}
    assert check_mapping('{"a": "b"}') == {"a": "b"}


def refused(
    code: int, http: int = 400, message: str = "no", *, complete: bool = False
) -> KlingError:
    return api_error(message, code=code, http_status=http, complete=complete)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TransportError("cannot connect", maybe_sent=False), FailoverDecision.NEXT),
        (
            RequestValidationError("model_name", "is not served", "one that is"),
            FailoverDecision.NEXT,
        ),
        (RequestValidationError("cfg_scale", "has no place", "none"), FailoverDecision.REFUSED),
        (TransportError("reset"), FailoverDecision.UNKNOWN),
        (OutcomeUnknownError("who knows", external_task_id="x"), FailoverDecision.UNKNOWN),
        (refused(1100, 429), FailoverDecision.NEXT),
        (refused(1101, 429), FailoverDecision.NEXT),
        (refused(1102, 429), FailoverDecision.NEXT),
        (refused(1103, 403), FailoverDecision.NEXT),
        (refused(1302, 429), FailoverDecision.NEXT),
        (refused(1303, 429), FailoverDecision.NEXT),
        (refused(1304, 429), FailoverDecision.NEXT),
        (refused(1000, 401), FailoverDecision.REFUSED),
        (refused(1201), FailoverDecision.REFUSED),
        (refused(1301), FailoverDecision.REFUSED),
        (refused(1999, complete=True), FailoverDecision.REFUSED),
        (refused(1999), FailoverDecision.UNKNOWN),  # a firewall's JSON has a code too
        (refused(1020, 403), FailoverDecision.UNKNOWN),
        (refused(1999, 409, complete=True), FailoverDecision.UNKNOWN),
        (refused(1201, 400, "External_task_id kling_1 already exists"), FailoverDecision.UNKNOWN),
        (refused(5000, 500), FailoverDecision.UNKNOWN),
        (refused(5002, 504), FailoverDecision.UNKNOWN),
        (refused(0, 502), FailoverDecision.UNKNOWN),
        (refused(0, 403), FailoverDecision.UNKNOWN),  # a page of something in between
        (refused(1201, 500), FailoverDecision.UNKNOWN),
        (refused(1302, 503), FailoverDecision.UNKNOWN),
        (refused(1303, 500), FailoverDecision.UNKNOWN),
        (refused(1303, 200), FailoverDecision.UNKNOWN),
        (refused(1103, 429), FailoverDecision.UNKNOWN),
    ],
)
def test_another_channel_is_tried_only_after_proof_of_refusal(
    error: KlingError, verdict: FailoverDecision
) -> None:
    """A task that may have been accepted is never created again on another channel."""
    assert failover_decision(error) is verdict


@pytest.mark.parametrize(
    ("weights", "chance", "chosen"),
    [
        ((1, 1), 0.49, 0),
        ((1, 1), 0.5, 1),  # each has its half, including the lower end
        ((1, 3), 0.25, 1),
        ((0, 0), 0.49, 0),
        ((0, 0), 0.5, 1),
        ((0, 0), 1.0, 1),
        ((-1, -1), 0.0, 0),
        ((2, 1), 1.0, 0),  # beyond the last one: the heaviest
    ],
)
def test_a_channel_is_drawn_by_its_share(
    weights: tuple[int, int], chance: float, chosen: int
) -> None:
    """Without any weight all shares are the same."""
    pair = [Channel(name, 0, weight) for name, weight in enumerate(weights)]
    assert order(pair, lambda: chance)[0].name == chosen


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(999), False),
        *((refused(code), True) for code in (1000, 1001, 1002, 1003, 1004)),
        (refused(1005), False),
        (refused(1100), False),
        (TransportError("reset"), False),
    ],
)
def test_a_refused_key_is_known_by_its_code(error: KlingError, *, expected: bool) -> None:
    """Kling's codes of authentication, and nothing else."""
    assert is_refused_key(error) is expected


@pytest.mark.parametrize(
    ("http", "verdict"),
    [(499, FailoverDecision.REFUSED), (500, FailoverDecision.UNKNOWN)],
)
def test_a_server_s_error_proves_nothing(http: int, verdict: FailoverDecision) -> None:
    """From 500 on something in between may have replied, whatever it says."""
    assert failover_decision(refused(1201, http, complete=True)) is verdict


@pytest.mark.parametrize("mode", ["std", "pro", "4k"])
def test_a_name_may_end_in_each_mode(mode: str) -> None:
    """The request's own mode counts more."""
    assert model_target(f"kling-v3-{mode}", "", {}) == ("kling-v3", mode)
    assert model_target(f"kling-v3-{mode}", "8k", {}) == ("kling-v3", "8k")


@pytest.mark.parametrize("text", ["null", "7", "[" * 100_000, '{"a": ["b"]}', "{'a': 'b'}"])
def test_a_mapping_is_an_object_of_names(text: str) -> None:
    """The error shows what one looks like."""
    expected = r'^model_mapping: must be a JSON object such as {"name": "model"}$'
    with pytest.raises(RelayError, match=expected):
        check_mapping(text)
