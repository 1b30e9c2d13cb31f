"""Keys and tokens."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.auth import AccessKey, ApiKey, CallKeys, Keyring, mint, parse_keys
from kling_sdk.client.settings import settings_from

NOW = 1_790_000_000.0
PAIR = AccessKey("access", "secret")


def claims(header: str, secret: str = "secret") -> dict[str, object]:
    scheme, _, token = header.partition(" ")
    assert scheme == "Bearer"
    options: jwt.types.Options = {"verify_exp": False, "verify_nbf": False}
    payload: dict[str, object] = jwt.decode(
        token, secret.ljust(32), algorithms=["HS256"], options=options
    )
    return payload


def test_a_token_is_what_the_vendor_documents() -> None:
    """HS256, issued by the access key, valid from 5 s ago for 1800 s from now."""
    key = AccessKey("access", "secret".ljust(32))

    assert jwt.get_unverified_header(mint(key, NOW)) == {"alg": "HS256", "typ": "JWT"}
    assert claims(f"Bearer {mint(key, NOW)}") == {
        "iss": "access",
        "exp": NOW + 1800,
        "nbf": NOW - 5,
    }


@given(st.lists(st.floats(0, 4000, allow_nan=False), max_size=30))
def test_a_token_sent_is_always_valid_with_a_margin_and_minted_seldom(steps: list[float]) -> None:
    """Whenever a call is made its token has at least 300 s left, and is reused until then."""
    keys, now, minted = Keyring([AccessKey("access", "secret".ljust(32))]), NOW, set()
    for step in [0.0, *steps]:
        now += step
        header = keys.header(now)
        exp = claims(header)["exp"]
        assert isinstance(exp, int)
        assert 299 <= exp - now <= 1800
        minted.add(header)
    assert len(minted) <= 1 + sum(steps) / 1499


def test_a_token_is_used_until_it_has_300_seconds_left() -> None:
    """It is not used a second longer."""
    keys = Keyring([PAIR])
    first = keys.header(NOW)

    assert keys.header(NOW + 1499.9) == first
    assert keys.header(NOW + 1500) != first


def test_a_clock_that_was_set_back_gets_a_new_token() -> None:
    """After the clock jumps back, the token of the future (1003) is not sent again."""
    keys = Keyring([PAIR])
    before = keys.header(NOW)

    assert keys.header(NOW - 3600) != before


def test_a_call_sends_the_token_at_hand_unless_a_new_one_is_asked_for() -> None:
    """The keys of one call mint no tokens beside those of the client."""
    keys = Keyring([PAIR])
    before = keys.header(NOW)

    assert CallKeys(keys).header(NOW + 60) == before
    assert CallKeys(keys).header(NOW + 60, fresh=True) != before


def test_a_short_secret_signs_without_a_warning() -> None:
    """Vendor keys of any length work under `-W error`."""
    assert mint(AccessKey("a", "s"), NOW)


def test_keys_may_be_pairs_or_api_keys_one_per_line() -> None:
    """The spelling of one-api's channels is understood: `AK|SK`, several by line."""
    assert parse_keys(" ak|sk \n\n key \n") == (AccessKey("ak", "sk"), ApiKey("key"))


@pytest.mark.parametrize("text", ["", " \n ", "|sk", "ak|", "ak| "])
def test_half_a_key_is_refused(text: str) -> None:
    """A key with an empty half is a mistake, and the message shows no key."""
    with pytest.raises(ValueError, match=r"AK\|SK"):
        parse_keys(text)


def test_a_refused_key_gives_way_to_the_next_once_per_refusal() -> None:
    """A key can be replaced while clients run: threads that were refused together turn once."""
    keys = Keyring([ApiKey("old"), ApiKey("new")])
    refused = keys.header(NOW)

    keys.turn(refused)
    keys.turn(refused)
    assert keys.header(NOW) == "Bearer new"


def test_a_key_that_is_the_only_one_stays_in_use() -> None:
    """Its refusal is the call's."""
    keys = Keyring([ApiKey("old")])
    keys.turn(keys.header(NOW))
    assert keys.header(NOW) == "Bearer old"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KLING_ACCESS_KEY": "ak", "KLING_SECRET_KEY": "sk"}, [AccessKey("ak", "sk")]),
        ({"KLING_API_KEY": "key"}, [ApiKey("key")]),
        ({"KLING_ACCESS_KEY": "ak", "KLING_API_KEY": "key"}, [ApiKey("key")]),
        (
            {"KLING_ACCESS_KEY": "ak", "KLING_SECRET_KEY": "sk", "KLING_API_KEY": "key"},
            [AccessKey("ak", "sk"), ApiKey("key")],
        ),
    ],
)
def test_the_environment_is_read_when_no_key_is_given(
    environment: dict[str, str], expected: list[AccessKey | ApiKey]
) -> None:
    """`Kling()` takes its keys from the environment, a whole pair before an API key."""
    settings = settings_from(environment, None, None, None, None, None, None, {})
    assert list(settings.ctx.keys.keys) == expected
    assert settings.base_url == "https://api-singapore.klingai.com"


