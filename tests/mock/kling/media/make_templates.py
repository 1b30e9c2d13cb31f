"""Make the committed files in `kling_mock/kling/media/templates/`; run by hand.

    python tests/mock/kling/media/make_templates.py

Needs `ffmpeg` with libx264 on PATH (made with Debian 13's ffmpeg 7.1) and about a minute.
Everything in the picture and in the sound is drawn by this script, so no third party's
material is in the templates. The result is the raw samples, not MP4 files: the emulator
writes its own MP4 header around them and needs no MP4 parser.

* Picture: on a grid of 45 units on the short side, scaled up without smoothing. All edges then
  lie on 8-pixel block borders, which costs H.264 next to nothing.
* Every second is one closed group of 30 frames without B-frames. Its first 24 frames are a
  valid second at 24 frames per second, so one template serves both rates, with a keyframe and
  a right counter at each full second.
* The frame rate is also written inside the H.264 header (SPS), so two headers are kept.
"""

import itertools
import json
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[4] / "kling_mock" / "kling" / "media" / "templates"
SECONDS = 15
GROUP = 30  # frames per second in the template
RATE = 48_000  # audio samples per second
SHORT_SIDES = (720, 1080, 2160)  # pixels
GRIDS = ((80, 45), (45, 80), (45, 45))  # 16:9, 9:16, 1:1 in units

# x264: closed groups of exactly 30, no B-frames (so no ctts box), one slice per frame.
# The color tags go through x264-params because ffmpeg's own options may convert the picture.
X264 = (
    "keyint=30:min-keyint=30:scenecut=0:open-gop=0:bframes=0:ref=1:weightp=0:slices=1"
    ":colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv"
)
ENCODE = "-c:v libx264 -profile:v high -preset slow -crf 30 -x264-params"
# Type 6 (SEI) holds nothing but the encoder's settings as text.
DROP_SEI = "filter_units=remove_types=6"
# Two ticks are one frame, hence 48 for 24 frames per second.
RETIME_24 = "h264_metadata=tick_rate=48"

# Five soft notes, one per second, each fading in and out over 1/20 s against clicks.
NOTES = (262, 294, 330, 392, 440)  # Hz: C D E G A

# Seven-segment digits: (x, y, width, height) in units within a cell of 7 x 13.
SEGMENTS = {
    "a": (0, 0, 7, 2),
    "b": (5, 0, 2, 7),
    "c": (5, 6, 2, 7),
    "d": (0, 11, 7, 2),
    "e": (0, 6, 2, 7),
    "f": (0, 0, 2, 7),
    "g": (0, 5, 7, 2),
}
DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")

Color = tuple[int, int, int]  # Y, Cb, Cr
WHITE: Color = (225, 128, 128)
ORANGE: Color = (170, 60, 190)


class Picture:
    """A small YCbCr 4:4:4 picture of `width` x `height` units."""

    def __init__(self, width: int, height: int, color: Color) -> None:
        self.width = width
        self.planes = [bytearray([value]) * (width * height) for value in color]

    def rectangle(self, x: int, y: int, width: int, height: int, color: Color) -> None:
        """Fill a rectangle; all figures in units."""
        for plane, value in zip(self.planes, color, strict=True):
            for row in range(y, y + height):
                start = row * self.width + x
                plane[start : start + width] = bytes([value]) * width


