"""The certificate of a server, by which its own clients know it."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.web.tls import ServerCertificate, server_context
from tests.mock.garbage import garbage
from tests.mock.server.test_trust import self_signed


def test_only_the_first_certificate_of_a_file_is_trusted(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """What follows in the file are authorities, and others may have certificates of those."""
    other = self_signed(tmp_path, "other")
    chain = tmp_path / "chain.pem"
    chain.write_text(f"# mine\n{certificate[0].read_text()}{other[0].read_text()}")
    first = ServerCertificate(str(chain)).client_context
    with (
        KlingMock(tls_cert=str(chain), tls_key=str(certificate[1])) as mock,
        KlingMock(tls_cert=str(other[0]), tls_key=str(other[1])) as second,
        httpx.Client(verify=first, trust_env=False) as client,
    ):
        assert client.get(f"{mock.kling_url}/openapi.json").status_code == 200
        with pytest.raises(httpx.ConnectError):
            client.get(f"{second.kling_url}/openapi.json")


def test_a_file_without_a_certificate(tmp_path: Path) -> None:
    """The error names the setting and the file; a key alone is refused as before."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ValueError, match=r"tls_cert: .*empty\.pem must have a certificate"):
        ServerCertificate(str(empty))
    with pytest.raises(ValueError, match="tls_key: must come with tls_cert"):
        server_context(None, "key.pem")
    assert server_context(None, None) is None


@pytest.mark.slow
def test_a_client_that_does_not_end_its_connection_leaves_no_socket(
    certificate: tuple[Path, Path],
) -> None:
    """A stop ends it at once, without the half minute that TLS waits for the client's own end."""
    cert, key = map(str, certificate)
    context = ssl.create_default_context(cafile=cert)
    mock = KlingMock(tls_cert=cert, tls_key=key)
    mock.start()
    with closing(
        http.client.HTTPSConnection(urlsplit(mock.kling_url).netloc, context=context)
    ) as client:
        client.request("GET", "/openapi.json")
        client.getresponse().read()
        with garbage() as left:
            mock.stop()
            del mock
    assert [item for item in left if isinstance(item, socket.socket) and item.fileno() >= 0] == []