def test_without_any_key_the_error_lists_the_ways() -> None:
    """A newcomer learns where a key can come from."""
    with pytest.raises(ValueError, match="KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"):
        settings_from({}, None, None, None, None, None, None, {})


@pytest.mark.parametrize(
    "url", ["ftp://a", "localhost:3000", "https://", "https://u:p@host", "https://host/?a=b"]
)
def test_a_base_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    """A wrong `KLING_BASE_URL` fails at once, not at the first call."""
    with pytest.raises(ValueError, match="base_url") as caught:
        settings_from({"KLING_BASE_URL": url}, "a|b", None, None, None, None, None, {})
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"timeout": -1}, {"wait_timeout": float("nan")}])
def test_an_option_that_makes_no_sense_is_refused(changes: dict[str, float]) -> None:
    """Negative and undefined seconds are refused when they are set."""
    with pytest.raises(ValueError, match="must be 0 or more"):
        settings_from({}, "a|b", None, None, None, None, None, changes)
    with pytest.raises(TypeError, match="unknown option 'retires'"):
        settings_from({}, "a|b", None, None, None, None, None, {"retires": 1})


OLD, NEW = ApiKey("old"), ApiKey("new")
FORMS = "a key is 'AK|SK', an access key with its secret key, or an API key"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", f"the key is empty; {FORMS}, several of them one per line"),
        ("|sk", "the key has an empty half; a pair must be 'AK|SK'"),
        ("ak| ", "the key has an empty half; a pair must be 'AK|SK'"),
        ("Bearer x", f"the key begins with 'Bearer'; give the key alone; {FORMS}"),
        ("https://a", f"the key is a URL; pass an address as base_url; {FORMS}"),
        ("'key", f"the key is in quotation marks; leave them out; {FORMS}"),
        ('key"', f"the key is in quotation marks; leave them out; {FORMS}"),
        ("ak\uff5csk", f"the key has a full-width bar; it must be |; {FORMS}"),
        ("a k", f"the key has a space or line break in the middle; {FORMS}"),
        ("k\xe9y", f"the key has a character that a key cannot have; copy it again; {FORMS}"),
        ("k\x00y", f"the key has a character that a key cannot have; copy it again; {FORMS}"),
        ("a k|sk", f"the access key has a space or line break in the middle; {FORMS}"),
        ("ak|s k", f"the secret key has a space or line break in the middle; {FORMS}"),
    ],
)
def test_what_cannot_be_a_key_reads(text: str, words: str) -> None:
    """What is wrong with it; never the key."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse_keys(text)
    assert str(refused.value) == words
    with pytest.raises(TypeError, match=r"^the key is a int; it must be text: a key is"):
        parse_keys(5)  # type: ignore[arg-type]  # the mistake under test


def test_a_key_shows_no_secret() -> None:
    """A pair shows the beginning of its public half; a ring shows neither keys nor tokens."""
    assert repr(AccessKey("access", "secret")) == "AccessKey(access_key='acce...')"
    assert repr(NEW) == "ApiKey()"
    ring = Keyring([PAIR])
    ring.header(NOW)
    assert "secret" not in repr(ring)
    assert "eyJ" not in repr(ring)


def test_a_ring_turns_round_and_only_for_the_key_in_use() -> None:
    """Behind the last key comes the first; another thread may have turned already."""
    ring = Keyring([OLD, PAIR, NEW])
    ring.turn("Bearer other")
    assert ring.current is OLD
    for key in (PAIR, NEW, OLD):
        ring.turn(ring.header(NOW))
        assert ring.current is key
    ring = Keyring([PAIR, NEW])
    ring.turn("Bearer other")
    assert ring.current is PAIR


def test_a_token_belongs_to_its_key() -> None:
    """Two pairs take turns, each with a token of its own."""
    other = AccessKey("other", "secret".ljust(32))
    ring = Keyring([PAIR, other])
    first = ring.header(NOW)
    assert ring.header(NOW + 1) == first
    assert ring.header_of(other, NOW) != first
    assert ring.header(NOW, fresh=True) == first  # minted in the same second
    assert claims(ring.header_of(other, NOW))["iss"] == "other"


def test_a_call_that_is_held_uses_one_key_whatever_the_server_says() -> None:
    """Only that one can find out the outcome of its create."""
    ring = Keyring([OLD, NEW])
    call = CallKeys(ring)
    assert (call.current, list(call.keys)) == (OLD, [OLD, NEW])
    call.hold()
    assert list(call.keys) == [OLD, NEW]  # no key was used yet
    assert call.header(NOW) == "Bearer old"
    assert (call.current, list(call.keys)) == (OLD, [OLD])
    call.turn("Bearer old")
    assert ring.current is OLD
    ring.turn("Bearer old")
    assert (call.header(NOW), call.current) == ("Bearer old", OLD)


def test_a_call_that_is_not_held_follows_the_ring() -> None:
    """Each of its requests is signed by the key in use."""
    ring = Keyring([OLD, NEW])
    call = CallKeys(ring)
    assert call.header(NOW) == "Bearer old"
    call.turn("Bearer old")
    assert (call.current, call.header(NOW), call.current) == (OLD, "Bearer new", NEW)
    call.hold()
    assert list(call.keys) == [NEW]
