"""Make the committed files in `kling_mock/kling/media/tone/`, the sound of videos; run by hand.

    python tests/mock/kling/media/make_tone.py

Needs `ffmpeg` on PATH (made with Debian 13's ffmpeg 7.1). The sound is made by this script, so no
third party's material is in it. The result is the raw AAC frames, not an MP4 file: the emulator
writes its own MP4 header around them and needs no MP4 parser.
"""

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[4] / "kling_mock" / "kling" / "media" / "tone"
SECONDS = 15
RATE = 48_000  # audio samples per second

# Five soft notes, one per second, each fading in and out over 1/20 s against clicks.
NOTES = (262, 294, 330, 392, 440)  # Hz: C D E G A


def frames(path: Path) -> list[bytes]:
    """Encode the sound and return its AAC frames.

    Raises:
        RuntimeError: ffmpeg is missing or failed.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError("ffmpeg is not on PATH")
    pick = "+".join(f"eq(mod(floor(t),{len(NOTES)}),{i})*{hz}" for i, hz in enumerate(NOTES))
    edge = "min(1,20*min(mod(t,1),1-mod(t,1)))"
    source = f"aevalsrc='0.2*{edge}*sin(2*PI*t*({pick}))':s={RATE}:d={SECONDS + 1}"
    encode = "-c:a aac -profile:a aac_low -ac 1 -b:a 24k -fflags +bitexact -flags +bitexact -f adts"
    command = [program, "-v", "error", "-y", "-f", "lavfi", "-i", source, *encode.split()]
    if subprocess.run([*command, str(path)], check=False).returncode:
        raise RuntimeError("ffmpeg failed")
    stream, payloads = path.read_bytes(), list[bytes]()
    while stream:
        size = int.from_bytes(stream[3:6]) >> 5 & 0x1FFF
        payloads.append(stream[7:size])  # without the 7-byte ADTS header
        stream = stream[size:]
    return payloads[: math.ceil(SECONDS * RATE / 1024)]


def main() -> None:
    """Make the sound and the list of its frames' sizes (bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        samples = frames(Path(folder) / "tone.aac")
    (TARGET / "samples.bin").write_bytes(b"".join(samples))
    sizes = json.dumps([len(frame) for frame in samples])
    (TARGET / "sizes.json").write_text(sizes + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
