"""Default clients over TLS: the certificate is checked, and calls work as without it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, Kling, TransportError
from kling_sdk.transports import default


@pytest.fixture
def mock(certificate: tuple[Path, Path]) -> Iterator[KlingMock]:
    with KlingMock(tls_cert=str(certificate[0]), tls_key=str(certificate[1])) as server:
        yield server


@pytest.fixture
def _trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    default.shared_ssl_context.cache_clear()
    yield
    default.shared_ssl_context.cache_clear()


def key(mock: KlingMock) -> str:
    return f"{mock.access_key}|{mock.secret_key}"


@pytest.mark.usefixtures("_trusted")
def test_a_sync_client_trusts_what_the_environment_names(mock: KlingMock, tmp_path: Path) -> None:
    """`SSL_CERT_FILE` adds a company's own authority, for calls and for files."""
    with Kling(key(mock), base_url=mock.kling_url) as kling:
        task = kling.text2video.create(prompt="a kitten" * 100)
        mock.clock.advance(600)
        task = kling.text2video.get(task.task_id)
        assert kling.download(task.videos[0], tmp_path / "clip.mp4").size > 1000


@pytest.mark.usefixtures("_trusted")
async def test_an_async_client_trusts_what_the_environment_names(
    mock: KlingMock, tmp_path: Path
) -> None:
    """The same, awaited."""
    async with AsyncKling(key(mock), base_url=mock.kling_url) as kling:
        task = await kling.text2video.create(prompt="a kitten" * 100)
        await mock.clock.aadvance(600)
        task = await kling.text2video.get(task.task_id)
        assert (await kling.download(task.videos[0], tmp_path / "clip.mp4")).size > 1000


async def test_a_host_with_a_certificate_of_nobody_gets_nothing(mock: KlingMock) -> None:
    """No key, prompt or picture goes to a host that cannot prove its name."""
    with Kling(key(mock), base_url=mock.kling_url, retries=0) as kling:
        with pytest.raises(TransportError) as caught:
            kling.text2video.create(prompt="a kitten")
        assert not caught.value.maybe_sent
    async with AsyncKling(key(mock), base_url=mock.kling_url, retries=0) as akling:
        with pytest.raises(TransportError) as caught:
            await akling.text2video.create(prompt="a kitten")
        assert not caught.value.maybe_sent
    assert not mock.journal


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
async def test_a_client_trusts_what_its_context_names(
    mock: KlingMock, certificate: tuple[Path, Path], proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ssl_context` is for one client alone, also where the environment names a proxy."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Kling(key(mock), base_url=mock.kling_url, ssl_context=context, retries=0) as kling:
        assert kling.text2video.create(prompt="a kitten").task_id
    async with AsyncKling(key(mock), base_url=mock.kling_url, ssl_context=context) as akling:
        assert (await akling.text2video.create(prompt="a kitten")).task_id
    with (
        Kling(key(mock), base_url=mock.kling_url, retries=0) as kling,
        pytest.raises(TransportError),
    ):
        kling.text2video.create(prompt="a kitten")