def frames(width: int, height: int) -> Iterator[bytes]:
    """Draw the 450 frames: a counter, a strip that grows, a bar that starts again each second."""
    for second, frame in itertools.product(range(SECONDS), range(GROUP)):
        turn = 2 * math.pi * second / SECONDS
        background = (48, 128 + round(28 * math.cos(turn)), 128 + round(28 * math.sin(turn)))
        picture = Picture(width, height, background)
        top = height // 2 - 10
        for place, digit in enumerate(f"{second:02}"):
            left = width // 2 - 8 + place * 9
            for segment in DIGITS[int(digit)]:
                x, y, w, h = SEGMENTS[segment]
                picture.rectangle(left + x, top + y, w, h, WHITE)
        picture.rectangle(width // 2 - 22, height - 4, 3 * second + 3, 2, WHITE)
        picture.rectangle(round(frame * (width - 4) / (GROUP - 1)), height // 2 + 8, 4, 6, ORANGE)
        yield b"".join(picture.planes)


def ffmpeg(arguments: list[str], pieces: Iterator[bytes]) -> None:
    """Run ffmpeg and feed it `pieces`.

    Raises:
        RuntimeError: ffmpeg is missing or failed.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError("ffmpeg is not on PATH")
    command = [program, "-v", "error", "-y", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        if process.stdin is None:
            raise RuntimeError("ffmpeg has no standard input")
        process.stdin.writelines(pieces)
        process.stdin.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")


def units(stream: bytes) -> list[bytes]:
    """Split an H.264 byte stream into its NAL units."""
    return [unit for unit in re.split(rb"\x00{2,}\x01", stream) if unit]


def avcc(stream: bytes) -> bytes:
    """Build the decoder configuration (`avcC` content) from a stream's parameter sets."""
    sps = {unit for unit in units(stream) if unit[0] & 31 == 7}
    pps = {unit for unit in units(stream) if unit[0] & 31 == 8}
    (one_sps,), (one_pps,) = sps, pps
    head = b"\x01" + one_sps[1:4] + b"\xff\xe1" + len(one_sps).to_bytes(2)
    tail = b"\xfd\xf8\xf8\x00" if one_sps[1] == 100 else b""  # High: 4:2:0, 8 bits
    return head + one_sps + b"\x01" + len(one_pps).to_bytes(2) + one_pps + tail


def make_video(grid: tuple[int, int], side: int, work: Path) -> dict[str, object]:
    """Write one size's samples and return its entry in the index."""
    width, height = (units * side // 45 for units in grid)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", f"{grid[0]}x{grid[1]}", "-r", "30"]
    scale = f"scale={width}:{height}:flags=neighbor,format=yuv420p"
    streams = {"30": work / "30.h264", "24": work / "24.h264"}
    encode = [*ENCODE.split(), X264, "-bsf:v", DROP_SEI, "-f", "h264"]
    ffmpeg([*raw, "-i", "-", "-vf", scale, *encode, str(streams["30"])], frames(*grid))
    copy = ["-i", str(streams["30"]), "-c", "copy", "-bsf:v", RETIME_24, "-f", "h264"]
    ffmpeg([*copy, str(streams["24"])], iter(()))
    slices = [unit for unit in units(streams["30"].read_bytes()) if unit[0] & 31 in {1, 5}]
    keys = [number for number, unit in enumerate(slices) if unit[0] & 31 == 5]
    if len(slices) != SECONDS * GROUP or keys != list(range(0, SECONDS * GROUP, GROUP)):
        raise RuntimeError(f"{width}x{height}: {len(slices)} slices, keyframes at {keys}")
    samples = [len(unit).to_bytes(4) + unit for unit in slices]
    (TARGET / f"{width}x{height}.bin").write_bytes(b"".join(samples))
    headers = {fps: avcc(path.read_bytes()).hex() for fps, path in streams.items()}
    return {"avcc": headers, "sizes": [len(sample) for sample in samples]}


def make_audio(work: Path) -> dict[str, object]:
    """Write the sound's AAC frames and return their entry in the index."""
    path = work / "tone.aac"
    pick = "+".join(f"eq(mod(floor(t),{len(NOTES)}),{i})*{hz}" for i, hz in enumerate(NOTES))
    edge = "min(1,20*min(mod(t,1),1-mod(t,1)))"
    source = f"aevalsrc='0.2*{edge}*sin(2*PI*t*({pick}))':s={RATE}:d={SECONDS + 1}"
    encode = "-c:a aac -profile:a aac_low -ac 1 -b:a 24k -fflags +bitexact -flags +bitexact -f adts"
    ffmpeg(["-f", "lavfi", "-i", source, *encode.split(), str(path)], iter(()))
    stream, samples = path.read_bytes(), list[bytes]()
    while stream:
        size = int.from_bytes(stream[3:6]) >> 5 & 0x1FFF
        samples.append(stream[7:size])  # without the 7-byte ADTS header
        stream = stream[size:]
    samples = samples[: math.ceil(SECONDS * RATE / 1024)]
    (TARGET / "tone.bin").write_bytes(b"".join(samples))
    return {"sizes": [len(sample) for sample in samples]}


def main() -> None:
    """Make all templates and the index of their sample sizes (bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        index = {"tone": make_audio(work)}
        for side, grid in itertools.product(SHORT_SIDES, GRIDS):
            width, height = (units * side // 45 for units in grid)
            index[f"{width}x{height}"] = make_video(grid, side, work)
    text = json.dumps(index, indent=1)
    # One line per list: 4,754 lines of one number each would be of no use to a reader.
    text = re.sub(r"\[[^]]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)
    (TARGET / "index.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
