"""A finished task's subtitles, as SubRip or Advanced SubStation Alpha."""

import hashlib

from kling_mock.kling.media.file import MediaFile
from kling_mock.kling.media.urls import FILES

_ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 1280
PlayResY: 720

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, MarginL, MarginR, MarginV
Style: Default,Arial,56,&H00FFFFFF,2,10,10,80

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
{lines}"""


def render(suffix: str, seconds: int, *, tag: str = "") -> MediaFile:
    """Make a file of subtitles, one for each second; the same arguments give the same bytes.

    Args:
        suffix: `srt` or `ass`.
        seconds: Length of the video.
        tag: Text that each line contains. Give each task its own.

    Raises:
        ValueError: The suffix is unknown.
    """
    if suffix not in {"srt", "ass"}:
        raise ValueError(f"suffix: must be srt or ass, got {suffix!r}")
    text = _srt(seconds, tag) if suffix == "srt" else _ass(seconds, tag)
    content = text.encode()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media_type = FILES["subtitles"].media_types[suffix]
    return MediaFile(len(content), etag, media_type, [memoryview(content)], [0])


def _srt(seconds: int, tag: str) -> str:
    return "".join(
        f"{second + 1}\n{_clock(second)},000 --> {_clock(second + 1)},000\n"
        f"Line {second + 1} of {tag}\n\n"
        for second in range(seconds)
    )


def _ass(seconds: int, tag: str) -> str:
    lines = "".join(
        f"Dialogue: 0,{_clock(second)[1:]}.00,{_clock(second + 1)[1:]}.00,Default,,0,0,0,,"
        f"Line {second + 1} of {tag}\n"
        for second in range(seconds)
    )
    return _ASS.format(lines=lines)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
