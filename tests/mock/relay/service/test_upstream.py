"""What the relay knows Kling by."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from kling_mock import KlingMock
from tests.mock.relay.http_calls import Caller, error_of


def test_its_own_kling_is_known_by_its_certificate(certificate: tuple[Path, Path]) -> None:
    """No authority has issued it, and no setting names it: it is trusted at this address alone."""
    cert, key = map(str, certificate)
    trust = ssl.create_default_context(cafile=cert)
    with (
        KlingMock(tls_cert=cert, tls_key=key) as mock,
        httpx.Client(base_url=mock.relay_url, verify=trust, timeout=20) as client,
    ):
        caller = Caller(client, mock)
        assert caller.create().json()["kling_task_id"]
        url = mock.kling_url.replace("127.0.0.1", "localhost")
        caller.operate("PATCH", "channels/1", json={"base_url": url})
        assert error_of(caller.create()) == (503, "upstream_error", "upstream_unreachable")
