"""Signed tokens are read as PyJWT reads them, which another team keeps and the client uses."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any, Final

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.kling.model.tokens import read_token

SECRET: Final = "a secret of more than thirty-two letters"
VALUES: Final = st.text(max_size=5) | st.integers() | st.floats(allow_nan=False) | st.none()
CLAIMS: Final = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "name", ""]), VALUES | st.lists(VALUES, max_size=2)
)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


HEAD: Final = part({"alg": "HS256", "typ": "JWT"})
PAYLOAD: Final = part({"iss": "key", "exp": 1})


def verdict(token: str, secret: str) -> dict[str, Any] | None:
    """Return the claims if *secret* has signed *token*, else `None`."""
    try:
        read = read_token(token)
    except ValueError:
        return None
    return dict(read.claims) if read.is_signed_with(secret) else None


def oracle(token: str, secret: str) -> dict[str, Any] | None:
    """Return the same as PyJWT says it, which is not asked about times and names."""
    unchecked: Any = {
        f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
    }
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options=unchecked)
    except jwt.PyJWTError:
        return None


@given(CLAIMS, st.sampled_from([SECRET, SECRET + "x"]))
def test_what_pyjwt_has_signed_is_read(claims: dict[str, Any], secret: str) -> None:
    """Its claims are read, only with the secret that has signed it."""
    token = jwt.encode(claims, secret, algorithm="HS256")
    assert read_token(token).claims == claims
    assert verdict(token, SECRET) == oracle(token, SECRET)


@given(st.data())
def test_no_altered_token_is_taken(data: st.DataObject) -> None:
    """One character is another, missing or too many: it is refused, or PyJWT takes it, too."""
    token = jwt.encode({"iss": "key", "exp": 1}, SECRET, algorithm="HS256")
    at = data.draw(st.integers(0, len(token)))
    new = data.draw(st.sampled_from(["", "A", "_", ".", "=", "+", " ", "é"]))
    altered = token[:at] + new + token[at + data.draw(st.integers(0, 1)) :]
    claims = verdict(altered, SECRET)
    assert claims is None or claims == oracle(altered, SECRET)


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode({"iss": "key"}, "", algorithm="none"),
        jwt.encode({"iss": "key"}, SECRET * 2, algorithm="HS512"),
        f"{part({})}.{PAYLOAD}.AAAA",
        f"{part('HS256')}.{PAYLOAD}.AAAA",
        f"{HEAD}.{part(['iss'])}.AAAA",
        f"{HEAD}.bm90IGpzb24.AAAA",
        f"{HEAD}.{PAYLOAD}.A",
        f"{HEAD}.{PAYLOAD}.A?==",
        f"{HEAD}.{base64.urlsafe_b64encode(b'[' * 5000).decode().rstrip('=')}.AAAA",
        f"{HEAD}.{base64.urlsafe_b64encode(bytes([255] * 30)).decode().rstrip('=')}.AAAA",
        "..",
        f"{HEAD}.{PAYLOAD}",
        f"{HEAD}.{PAYLOAD}.AAAA.AAAA",
        f"{HEAD}.{PAYLOAD}.é",
    ],
)
def test_what_is_no_such_token_is_refused(token: str) -> None:
    """This covers other algorithms or none, parts that are not JSON objects, and deep nesting."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text does not say which of the faults it is
        read_token(token)


@pytest.mark.slow
def test_a_signed_request_loads_no_cryptography() -> None:
    """A server would be a fifth larger with it. Control: PyJWT loads it where it is installed."""
    program = """
import sys
from kling_mock import KlingMock
import http.client, json, base64, hmac, time
with KlingMock(relay=False) as mock:
    now = int(time.time())
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")
    signed = part(b'{"alg":"HS256"}') + b"." + part(
        json.dumps({"iss": mock.access_key, "exp": now + 1800, "nbf": now - 5}).encode())
    made = part(hmac.digest(mock.secret_key.encode(), signed, "sha256"))
    token = (signed + b"." + made).decode()
    host = mock.kling_url.partition("://")[2]
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/v1/videos/text2video", headers={"Authorization": "Bearer " + token})
    print(connection.getresponse().status, "cryptography" in sys.modules, "jwt" in sys.modules)
import jwt
print("cryptography" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["200 False False", "True"]
