"""Snapshots of a server whose relay is used."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.plain_http import NO_TLS


def test_a_client_of_the_relay_goes_on_after_a_restore(mock: KlingMock) -> None:
    """Its task is open again and can be waited for again, and the money is back."""
    with mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        quota = mock.ledger.user().quota
        for _ in range(2):
            assert kling.text2video.wait(task).is_succeed
            assert mock.ledger.user().quota < quota
            mock.restore(snapshot)
            assert mock.ledger.user().quota == quota
            assert kling.text2video.get(task.task_id).status == "submitted"
        mock.ledger.assert_balanced()


def test_a_snapshot_from_before_the_relay_was_used(mock: KlingMock) -> None:
    """The relay is new after its restore, as it was then: the same first id."""
    snapshot = mock.snapshot()
    ids: list[str] = []
    with mock.relay_client() as kling:
        for _ in range(2):
            ids.append(kling.text2video.create(prompt="a kitten").task_id)
            mock.restore(snapshot)
    assert ids[0] == ids[1]


def test_a_reset_between_snapshot_and_restore(mock: KlingMock) -> None:
    """It does not reach what a snapshot holds of the relay."""
    with mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        mock.reset(seed=9)
        mock.restore(snapshot)
        assert kling.text2video.wait(task).is_succeed


def test_a_server_that_was_started_again_since() -> None:
    """The ports are others then: the relay has its rows back, and works on them from there."""
    mock = KlingMock(seed=1)
    with mock, mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
    mock.restore(snapshot)
    for _ in range(2):
        with mock, mock.relay_client() as kling:
            mock.restore(snapshot)
            assert kling.text2video.wait(task).is_succeed
            assert len({kling.text2video.create(prompt="b").task_id, task.task_id}) == 2
            mock.ledger.assert_balanced()


def test_a_relay_with_a_database_cannot_be_kept(tmp_path: Path) -> None:
    """The refusal says why, and what to do; a server without a relay can be kept."""
    url = f"sqlite:///{tmp_path}/relay.db"
    with (
        KlingMock(relay=RelaySettings(database=url)) as mock,
        pytest.raises(RuntimeError, match=r"in a database, .* Leave out database="),
    ):
        mock.snapshot()
    with KlingMock(relay=False) as mock:
        mock.restore(mock.snapshot())


def test_the_callback_of_the_guides_test_counts_after_a_restore() -> None:
    """With `test_callback`, it gives the restored task its own result, not the old one."""
    video = {"id": "video_123", "url": "https://cdn.example/v.mp4", "duration": "5"}
    report = {"task_id": "1", "task_status": "succeed", "task_result": {"videos": [video]}}
    with (
        KlingMock(seed=1, relay=RelaySettings(test_callback=True)) as mock,
        mock.relay_client() as kling,
    ):
        task = kling.text2video.create(prompt="a kitten")
        url = f"{mock.relay_url}/kling/callback/{task.task_id}"
        snapshot = mock.snapshot()
        for _ in range(2):
            mock.restore(snapshot)
            assert not kling.text2video.get(task.task_id).is_done
            assert httpx.post(url, json=report, trust_env=False, verify=NO_TLS).status_code == 200
            assert kling.text2video.get(task.task_id).videos[0].url == video["url"]
