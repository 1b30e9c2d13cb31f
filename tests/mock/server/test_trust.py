"""A server with a certificate of its own: everything that belongs to it trusts it, and only it."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, Kling, TransportError

LIST = "/v1/videos/text2video"


def self_signed(folder: Path, name: str, names: str = "DNS:kling.test") -> tuple[Path, Path]:
    """Make a self-signed certificate."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name}"
    more = ["-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*words.split(), *more], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for another name than the server's address."""
    return self_signed(tmp_path_factory.mktemp("other"), "other")


def server(files: tuple[Path, Path], **settings: Any) -> KlingMock:
    return KlingMock(tls_cert=str(files[0]), tls_key=str(files[1]), **settings)


@pytest.fixture
def mock(certificate: tuple[Path, Path]) -> Iterator[KlingMock]:
    with server(certificate) as running:
        yield running


def test_the_relay_and_the_clients_trust_their_own_server(mock: KlingMock, tmp_path: Path) -> None:
    """A video, a download and a video through the relay, by callback; all of it over https."""
    with mock.client() as kling:
        assert mock.kling_url.startswith("https://")
        task = kling.text2video.run(prompt="a kitten")
        assert kling.download(task.videos[0], tmp_path / "clip.mp4").size > 1000
    with mock.relay_client() as kling:
        assert mock.relay_url.startswith("https://")
        task = kling.text2video.create(prompt="a kitten")
        mock.clock.advance(1800)
        assert kling.text2video.get(task.task_id).is_succeed
    assert {delivery.state for delivery in mock.deliveries} == {"delivered"}
    mock.ledger.assert_balanced()


async def test_the_async_clients_do_too(mock: KlingMock, tmp_path: Path) -> None:
    """The same, awaited."""
    async with mock.async_client() as kling:
        task = await kling.text2video.run(prompt="a kitten")
        assert (await kling.download(task.videos[0], tmp_path / "clip.mp4")).size > 1000
    async with mock.async_relay_client() as kling:
        assert (await kling.text2video.run(prompt="a kitten")).is_succeed


async def test_a_client_without_that_trust_fails(mock: KlingMock) -> None:
    """The negative control: the trust of other clients is unchanged."""
    key = f"{mock.access_key}|{mock.secret_key}"
    with (
        Kling(key, base_url=mock.kling_url, retries=0, trust_env=False) as kling,
        pytest.raises(TransportError, match="certificate"),
    ):
        kling.text2video.create(prompt="a kitten")
    async with AsyncKling(key, base_url=mock.kling_url, retries=0, trust_env=False) as akling:
        with pytest.raises(TransportError, match="certificate"):
            await akling.text2video.create(prompt="a kitten")
    async with httpx.AsyncClient(trust_env=False) as plain:
        with pytest.raises(httpx.ConnectError):
            await plain.get(mock.relay_url)
    assert not mock.journal


async def test_the_trust_is_in_this_certificate_alone(
    mock: KlingMock, other: tuple[Path, Path]
) -> None:
    """A client of one server does not trust another, although that one is on this computer."""
    with server(other) as second:
        with (
            mock.client(base_url=second.kling_url, retries=0) as kling,
            pytest.raises(TransportError, match="certificate"),
        ):
            kling.text2video.create(prompt="a kitten")
        async with mock.async_client(base_url=second.kling_url, retries=0) as akling:
            with pytest.raises(TransportError, match="certificate"):
                await akling.text2video.create(prompt="a kitten")
        assert not second.journal


def test_the_relay_trusts_no_other_server(mock: KlingMock, other: tuple[Path, Path]) -> None:
    """A second channel that leads to a server with another certificate gets no key."""
    with server(other) as second:
        bearer = {"Authorization": f"Bearer {mock.admin_token}"}
        channel = {
            "name": "second",
            "base_url": second.kling_url,
            "key": f"{second.access_key}|{second.secret_key}",
            "priority": 10,
        }
        url = f"{mock.relay_url}/__kling/relay/channels"
        with httpx.Client(verify=mock.ssl_context or False, trust_env=False) as client:
            assert client.post(url, json=channel, headers=bearer).status_code == 200
        with mock.relay_client() as kling:  # fails over to the first
            assert kling.text2video.create(prompt="a kitten").task_id
        assert not second.journal
        assert len(mock.journal) == 1


def test_the_names_in_the_certificate_decide_nothing(other: tuple[Path, Path]) -> None:
    """One for `kling.test` does for a server that is called by 127.0.0.1: it is compared itself."""
    with server(other) as mock, mock.relay_client() as kling:
        assert kling.text2video.run(prompt="a kitten").is_succeed


def test_callbacks_reach_the_relay_also_where_every_host_is_allowed(
    certificate: tuple[Path, Path],
) -> None:
    """`callback_hosts="*"` asks other hosts for a valid certificate, not this computer."""
    with server(certificate, callback_hosts="*") as mock, mock.relay_client() as kling:
        kling.text2video.create(prompt="a kitten")
        mock.clock.advance(1800)
        assert {delivery.state for delivery in mock.deliveries} == {"delivered"}


def test_it_outlives_a_restore_and_a_restart(mock: KlingMock) -> None:
    """The relay of a snapshot, and that of a second start, trust the server as before."""
    with mock.relay_client() as kling:
        kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        kling.text2video.create(prompt="a dog")
        mock.restore(snapshot)
        assert kling.text2video.create(prompt="a dog").task_id
    mock.stop()
    mock.start()
    with mock.relay_client() as kling:
        assert kling.text2video.create(prompt="a bird").task_id


def test_without_a_certificate_nothing_is_needed() -> None:
    """Plain http works as before, and has no TLS to hand out."""
    with KlingMock() as mock, mock.client() as kling, mock.relay_client() as relayed:
        assert mock.ssl_context is None
        assert kling.text2video.run(prompt="a kitten").is_succeed
        assert relayed.text2video.run(prompt="a kitten").is_succeed


def test_a_client_of_ones_own_may_keep_its_own_settings(mock: KlingMock) -> None:
    """`http_client=` wins, and `mock.ssl_context` is for such a client."""
    with (
        httpx.Client(verify=mock.ssl_context or False, trust_env=False) as http,
        mock.client(http_client=http) as kling,
    ):
        assert kling.text2video.create(prompt="a kitten").task_id


def test_the_context_still_verifies(mock: KlingMock) -> None:
    """It requires a certificate, and trusts one certificate instead of an authority."""
    context = mock.ssl_context
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs(binary_form=True)) <= 1
