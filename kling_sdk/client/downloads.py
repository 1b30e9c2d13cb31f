"""`download` of both clients: one name, whose result depends on where the bytes go."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.flows import Context, Flow, Operation
from kling_sdk.hooks import check_hook
from kling_sdk.results.task import Download, ResultFile
from kling_sdk.text.hidden import hide

if TYPE_CHECKING:
    from kling_sdk.files.receiving import OnProgress


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
            video: The video, picture, sound or subtitles, or a URL. For a sound this is the MP3; if
                the path ends in `.wav`, it is the WAV, if there is one.
            to: A path: the file, replaced if it is there; or a folder, which gets a name
                inside: the id of a video or sound, else the end of the URL and a digest of it, so
                that two results never replace each other. None: memory. A binary file object: the
                bytes are written to it as they come; it is not closed, and keeps what it has when
                the download fails.
            on_progress: Called with the bytes received so far, and with the total, or None when the
                host does not announce it. What it raises is logged.

        Returns:
            For a path its `Download`; for None the bytes; for a file object their number.

        Raises:
            DownloadError: the file is gone, empty, a page instead of a file, larger than
                `max_download` (4 GiB; 256 MiB to memory), cut short, its host does not respond,
                `download_timeout` is over, or the file cannot be written.
        """
        video = hide(video)
        download: Download | bytes | int = self._runner.run(
            _download(video, to, on_progress, is_async=False)
        )
        return download


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

        A stream's `write` is called on a worker thread, *on_progress* on the event loop, where its
        return value is awaited.
        """
        video = hide(video)
        download: Download | bytes | int = await self._runner.run(
            _download(video, to, on_progress, is_async=True)
        )
        return download


def _download(
    video: ResultFile | str,
    to: str | os.PathLike[str] | BinaryIO | None,
    on_progress: OnProgress | None,
    *,
    is_async: bool,
) -> Operation[Any]:
    """Return the operation; a path is opened when it starts."""
    from kling_sdk.files.target import url_for
    from kling_sdk.flows.download import download

    check_hook("on_progress", on_progress, is_async=is_async)
    argument: object = video  # a caller may not run a type checker
    if not isinstance(argument, ResultFile | str):
        raise TypeError(
            "download takes a Video, Image, Audio or Subtitles, such as task.videos[0], or a URL, "
            f"not a {type(argument).__name__}"
        )
    url, target, max_bytes = url_for(video, to), *_target(video, to)

    def start(ctx: Context) -> Flow[Any]:
        limit = ctx.options.max_download
        return download(
            ctx, url, partial(target, max_bytes if limit is None else limit, on_progress)
        )

    return Operation("download", start)


def _target(
    video: ResultFile | str, to: str | os.PathLike[str] | BinaryIO | None
) -> tuple[Callable[[int, OnProgress | None], Any], int]:
    """Return a function that opens the target of a download, and its default limit in bytes."""
    from kling_sdk.files import streams
    from kling_sdk.files.target import MAX_FILE, FileTarget, place_for

    if to is None:
        return streams.MemoryTarget, streams.MAX_MEMORY
    if isinstance(to, str | os.PathLike):
        return partial(FileTarget, place_for(video, to)), MAX_FILE
    streams.check_stream(to)
    return partial(streams.StreamTarget, to), MAX_FILE
