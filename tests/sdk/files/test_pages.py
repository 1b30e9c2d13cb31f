"""Telling a page from a file: HTML, XML and JSON are refused, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.files.pages import HEAD, page_kind

PAGES = [
    (b"<html><body>expired</body></html>", "", "HTML"),
    (b"<!DOCTYPE html>\n<title>Log in</title>", "video/mp4", "HTML"),
    (b"\xef\xbb\xbf\r\n <HTML>", "application/octet-stream", "HTML"),
    ("<p>链接已过期</p>".encode(), "text/html; charset=utf-8", "HTML"),
    (b"please log in", "text/html", "HTML"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "", "XML"),
    (b"AccessDenied", "Application/XML; charset=UTF-8", "XML"),
    (b'{"code": 1001, "message": "expired"}', "", "JSON"),
    (b"{}", "", "JSON"),
    (b'[{"error": 1}]', "binary/octet-stream", "JSON"),
    (b"null", "application/json", "JSON"),
    ("<p>链接已过期</p>".encode("gbk"), "text/html; charset=gbk", "HTML"),
    ("<html><p>链接已过期</p>".encode("gb18030"), "", "HTML"),
    ("链接已过期".encode("gbk"), "text/html; charset=gbk", "HTML"),
    ("<p>連結已過期</p>".encode("big5"), "video/mp4", "HTML"),
    ("<p>期限切れのリンク</p>".encode("iso-2022-jp"), "", "HTML"),
    ("만료됨".encode("iso2022_kr"), "text/html; charset=iso-2022-kr", "HTML"),
    ("<html>链接已过期".encode("utf-16"), "", "HTML"),
    ('\ufeff{"code": 1}'.encode("utf-16-be"), "", "JSON"),
    ("<Error>已过期".encode("utf-16-be"), "application/xml; charset=UTF-16", "HTML"),
    ("已过期".encode("utf-16-le"), "text/html; charset=utf-16le", "HTML"),
]
FILES = [
    (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    (b"\x00\x00\x00\x18ftypmp42", "text/html"),
    (b"\x1aE\xdf\xa3webm", ""),
    (b"\x00\x00\x00\x18ftypmp42", "application/json"),
    (b"RIFF\x10\x00\x00\x00AVI ", ""),
    (b"<\x00\x01 an unknown container", ""),
    (b"{\xff\xfe an unknown container", ""),
    (b"\x1b\x0e\x0f an unknown container", ""),
    (b"\xff\xfe an unknown container", ""),
    (b"a video", ""),
    (b"a video", "application/octet-stream"),
    (b"[Script Info]", "text/plain"),
    (b"#EXTM3U", "application/vnd.apple.mpegurl"),
    (b"", ""),
]


@pytest.mark.parametrize(("head", "content_type", "kind"), PAGES)
def test_a_page_is_recognised(head: bytes, content_type: str, kind: str) -> None:
    """It is recognised by how it begins, or by its content type when it is text."""
    assert page_kind(head, content_type) == kind


@pytest.mark.parametrize(("head", "content_type"), FILES)
def test_a_file_is_never_taken_for_a_page(head: bytes, content_type: str) -> None:
    """An unknown container passes, and so does one whose host states a wrong type."""
    assert page_kind(head, content_type) is None


@given(st.binary(max_size=HEAD), st.sampled_from(["", "text/html", "application/json"]))
def test_bytes_that_are_no_text_are_a_file(head: bytes, content_type: str) -> None:
    """The declared type does not matter."""
    assert page_kind(b"\x00" + head, content_type) is None


def test_a_character_that_is_cut_at_the_end_of_the_head_is_still_text() -> None:
    """A Chinese page is recognised at any length of its first bytes."""
    page = b"<p>" + "错".encode() * HEAD
    for shift in range(3):
        assert page_kind((b" " * shift + page)[:HEAD], "") == "HTML"
