"""Result files over HTTP: whole, in ranges, resumed, and gone after 30 days."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.kling.media.urls import (
    NamedFile,
    UnsatisfiableError,
    byte_range,
    file_named_by,
    file_url,
    video_url,
)

LIST = "/v1/videos/text2video"


@pytest.fixture
def video(api: Any, mock: Any) -> dict[str, str]:
    """The result of a finished task of 10 seconds."""
    task_id = api.new(duration="10", watermark_info={"enabled": True})
    mock.complete(task_id)
    (output,) = api.task(task_id)["task_result"]["videos"]
    return dict(output)


def test_the_whole_file(api: Any, video: dict[str, str]) -> None:
    """200 with its length, type and tag; no credentials are needed."""
    reply = api.http.get(video["url"])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "video/mp4"
    assert reply.headers["accept-ranges"] == "bytes"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.content[4:8] == b"ftyp"
    assert reply.headers["etag"].startswith('"')


def test_head(api: Any, video: dict[str, str]) -> None:
    """HEAD has the headers of GET and no body."""
    whole = api.http.get(video["url"])
    head = api.http.head(video["url"])
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-type", "last-modified"):
        assert head.headers[name] == whole.headers[name]


def test_a_download_in_ranges(api: Any, video: dict[str, str]) -> None:
    """The parts joined are the file."""
    whole = api.http.get(video["url"]).content
    parts = b""
    for start in range(0, len(whole), 5000):
        reply = api.http.get(video["url"], headers={"Range": f"bytes={start}-{start + 4999}"})
        assert reply.status_code == 206
        stop = min(start + 5000, len(whole))
        assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
        parts += reply.content
    assert parts == whole


def test_resuming(api: Any, video: dict[str, str]) -> None:
    """With If-Range the rest comes if the file is the same, and the whole file if it is not."""
    whole = api.http.get(video["url"])
    rest = {"Range": "bytes=100-"}
    for same in (whole.headers["etag"], whole.headers["last-modified"]):
        reply = api.http.get(video["url"], headers=rest | {"If-Range": same})
        assert (reply.status_code, reply.content) == (206, whole.content[100:])
    reply = api.http.get(video["url"], headers=rest | {"If-Range": '"another"'})
    assert (reply.status_code, reply.content) == (200, whole.content)


def test_not_modified(api: Any, video: dict[str, str]) -> None:
    """A client that has the file already gets 304."""
    etag = api.http.get(video["url"]).headers["etag"]
    reply = api.http.get(video["url"], headers={"If-None-Match": etag})
    assert (reply.status_code, reply.content) == (304, b"")


@pytest.mark.parametrize("header", ["*", "W/{}", '"a", {}', '"a" ,W/{}'])
def test_not_modified_by_other_forms(api: Any, video: dict[str, str], header: str) -> None:
    """`*` is any file, tags may be weak or in a list (RFC 9110, 13.1.2)."""
    etag = api.http.get(video["url"]).headers["etag"]
    reply = api.http.get(video["url"], headers={"If-None-Match": header.format(etag)})
    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("header", ['"a"', '"*"', "a{}", '"*", "a"'])
def test_control_another_tag_is_no_match(api: Any, video: dict[str, str], header: str) -> None:
    """The whole file comes; part of a tag, and a star among tags, are other tags."""
    etag = api.http.get(video["url"]).headers["etag"]
    reply = api.http.get(video["url"], headers={"If-None-Match": header.format(etag)})
    assert reply.status_code == 200


def test_head_knows_no_ranges(api: Any, video: dict[str, str]) -> None:
    """It is as without them, also behind the end: they are for GET only (RFC 9110, 14.2)."""
    size = len(api.http.get(video["url"]).content)
    for range_header in ("bytes=0-99", f"bytes={size}-"):
        head = api.http.head(video["url"], headers={"Range": range_header})
        assert (head.status_code, int(head.headers["content-length"])) == (200, size)
        assert "content-range" not in head.headers


def test_the_unit_of_a_range_is_in_any_case(api: Any, video: dict[str, str]) -> None:
    """`Bytes=` is `bytes=` (RFC 9110, 14.1)."""
    reply = api.http.get(video["url"], headers={"Range": "Bytes=0-99"})
    assert (reply.status_code, len(reply.content)) == (206, 100)


def test_behind_the_end(api: Any, video: dict[str, str]) -> None:
    """416 with the length of the file."""
    size = len(api.http.get(video["url"]).content)
    reply = api.http.get(video["url"], headers={"Range": f"bytes={size}-"})
    assert reply.status_code == 416
    assert reply.headers["content-range"] == f"bytes */{size}"


def test_every_result_is_another_file(api: Any, mock: Any, video: dict[str, str]) -> None:
    """Two tasks, and a file with and without watermark, have different tags."""
    other = api.new(duration="10")
    mock.complete(other)
    urls = [
        video["url"],
        video["watermark_url"],
        api.task(other)["task_result"]["videos"][0]["url"],
    ]
    assert len({api.http.head(url).headers["etag"] for url in urls}) == 3


def test_what_is_not_there(api: Any, mock: Any, video: dict[str, str]) -> None:
    """Unfinished, failed, unknown and unwatermarked results, and other methods, are 404."""
    failed = api.new()
    mock.fail(failed)
    done = api.new()
    mock.complete(done)
    base = f"{mock.kling_url}/media/videos"
    for name in (
        f"{int(api.new()) + 1}.mp4",
        f"{int(failed) + 1}.mp4",
        f"{int(done) + 1}-watermark.mp4",
        f"{done}.mp4",
        "000000000000000000.mp4",
        "a.mp4",
    ):
        reply = api.http.get(f"{base}/{name}")
        assert (reply.status_code, reply.json()["error"]) == (404, "Not Found")
    assert api.http.post(video["url"]).status_code == 404


def test_results_are_kept_for_30_days(api: Any, mock: Any, video: dict[str, str]) -> None:
    """A result is there until 30 days after its end, by the mock's clock; the task stays."""
    mock.clock.advance(30 * 86400 - 1)
    assert api.http.head(video["url"]).status_code == 200
    mock.clock.advance(1)
    assert api.http.head(video["url"]).status_code == 404


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=10-1000", (10, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        (" bytes=1-2 ", (1, 3)),
        ("BYTES=1-2", (1, 3)),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-99999999999999999999", None),
    ],
)
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    """One range of bytes is read; anything else means the whole file."""
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_that_cannot_be_met(header: str) -> None:
    """A range behind the end, and the last 0 bytes, cannot be met."""
    with pytest.raises(UnsatisfiableError):
        byte_range(header, 100)


def test_urls_are_read_as_they_are_written() -> None:
    """The id in a URL is found again."""
    for watermark in (False, True):
        url = video_url("http://a:1", "8" * 18, watermark=watermark)
        file = file_named_by(url.removeprefix("http://a:1"))
        assert file == NamedFile("video", "8" * 18, 0, watermark, "mp4")
    picture = NamedFile("image", "8" * 18, 7, is_marked=True, suffix="png")
    assert file_named_by(file_url("", picture)) == picture


@pytest.mark.parametrize(
    "path",
    ["videos/{}-1.mp4", "videos/{}.png", "images/{}.png", "images/{}-01.png", "sounds/{}.wav"],
)
def test_paths_of_no_file(path: str) -> None:
    """Only what the server writes is a path of a result."""
    assert file_named_by(f"/media/{path.format('8' * 18)}") is None
