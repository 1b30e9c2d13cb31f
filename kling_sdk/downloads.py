"""`download` of both clients: one name, whose result depends on where the bytes go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, overload

from kling_sdk import operations
from kling_sdk.results import Download, ResultFile

if TYPE_CHECKING:
    from kling_sdk.files.receiving import OnProgress
    from kling_sdk.runner import AsyncRunner, SyncRunner

__all__ = ["AsyncDownloads", "Downloads"]


class Downloads:
    """The part of `Kling` that fetches files."""

    _runner: SyncRunner

    @overload
    def download(
        self,
        video: ResultFile | str,
        to: None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> bytes: ...
    @overload
    def download(
        self,
        video: ResultFile | str,
        to: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> Download: ...
    @overload
    def download(
        self,
        video: ResultFile | str,
        to: BinaryIO,
        *,
        on_progress: OnProgress | None = None,
    ) -> int: ...
    def download(
        self,
        video: ResultFile | str,
        to: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Download | bytes | int:
        """Fetch a result: to a file, whole or not at all, to memory or into a stream.

        Args:
            video: The video, picture, sound or subtitles, or a URL. Of a sound it is the MP3, and
                to a path that ends in `.wav` the WAV, if there is one.
            to: A path: the file, replaced if it is there; or a folder, which gets a name
                inside. None: memory. A binary file object: the bytes are written to it as
                they come; it is not closed, and keeps what it has when the download fails.
            on_progress: Called with the bytes received so far, and with how many there are, or
                None when the host does not announce it. What it raises is logged.

        Returns:
            For a path its `Download`; for None the bytes; for a file object their number.

        Raises:
            DownloadError: it is gone, empty, a page instead of a file, larger than
                `max_download` (4 GiB; 256 MiB to memory), cut short, its host does not answer,
                `download_timeout` is over, or the file cannot be written.
        """
        made: Download | bytes | int = self._runner.run(operations.download(video, to, on_progress))
        return made


class AsyncDownloads:
    """The part of `AsyncKling` that fetches files."""

    _runner: AsyncRunner

    @overload
    async def download(
        self,
        video: ResultFile | str,
        to: None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> bytes: ...
    @overload
    async def download(
        self,
        video: ResultFile | str,
        to: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> Download: ...
    @overload
    async def download(
        self,
        video: ResultFile | str,
        to: BinaryIO,
        *,
        on_progress: OnProgress | None = None,
    ) -> int: ...
    async def download(
        self,
        video: ResultFile | str,
        to: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Download | bytes | int:
        """Fetch a video to a file, to memory, or into a stream; see `Kling.download`.

        A stream's `write` is called on a worker thread, *on_progress* on the event loop.
        """
        made: Download | bytes | int = await self._runner.run(
            operations.download(video, to, on_progress)
        )
        return made
