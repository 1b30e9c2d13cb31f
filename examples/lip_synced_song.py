"""A clip of a person who sings a song: find the face of a video, and let it sing a sound file.

    python examples/lip_synced_song.py                    # a clip and a tune of its own
    python examples/lip_synced_song.py song.mp3 --seconds 5 --video https://example.com/me.mp4

Both run against a Kling inside this program. With `--real` they go to the real one: that costs
units, takes minutes, and needs KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY. The file
goes to `videos/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import io
import math
import struct
import sys
import wave
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import AdvancedLipSync, FaceChoice, IdentifyFace, Kling, KlingError

NOTES = (262, 294, 330, 349, 392, 392)  # Hz, a second each
RATE = 8000  # samples per second


def tune() -> bytes:
    """Return a WAV, so that the example needs no other file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        for note in NOTES:
            turn = 2 * math.pi * note / RATE
            heights = (round(8000 * math.sin(turn * at)) for at in range(RATE))
            sound.writeframes(struct.pack(f"<{RATE}h", *heights))
    return file.getvalue()


def sing(kling: Kling, song: Path | bytes, seconds: float, url: str, folder: Path) -> None:
    """Let the first face of a video sing, and print the outcome."""
    if url:
        session = kling.identify_face.submit(IdentifyFace(video_url=url))
    else:  # a clip of our own is named by its id
        clip = kling.text2video.run(prompt="a woman who sings", duration=10)
        session = kling.identify_face.submit(IdentifyFace(video_id=clip.videos[0].id))
    if not session.faces:
        raise ValueError("the video has no face")
    face = session.faces[0]
    begin, end = face.start_time or 0, face.end_time or 0
    print(f"face {face.face_id}: seen from {begin} to {end} ms")

    # What is heard: the song from its beginning, from the first moment of the face.
    length = min(round(seconds * 1000), end - begin)
    choice = FaceChoice(
        face.face_id,
        sound_start_time=0,
        sound_end_time=length,
        sound_insert_time=begin,
        sound_file=song,
        original_audio_volume=0,
    )
    request = AdvancedLipSync(session_id=session.session_id, face_choose=[choice])
    task = kling.advanced_lip_sync.submit(request)
    task = kling.advanced_lip_sync.wait(task)
    file = kling.download(task.videos[0], folder / "song.mp4")
    print(f"song: {length} ms in a video of {task.videos[0].duration} s, {file.path}")


def main() -> int:
    """Run the example; return 0 when the video is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("song", nargs="?", type=Path, help="an mp3, wav, m4a or aac (a tune)")
    parser.add_argument(
        "--seconds", type=float, default=float(len(NOTES)), help="how much of it is sung"
    )
    parser.add_argument("--video", default="", help="URL of an mp4 with a face (one is made)")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    song = given.song or tune()
    try:
        if given.real:
            with Kling() as kling:
                sing(kling, song, given.seconds, given.video, given.out)
        else:
            with KlingMock() as mock, mock.client() as kling:
                sing(kling, song, given.seconds, given.video, given.out)
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
