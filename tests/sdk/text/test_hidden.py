"""Texts that are not shown, nor are their parts."""

from __future__ import annotations

import pytest

from kling_sdk.text.hidden import Hidden, HiddenBytes, Private


@pytest.mark.parametrize("kind", [Hidden, Private])
def test_a_part_of_a_hidden_text_is_hidden(kind: type[Hidden]) -> None:
    """A collector of errors shortens a long text before it shows it."""
    header = kind("Bearer canary " * 20)
    for part in (header[:80], header[-80:], header[::2], header[0]):
        assert type(part) is kind
        assert repr(part) == f"<{len(part)} characters>"
    assert header[:6] == "Bearer"


def test_a_part_of_hidden_bytes_is_hidden() -> None:
    """One byte is a number, as of any bytes."""
    body = HiddenBytes(b"canary " * 20)
    assert repr(body[:80]) == "<80 bytes>"
    assert (body[:6], body[0]) == (b"canary", 99)
